/**
 * Writes rounds into one partition file: keys in order (random upserts cost three times as much), in transactions that
 * end after some thousand rows. Each transaction leaves the file consistent, counts and hashes included; the last one
 * adds the slots' sequences, the clients' results and the applied position. A round that fails half-way is simply done
 * again: what it wrote is not older than what it will write.
 *
 * The rows of the slots are kept in memory from the start, so nobody else may write the file. The directory's lock sees to
 * that; a transaction looks all the same, because counts that are wrong make whole slots unreadable.
 */
import { resultOf } from "#sqlite"
import { assert } from "../../core/lib/assert.ts"
import { flushTransactionRows } from "../../core/lib/limits.ts"
import { type SqlDatabase, sqliteResult, type SqlStatement } from "../../platform/sqlite/driver.ts"
import { hashAdd, hashSubtract, rowChecksum, rowHash } from "../checksum.ts"
import type { LogPlace } from "../log/batch.ts"
import { checkpoint, rollback } from "../wal-database.ts"
import { StorageError } from "../storage.ts"
import {
  type AppliedRow,
  appliedRowChecksum,
  type EntryRow,
  emptySlotRow,
  openPartition,
  partitionPath,
  readApplied,
  readSlots,
  type SlotRow,
  slotRowChecksum,
} from "./partition.ts"
import type { ChangeSet } from "./change-set.ts"
import { ClientWriter } from "./client-writer.ts"
import type { Round, SlotChange } from "./round.ts"

/** Rows come in order: what is needed again is the path from the root. */
const cacheKiB = 512
/** What a piece of a walk over the clients counts in a transaction, in rows. */
const clientsWeight = 256

export class PartitionWriter {
  readonly file: number
  readonly path: string
  readonly database: SqlDatabase
  applied: AppliedRow
  slots: Map<number, SlotRow>
  /** Batch and position that a synced checkpoint has made durable. */
  durable: LogPlace
  private readonly clients: ClientWriter
  private readonly select: SqlStatement
  private readonly upsert: SqlStatement
  private readonly remove: SqlStatement
  private readonly putSlot: SqlStatement
  private readonly putApplied: SqlStatement
  private readonly range: SqlStatement
  private readonly removeRange: SqlStatement
  private readonly getVersion: SqlStatement
  private version: number
  /** Slots' rows before the transaction, to return to if it fails. */
  private readonly before = new Map<number, SlotRow>()
  private rowsInTransaction = 0

