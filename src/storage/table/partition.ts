/**
 * A partition file: the rows of every eighth slot, and what is needed to trust them.
 *
 * Every row has a checksum, which finds a row that was changed. It cannot find a row that is *gone*: one flipped bit in a
 * tree's inner page or in a key makes SQLite miss rows. So each slot's row states the number and the hash of its entries
 * (that of the file's first slot those of the file's clients, too), and the file's row the number and the hash of its slots' rows; all change in the transaction that
 * changes what they count.
 *
 * The file's row also says up to which batch of the log everything is in the file (`applied`). Entries may be newer than
 * that, never older: records hold effects, so applying them again does no harm.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { numbersChecksum, rowHash } from "../checksum.ts"
import { partitionName } from "../directory/names.ts"
import type { SqlDatabase } from "../../platform/sqlite/driver.ts"
import { openWal } from "../wal-database.ts"
import { StorageError } from "../storage.ts"

const schema = `
CREATE TABLE entry(slot INTEGER NOT NULL, key BLOB NOT NULL, content BLOB NOT NULL, expires INTEGER NOT NULL,
  checksum INTEGER NOT NULL, PRIMARY KEY(slot, key)) WITHOUT ROWID;
CREATE INDEX entry_expires ON entry(expires, slot, key) WHERE expires > 0;
CREATE TABLE slot(slot INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, slotEpoch INTEGER NOT NULL,
  clockMs INTEGER NOT NULL, count INTEGER NOT NULL, hash INTEGER NOT NULL, clients INTEGER NOT NULL,
  clientHash INTEGER NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE client(client BLOB PRIMARY KEY, floor INTEGER NOT NULL, results BLOB NOT NULL,
  checksum INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE result(client BLOB NOT NULL, number INTEGER NOT NULL, content BLOB NOT NULL,
  PRIMARY KEY(client, number)) WITHOUT ROWID;
CREATE TABLE applied(id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, position INTEGER NOT NULL,
  slots INTEGER NOT NULL, slotsHash INTEGER NOT NULL, checksum INTEGER NOT NULL);`

export interface EntryRow {
  readonly slot: number
  readonly key: Uint8Array
  readonly content: Uint8Array
  readonly expires: number
  readonly checksum: number
}

export interface SlotRow {
  slot: number
  sequence: number
  slotEpoch: number
  clockMs: number
  count: number
  hash: number
  clients: number
  clientHash: number
  checksum: number
}

export interface AppliedRow {
  batch: number
  position: number
  slots: number
  slotsHash: number
  checksum: number
}

export function slotRowChecksum(row: SlotRow): number {
  const first = numbersChecksum(row.slot, row.sequence, row.slotEpoch, row.clockMs)
  return numbersChecksum(numbersChecksum(row.count, row.hash, row.clients, row.clientHash), first)
}

export function appliedRowChecksum(row: AppliedRow): number {
  return numbersChecksum(row.batch, row.position, row.slots, row.slotsHash)
}

export function emptySlotRow(slot: number): SlotRow {
  const zeros = { sequence: 0, slotEpoch: 0, clockMs: 0, count: 0, hash: 0, clients: 0, clientHash: 0 }
  return { slot, ...zeros, checksum: 0 }
}

export function partitionPath(directory: string, file: number): string {
  return join(directory, partitionName(file))
}

/** Makes the files of a new directory, not durably yet. They are alike, so one is made by SQLite and the others are copies. */
export function createPartitions(directory: string, files: number): void {
  createPartition(directory, 0)
  const bytes = readFileSync(partitionPath(directory, 0))
  for (let file = 1; file < files; file++)
    writeFileSync(partitionPath(directory, file), bytes, { flag: "wx", mode: 0o644 })
}

/** Makes the schema in a new file, not durably yet. */
export function createPartition(directory: string, file: number): void {
  const database = openWal(partitionPath(directory, file), "OFF", 256)
  try {
    database.exec("BEGIN IMMEDIATE")
    database.exec(schema)
    const row: AppliedRow = { batch: 0, position: 0, slots: 0, slotsHash: 0, checksum: 0 }
    database.prepare("INSERT INTO applied VALUES(1, 0, 0, 0, 0, ?)").run(appliedRowChecksum(row))
    database.exec("COMMIT")
  } finally {
    database.close()
  }
}

export function openPartition(directory: string, file: number, cacheKiB: number): SqlDatabase {
  return openWal(partitionPath(directory, file), "NORMAL", cacheKiB)
}

/** @throws StorageError if it is missing or damaged */
export function readApplied(database: SqlDatabase, path: string): AppliedRow {
  const row = database
    .prepare("SELECT batch, position, slots, slotsHash, checksum FROM applied WHERE id = 1")
    .get() as AppliedRow | null
  if (row === null) throw new StorageError(`${path}: its row of the applied position is missing`)
  if (appliedRowChecksum(row) !== row.checksum)
    throw new StorageError(`${path}: the row of the applied position does not match its checksum`)
  return { ...row }
}

/** All slots of the file, checked against the file's row. @throws StorageError */
export function readSlots(database: SqlDatabase, path: string, applied: AppliedRow): Map<number, SlotRow> {
  const slots = new Map<number, SlotRow>()
  let hash = 0
  for (const row of database.prepare("SELECT * FROM slot").all() as SlotRow[]) {
    if (slotRowChecksum(row) !== row.checksum)
      throw new StorageError(`${path}: the row of slot ${row.slot} does not match its checksum`)
    slots.set(row.slot, { ...row })
    hash = (hash + rowHash(row.checksum)) % 2 ** 52
  }
  if (slots.size !== applied.slots || hash !== applied.slotsHash)
    throw new StorageError(`${path}: rows of slots are missing: ${slots.size} found, ${applied.slots} stated`)
  return slots
}
