/**
 * Reads one partition file and believes nothing: every row against its checksum, and every *absence* against the slot's
 * row. A lookup that finds no row asks whether the slot's entries are complete: it walks them once, compares number and
 * hash with what the slot's row states, and remembers the outcome for as long as the slot's row stays the same.
 */
import type { SlotPiece } from "../../core/replication/transfer.ts"
import type { SqlDatabase, SqlStatement } from "../../platform/sqlite/driver.ts"
import { hashAdd, rowChecksum, rowHash } from "../checksum.ts"
import { StorageError } from "../storage.ts"
import { type EntryRow, openPartition, partitionPath, type SlotRow, slotRowChecksum } from "./partition.ts"

/** The system's cache holds the file, too. */
const cacheKiB = 512
const entriesPerPiece = 4096

export interface LoadedEntry {
  readonly content: Uint8Array
  readonly expiresAtMs: number
}

export class PartitionReader {
  readonly path: string
  private readonly database: SqlDatabase
  private readonly getEntry: SqlStatement
  private readonly getSlot: SqlStatement
  private readonly walk: SqlStatement
  private readonly range: SqlStatement
  private readonly rangeFrom: SqlStatement
  private readonly sizes: SqlStatement
  private readonly due: SqlStatement
  /** Checksum of the slot's row under which its entries were found complete. */
  private readonly verified = new Map<number, number>()
  /** Where the last look for expired entries ended. */
  private dueAfter = { expires: 0, slot: 0, key: new Uint8Array(0) }

  constructor(directory: string, file: number) {
    this.path = partitionPath(directory, file)
    const database = openPartition(directory, file, cacheKiB)
    this.database = database
    this.getEntry = database.prepare("SELECT * FROM entry WHERE slot = ? AND key = ?")
    this.getSlot = database.prepare("SELECT * FROM slot WHERE slot = ?")
    this.walk = database.prepare("SELECT * FROM entry WHERE slot = ?")
    this.range = database.prepare("SELECT * FROM entry WHERE slot = ? AND key > ? ORDER BY key LIMIT ?")
    this.rangeFrom = database.prepare("SELECT * FROM entry WHERE slot = ? AND key >= ? ORDER BY key LIMIT ?")
    this.sizes = database.prepare(
      "SELECT length(key) + length(content) AS bytes FROM entry WHERE slot = ? AND key > ? ORDER BY key LIMIT ?",
    )
    this.due = database.prepare(
      "SELECT expires, slot, key FROM entry WHERE expires > 0 AND expires <= ? AND (expires, slot, key) > (?, ?, ?) ORDER BY expires, slot, key LIMIT ?",
    )
  }

  /** All reads of `run` see one state of the file. */
  snapshot<A>(run: () => A): A {
    this.database.exec("BEGIN")
    try {
      return run()
    } finally {
      this.database.exec("COMMIT")
    }
  }

  /** @returns undefined if there is no such entry, certainly. @throws StorageError naming file and slot */
  load(slot: number, key: Uint8Array): LoadedEntry | undefined {
    const row = this.getEntry.get(slot, key) as EntryRow | null
    if (row === null) {
      this.verifySlot(slot)
      return undefined
    }
    // A damaged page may answer with the row of another key, whole in itself: what counts is the key that was asked for.
    this.verifyRow({ ...row, slot, key })
    return { content: row.content, expiresAtMs: row.expires }
  }

  private verifyRow(row: EntryRow): void {
    const { slot, key, content, expires } = row
    const whole = key instanceof Uint8Array && content instanceof Uint8Array && typeof expires === "number"
    if (!whole || rowChecksum(slot, key, content, expires) !== row.checksum)
      throw new StorageError(`${this.path}: slot ${slot}: an entry does not match its checksum`)
  }

  /** @returns how many rows it walked. @throws StorageError if rows are missing */
  verifySlot(slot: number): number {
    const stated = this.getSlot.get(slot) as SlotRow | null
    if (stated !== null && slotRowChecksum({ ...stated, slot }) !== stated.checksum)
      throw new StorageError(`${this.path}: the row of slot ${slot} does not match its checksum`)
    const checksum = stated?.checksum ?? -1
    if (this.verified.get(slot) === checksum) return 0
    let count = 0
    let hash = 0
    for (const row of this.walk.iterate(slot) as IterableIterator<EntryRow>) {
      this.verifyRow(row)
      count++
      hash = hashAdd(hash, rowHash(row.checksum))
    }
    if (count !== (stated?.count ?? 0) || hash !== (stated?.hash ?? 0))
      throw new StorageError(
        `${this.path}: slot ${slot}: entries are missing: ${count} found, ${stated?.count ?? 0} stated`,
      )
    this.verified.set(slot, checksum)
    return count
  }

  /** The next entries of a slot behind `after`: as many as fit into `bytesMax`, but at least one. */
  entries(slot: number, after: Uint8Array, bytesMax: number): SlotPiece {
    const sizes = this.sizes.all(slot, after, entriesPerPiece + 1) as { bytes: number }[]
    let bytes = 0
    let count = 0
    for (; count < Math.min(sizes.length, entriesPerPiece); count++) {
      const size = (sizes[count] as { bytes: number }).bytes
      if (count > 0 && bytes + size > bytesMax) break
      bytes += size
    }
    const rows = this.range.all(slot, after, count) as EntryRow[]
    const entries = rows.map((row) => {
      this.verifyRow(row)
      return { alias: row.key, content: row.content, expiresAtMs: row.expires }
    })
    return { entries, next: count < sizes.length ? entries[entries.length - 1]?.alias : undefined }
  }

  /** The next keys of a slot behind `after`, at most `limit`. */
  keys(slot: number, after: Uint8Array, limit: number): Uint8Array[] {
    return this.verifiedKeys(this.range.all(slot, after, limit) as EntryRow[])
  }

  /** As `keys`, but where `after` is empty the walk begins with the prefix itself. */
  keysFrom(slot: number, prefix: Uint8Array, after: Uint8Array, limit: number): Uint8Array[] {
    if (after.length > 0 || prefix.length === 0) return this.keys(slot, after, limit)
    return this.verifiedKeys(this.rangeFrom.all(slot, prefix, limit) as EntryRow[])
  }

  private verifiedKeys(rows: readonly EntryRow[]): Uint8Array[] {
    return rows.map((row) => {
      this.verifyRow(row)
      return row.key
    })
  }

  /** Whether this slot was found complete since the file was opened, whatever was written to it afterwards. */
  wasVerified(slot: number): boolean {
    return this.verified.has(slot)
  }

  /** Entries whose expiry has passed, in turns: each call goes on where the last ended. */
  expired(nowMs: number, limit: number): { slot: number; key: Uint8Array }[] {
    const { expires, slot, key } = this.dueAfter
    const rows = this.due.all(nowMs, expires, slot, key, limit) as {
      expires: number
      slot: number
      key: Uint8Array
    }[]
    const last = rows.length < limit ? undefined : rows[rows.length - 1]
    this.dueAfter =
      last === undefined
        ? { expires: 0, slot: 0, key: new Uint8Array(0) }
        : { ...last, key: last.key.slice() }
    return rows
  }

  close(): void {
    this.database.close()
  }
}