  constructor(directory: string, file: number) {
    this.file = file
    this.path = partitionPath(directory, file)
    const database = openPartition(directory, file, cacheKiB)
    this.database = database
    this.getVersion = database.prepare("PRAGMA data_version")
    this.version = this.dataVersion()
    this.applied = readApplied(database, this.path)
    this.slots = readSlots(database, this.path, this.applied)
    // What a killed process left in the write-ahead log is not durable until this one has made a checkpoint.
    this.durable = { batch: 0, position: this.applied.position }
    this.select = database.prepare("SELECT checksum FROM entry WHERE slot = ? AND key = ?")
    this.upsert = database.prepare("INSERT OR REPLACE INTO entry VALUES(?, ?, ?, ?, ?)")
    this.remove = database.prepare("DELETE FROM entry WHERE slot = ? AND key = ?")
    this.putSlot = database.prepare("INSERT OR REPLACE INTO slot VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
    this.putApplied = database.prepare("INSERT OR REPLACE INTO applied VALUES(1, ?, ?, ?, ?, ?)")
    this.range = database.prepare("SELECT key, checksum FROM entry WHERE slot = ? ORDER BY key LIMIT ?")
    this.removeRange = database.prepare("DELETE FROM entry WHERE slot = ? AND key <= ?")
    this.clients = new ClientWriter(database, this.path)
  }

  /** Entries in the file. */
  get count(): number {
    let count = 0
    for (const row of this.slots.values()) count += row.count
    return count
  }

  /** @param to everything up to here is in `round`. @returns rows written */
  write(round: Round, to: LogPlace): number {
    let rows = 0
    try {
      this.begin()
      const slots = [...round.slots.keys()].sort((a, b) => a - b)
      this.dropResults(new Set(slots.filter((slot) => round.slots.get(slot)?.reset)))
      for (const slot of slots)
        rows += this.writeEntries(slot, round.slots.get(slot) as SlotChange, round.changes)
      for (const slot of slots) this.writeState(slot, round.slots.get(slot) as SlotChange)
      if (round.clients.size > 0) {
        const home = this.slotRow(this.file)
        for (const change of round.clients.values()) this.clients.write(home, change)
      }
      this.commit(to)
    } catch (error) {
      this.takeBack()
      for (const [slot, row] of this.before) this.slots.set(slot, row)
      for (const [slot, row] of this.before) if (row.checksum === 0) this.slots.delete(slot)
      throw error
    }
    return rows
  }

  /** What SQLite gives up for want of room in the middle counts as a change for it; nobody else can have written meanwhile. */
  private takeBack(): void {
    rollback(this.database)
    this.version = this.dataVersion()
  }

  private begin(): void {
    this.database.exec("BEGIN IMMEDIATE")
    this.before.clear()
    this.rowsInTransaction = 0
    if (this.dataVersion() !== this.version)
      throw new StorageError(`${this.path}: something else has written it while it was open`)
  }

  /** Another number once another connection has committed. */
  private dataVersion(): number {
    return (this.getVersion.get() as { data_version: number }).data_version
  }

  /** Ends a transaction that has become long enough, and begins the next. */
  private breathe(): void {
    if (this.rowsInTransaction < flushTransactionRows) return
    this.commit(this.applied)
    this.begin()
  }

  private commit({ batch, position }: LogPlace): void {
    const applied = { ...this.applied, batch, position }
    for (const [slot, before] of this.before) {
      const row = this.slots.get(slot) as SlotRow
      if (before.checksum === 0) applied.slots++
      else applied.slotsHash = hashSubtract(applied.slotsHash, rowHash(before.checksum))
      row.checksum = slotRowChecksum(row)
      applied.slotsHash = hashAdd(applied.slotsHash, rowHash(row.checksum))
      const { sequence, slotEpoch, clockMs, count, hash, clients, clientHash, checksum } = row
      this.putSlot.run(slot, sequence, slotEpoch, clockMs, count, hash, clients, clientHash, checksum)
    }
    applied.checksum = appliedRowChecksum(applied)
    this.putApplied.run(applied.batch, applied.position, applied.slots, applied.slotsHash, applied.checksum)
    this.database.exec("COMMIT")
    this.applied = applied
    this.before.clear()
  }

  /** The slot's row, to be changed in this transaction. */
  private slotRow(slot: number): SlotRow {
    let row = this.slots.get(slot)
    if (!this.before.has(slot)) {
      this.before.set(slot, row ?? emptySlotRow(slot))
      row = row === undefined ? emptySlotRow(slot) : { ...row }
      this.slots.set(slot, row)
    }
    return row as SlotRow
  }

  /** Of slots that were reset, which leave the file with their entries. */
  private dropResults(slots: ReadonlySet<number>): void {
    if (slots.size === 0) return
    let after: Uint8Array | undefined = new Uint8Array(0)
    while (after !== undefined) {
      this.breathe()
      after = this.clients.dropSlots(this.slotRow(this.file), slots, after)
      this.rowsInTransaction += clientsWeight
    }
  }

  /** Whatever the file shows of a slot goes: what it does not show, because it is damaged, is not counted any more. */
  private removeEntries(slot: number): void {
    for (;;) {
      this.breathe()
      const row = this.slotRow(slot)
      const rows = this.range.all(slot, flushTransactionRows / 2) as Pick<EntryRow, "key" | "checksum">[]
      const last = rows[rows.length - 1]
      if (last === undefined) {
        row.count = row.hash = 0
        return
      }
      for (const { checksum } of rows) row.hash = hashSubtract(row.hash, rowHash(checksum))
      row.count = Math.max(0, row.count - rows.length)
      this.rowsInTransaction += rows.length
      this.removeRange.run(slot, last.key.slice())
    }
  }

  private writeEntries(slot: number, change: SlotChange, changes: ChangeSet): number {
    if (change.reset) this.removeEntries(slot)
    const keys: { readonly alias: Uint8Array; readonly index: number }[] = []
    for (let index = change.first; index >= 0; index = changes.next(index))
      keys.push({ alias: changes.alias(index), index })
    keys.sort((a, b) => Buffer.compare(a.alias, b.alias))
    for (const { alias, index } of keys) {
      this.breathe()
      this.rowsInTransaction++
      this.writeEntry(this.slotRow(slot), alias, changes.content(index), changes.expiresAtMs(index))
    }
    return keys.length
  }

  /** @param content undefined: the entry was removed */
  private writeEntry(
    row: SlotRow,
    key: Uint8Array,
    content: Uint8Array | undefined,
    expiresAtMs: number,
  ): void {
    const { slot } = row
    const old = this.select.get(slot, key) as { checksum: number } | null
    if (old !== null) {
      row.count--
      row.hash = hashSubtract(row.hash, rowHash(old.checksum))
    }
    if (content === undefined) {
      if (old !== null) this.remove.run(slot, key)
      return
    }
    const checksum = rowChecksum(slot, key, content, expiresAtMs)
    this.upsert.run(slot, key, content, expiresAtMs, checksum)
    row.count++
    row.hash = hashAdd(row.hash, rowHash(checksum))
    assert(row.count > 0, "a slot that holds an entry counts it")
  }

  private writeState(slot: number, { state, reset }: SlotChange): void {
    if (state === undefined) return
    const row = this.slotRow(slot)
    row.sequence = state.sequence
    row.slotEpoch = state.slotEpoch
    row.clockMs = reset ? state.clockMs : Math.max(row.clockMs, state.clockMs)
  }

  /**
   * Makes everything applied durable, and empties the write-ahead log: what stayed there and were damaged later would
   * bring back older pages beside newer ones. Only then may the log be cut.
   * @returns false if a reader was in the way: try again later
   */
  checkpoint(): boolean {
    try {
      if (!checkpoint(this.database)) return false
    } catch (error) {
      if (resultOf(error) === sqliteResult.busy) return false
      this.version = this.dataVersion()
      throw error
    }
    this.durable = { batch: this.applied.batch, position: this.applied.position }
    return true
  }

  close(): void {
    this.database.close()
  }
}
