/**
 * The results of one client that it may still ask for again: those of its writes from its *floor* on, below which it waits
 * for no answer (RIFL, Lee et al., SOSP 2015, without its leases: a row lives for ten minutes after the client's last
 * request, which is longer than any attempt may last). Below the floor nothing is ever executed, however late a copy of an
 * old request arrives: that is what makes dropping results safe.
 *
 * A client numbers its writes without gaps and has a bounded number of them open, so the results are a window over the
 * numbers and lie in a ring of typed arrays: one cell of six bytes per number, no object per write. Contents, which few
 * results have, are kept beside it.
 */
import { assert } from "../lib/assert.ts"
import { clientNumbersOpenMax } from "../lib/limits.ts"

/** What a cell says besides a code. */
const nothing = 0
const preparedCell = 1
const codeBase = 2

const cellsMin = 16

/** What `find` answers instead of a code. */
export const never = -1
export const stillPrepared = -2

export class ClientRow {
  /** latin1 of the 16 bytes. */
  readonly id: string
  floor = 0
  /** Monotonic time of the last request on this node. */
  usedMs: number
  /** Writes in the log and not yet committed: the row must stay. */
  preparedCount = 0
  /** Forgotten: whoever still holds this object must ask for a new one. */
  dead = false
  private cells = new Int32Array(cellsMin)
  private slots = new Uint16Array(cellsMin)
  private contents: Map<number, Uint8Array> | undefined
  /** Highest number with a cell. */
  private last = 0

  /** Bytes of the contents of all clients' results, kept up to date here. */
  private readonly total: { bytes: number }

  constructor(id: string, nowMs: number, total: { bytes: number }) {
    this.id = id
    this.total = total
    this.usedMs = nowMs
  }

  /** Whether a number at or above the floor fits the window. */
  accepts(number: number): boolean {
    return number - this.floor < clientNumbersOpenMax
  }

  /** @returns the code of the result of a number at or above the floor; `stillPrepared`; or `never`, if it never came */
  find(number: number): number {
    assert(number >= this.floor, "below the floor nothing is known")
    if (number > this.last) return never
    const cell = this.cells[number & (this.cells.length - 1)] as number
    if (cell === nothing) return never
    return cell === preparedCell ? stillPrepared : cell - codeBase
  }

  contentOf(number: number): Uint8Array | undefined {
    return this.contents?.get(number)
  }

  /** A write of this client was put into the log. (Another node's may be one that the client has meanwhile declared answered.) */
  prepare(number: number, slot: number): void {
    this.preparedCount++
    if (number >= this.floor && this.find(number) === never) this.set(number, slot, preparedCell)
  }

  /** A prepared write was cut out of the log: it never happened. */
  unprepare(number: number): void {
    this.preparedCount--
    assert(this.preparedCount >= 0, "what is cut was prepared")
    if (number < this.floor || this.find(number) !== stillPrepared) return
    this.cells[number & (this.cells.length - 1)] = nothing
  }

  /** Forgets the results of the slot. */
  drop(slot: number): void {
    this.forEach(slot, (number, _, content) => {
      this.cells[number & (this.cells.length - 1)] = nothing
      if (content === undefined) return
      this.contents?.delete(number)
      this.total.bytes -= content.length
    })
  }

  /** Calls `visit` for each stored result of the slot. */
  forEach(
    slot: number,
    visit: (number: number, code: number, content: Uint8Array | undefined) => void,
  ): void {
    for (let number = this.floor; number <= this.last; number++) {
      const at = number & (this.cells.length - 1)
      const cell = this.cells[at] as number
      if (this.slots[at] === slot && cell >= codeBase)
        visit(number, cell - codeBase, this.contents?.get(number))
    }
  }

  /** A prepared write was committed with this result. */
  commit(number: number, slot: number, code: number, content: Uint8Array | undefined): void {
    this.preparedCount--
    assert(this.preparedCount >= 0, "what commits was prepared")
    this.store(number, slot, code, content)
  }

  /** Keeps a result, unless the client has declared it answered. */
  store(number: number, slot: number, code: number, content: Uint8Array | undefined): void {
    if (number < this.floor) return
    this.set(number, slot, code + codeBase)
    if (content === undefined) return
    this.contents ??= new Map()
    // A log that is read again behind a snapshot tells some results twice.
    this.total.bytes += content.length - (this.contents.get(number)?.length ?? 0)
    this.contents.set(number, content)
  }

  private set(number: number, slot: number, cell: number): void {
    assert(number >= this.floor, "a number lies in its client's window")
    if (number - this.floor >= this.cells.length) this.grow(number)
    const at = number & (this.cells.length - 1)
    this.cells[at] = cell
    this.slots[at] = slot
    if (number > this.last) this.last = number
  }

  private grow(number: number): void {
    let length = this.cells.length
    while (number - this.floor >= length) length *= 2
    const cells = new Int32Array(length)
    const slots = new Uint16Array(length)
    for (let n = this.floor; n <= this.last; n++) {
      const from = n & (this.cells.length - 1)
      cells[n & (length - 1)] = this.cells[from] as number
      slots[n & (length - 1)] = this.slots[from] as number
    }
    this.cells = cells
    this.slots = slots
  }

  /** Raises the floor and drops what lies below it. */
  raiseFloor(floor: number): void {
    if (floor <= this.floor) return
    const { cells } = this
    const mask = cells.length - 1
    if (floor - this.floor >= cells.length) cells.fill(nothing)
    else for (let n = this.floor; n < floor && n <= this.last; n++) cells[n & mask] = nothing
    this.floor = floor
    if (this.contents === undefined) return
    for (const [number, content] of this.contents) {
      if (number >= floor) continue
      this.contents.delete(number)
      this.total.bytes -= content.length
    }
    if (this.contents.size === 0) this.contents = undefined
  }
}
