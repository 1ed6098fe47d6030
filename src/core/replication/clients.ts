/**
 * The exactly-once table of a node: a row per client.
 *
 * It belongs to the node and not to each slot, although results travel with their slots. A floor is the client's word about
 * all its numbers, so hearing it in one slot is as good for every other; and fifty clients that write to 4096 slots are
 * fifty rows and not two hundred thousand. Each result knows its slot, so that a slot can be handed on with its results.
 */
import { clientRowMs, clientsMax } from "../lib/limits.ts"
import { RecentIds } from "../lib/recent-ids.ts"
import type { Request } from "../entry/request.ts"
import { ClientRow, never } from "./client-row.ts"

/** latin1 of bytes[start, end) */
export type Text = (bytes: Uint8Array, start: number, end: number) => string

export class Clients {
  private readonly rows = new Map<string, ClientRow>()
  private readonly text: Text
  private readonly contents = { bytes: 0 }
  private readonly recent = new RecentIds<ClientRow>()
  private sweeping: IterableIterator<ClientRow> | undefined

  constructor(text: Text) {
    this.text = text
  }

  /** Contents of all results that are kept for retries. */
  get contentBytes(): number {
    return this.contents.bytes
  }

  get size(): number {
    return this.rows.size
  }

  /** The row of the client whose id lies at `at`, made if need be. @returns undefined if no more clients are taken in */
  at(bytes: Uint8Array, at: number, nowMs: number): ClientRow | undefined {
    const known = this.recent.find(bytes, at)
    if (known !== undefined && !known.dead) return known
    const id = this.text(bytes, at, at + 16)
    if (this.rows.size >= clientsMax && !this.rows.has(id)) return undefined
    const row = this.row(id, nowMs)
    this.recent.keep(bytes, at, row)
    return row
  }

  /** Whether a write under this number is in the log, or was. */
  hasSeen({ bytes, clientStart, number }: Pick<Request, "bytes" | "clientStart" | "number">): boolean {
    if (number === 0) return false
    const row = this.rows.get(this.text(bytes, clientStart, clientStart + 16))
    return row !== undefined && (number < row.floor || row.find(number) !== never)
  }

  /** The row of a client (latin1 of its id), made if need be. */
  row(id: string, nowMs: number): ClientRow {
    let row = this.rows.get(id)
    if (row === undefined) {
      row = new ClientRow(id, nowMs, this.contents)
      this.rows.set(id, row)
    }
    return row
  }

  /** All rows. */
  values(): IterableIterator<ClientRow> {
    return this.rows.values()
  }

  /** What was kept of the slot is void. */
  dropSlot(slot: number): void {
    for (const row of this.rows.values()) row.drop(slot)
  }

  forget(id: string): void {
    const row = this.rows.get(id)
    if (row === undefined) return
    row.raiseFloor(Number.MAX_SAFE_INTEGER)
    row.dead = true
    this.rows.delete(id)
  }

  /**
   * Looks at the next `count` rows and forgets those of clients from whom no attempt can come any more.
   * @returns their ids
   */
  sweep(nowMs: number, count: number): readonly string[] {
    const gone: string[] = []
    for (let looked = 0; looked < count; looked++) {
      this.sweeping ??= this.rows.values()
      const next = this.sweeping.next()
      if (next.done === true) {
        this.sweeping = undefined
        break
      }
      const row = next.value
      if (nowMs - row.usedMs <= clientRowMs || row.preparedCount > 0) continue
      gone.push(row.id)
      this.forget(row.id)
    }
    return gone
  }
}
