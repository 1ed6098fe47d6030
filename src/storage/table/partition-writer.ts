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
import { bytesChecksum, hashAdd, hashSubtract, numbersChecksum, rowChecksum, rowHash } from "../checksum.ts"
import { checkpoint, rollback } from "../log/log-file.ts"
import { StorageError } from "../storage.ts"
import {
  type AppliedRow,
  appliedRowChecksum,
  emptySlotRow,
  openPartition,
  partitionPath,
  readApplied,
  readSlots,
  type SlotRow,
  slotRowChecksum,
} from "./partition.ts"
import { decodeResults, encodeResults, isApart } from "./results.ts"
import type { ChangeSet } from "./change-set.ts"
import { type ClientChange, dropAnswered, type Round, type SlotChange } from "./round.ts"

export interface ClientRow {
  readonly client: Uint8Array
  readonly floor: number
  readonly results: Uint8Array
  readonly checksum: number
}

export function clientRowChecksum(client: Uint8Array, floor: number, results: Uint8Array): number {
  return bytesChecksum(results, bytesChecksum(client, numbersChecksum(floor)))
}

const cacheKiB = 16 * 1024

export class PartitionWriter {
  readonly file: number
  readonly path: string
  readonly database: SqlDatabase
  applied: AppliedRow
  slots: Map<number, SlotRow>
  /** Batch and position that a synced checkpoint has made durable. */
  durable: { batch: number; position: number }
  private readonly select: SqlStatement
  private readonly upsert: SqlStatement
  private readonly remove: SqlStatement
  private readonly putSlot: SqlStatement
  private readonly putApplied: SqlStatement
  private readonly getClient: SqlStatement
  private readonly putClient: SqlStatement
  private readonly removeClient: SqlStatement
  private readonly getResult: SqlStatement
  private readonly putResult: SqlStatement
  private readonly removeResults: SqlStatement
  private readonly getVersion: SqlStatement
  private readonly version: number
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
    this.getClient = database.prepare("SELECT * FROM client WHERE client = ?")
    this.putClient = database.prepare("INSERT OR REPLACE INTO client VALUES(?, ?, ?, ?)")
    this.removeClient = database.prepare("DELETE FROM client WHERE client = ?")
    this.getResult = database.prepare("SELECT content FROM result WHERE client = ? AND number = ?")
    this.putResult = database.prepare("INSERT OR REPLACE INTO result VALUES(?, ?, ?)")
    this.removeResults = database.prepare("DELETE FROM result WHERE client = ?")
  }

  /** Entries in the file. */
  get count(): number {
    let count = 0
    for (const row of this.slots.values()) count += row.count
    return count
  }

  /** @param batch everything up to this batch, which ends at `position`, is in `round`. @returns rows written */
  write(round: Round, batch: number, position: number): number {
    let rows = 0
    try {
      this.begin()
      const slots = [...round.slots.keys()].sort((a, b) => a - b)
      for (const slot of slots)
        rows += this.writeEntries(slot, round.slots.get(slot) as SlotChange, round.changes)
      for (const slot of slots) this.writeState(slot, round.slots.get(slot) as SlotChange)
      // Clients are of the whole file; they are counted in the row of its first slot.
      if (round.clients.size > 0) {
        const home = this.slotRow(this.file)
        for (const change of round.clients.values()) this.writeClient(home, change)
      }
      this.commit({ batch, position })
    } catch (error) {
      rollback(this.database)
      for (const [slot, row] of this.before) this.slots.set(slot, row)
      for (const [slot, row] of this.before) if (row.checksum === 0) this.slots.delete(slot)
      throw error
    }
    return rows
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

  private commit(to: { readonly batch: number; readonly position: number }): void {
    const applied = { ...this.applied, ...to }
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

  private writeEntries(slot: number, state: SlotChange, changes: ChangeSet): number {
    const keys: { readonly alias: Uint8Array; readonly index: number }[] = []
    for (let index = state.first; index >= 0; index = changes.next(index))
      keys.push({ alias: changes.alias(index), index })
    keys.sort((a, b) => Buffer.compare(a.alias, b.alias))
    for (const { alias, index } of keys) {
      if (this.rowsInTransaction >= flushTransactionRows) {
        this.commit({ batch: this.applied.batch, position: this.applied.position })
        this.begin()
      }
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

  private writeState(slot: number, state: SlotChange): void {
    const row = this.slotRow(slot)
    row.sequence = state.sequence
    row.slotEpoch = state.slotEpoch
    row.clockMs = Math.max(row.clockMs, state.clockMs)
  }

  private writeClient(home: SlotRow, change: ClientChange): void {
    const client = Uint8Array.from(change.client, (letter) => letter.charCodeAt(0))
    const old = this.getClient.get(client) as ClientRow | null
    const { results } = change
    if (old !== null) {
      home.clients--
      home.clientHash = hashSubtract(home.clientHash, rowHash(old.checksum))
      if (!change.forgotten) this.keepResults({ ...old, client }, change)
      this.removeResults.run(client)
    }
    dropAnswered(change)
    if (change.forgotten && change.floor === 0 && results.size === 0) {
      if (old !== null) this.removeClient.run(client)
      return
    }
    for (const [number, result] of results)
      if (isApart(result)) this.putResult.run(client, number, result.content as Uint8Array)
    const encoded = encodeResults(results)
    const checksum = clientRowChecksum(client, change.floor, encoded)
    this.putClient.run(client, change.floor, encoded, checksum)
    home.clients++
    home.clientHash = hashAdd(home.clientHash, rowHash(checksum))
  }

  /** Adds what the file already knows of a client and what is still above its floor. */
  private keepResults(old: ClientRow, change: ClientChange): void {
    if (clientRowChecksum(old.client, old.floor, old.results) !== old.checksum)
      throw new StorageError(`${this.path}: the row of a client does not match its checksum`)
    change.floor = Math.max(change.floor, old.floor)
    const known = decodeResults(old.results, (number) => {
      const row = this.getResult.get(old.client, number) as { content: Uint8Array } | null
      return row?.content
    })
    if (typeof known === "string") throw new StorageError(`${this.path}: ${known}`)
    for (const [number, result] of known) if (!change.results.has(number)) change.results.set(number, result)
  }

  /**
   * Makes everything applied durable, and empties the write-ahead log: what stayed there and were damaged later would
   * bring back older pages beside newer ones. Only then may the log be cut.
   * @returns false if a reader was in the way: try again later
   */
  checkpoint(): boolean {
    try {
      if (!checkpoint(this.database, "TRUNCATE")) return false
    } catch (error) {
      if (resultOf(error) === sqliteResult.busy) return false
      throw error
    }
    this.durable = { batch: this.applied.batch, position: this.applied.position }
    return true
  }

  close(): void {
    this.database.close()
  }
}
