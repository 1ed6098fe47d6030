/**
 * `log.db`: one row per batch, written by one thread and read by others through connections of their own.
 *
 * The write-ahead log is grown when the file is opened and then overwritten in place (a growing file costs a commit twice
 * the time), and rows are deleted as the table takes them over, so that the file keeps its size. Checkpoints are asked
 * for by hand: SQLite's automatic ones swallow errors, and an fsync that failed must stop the node.
 */
import { join } from "node:path"
import { openDatabase, resultOf } from "#sqlite"
import { logCheckpointPages, logGrownBytes } from "../../core/lib/limits.ts"
import { queryOnce, type SqlDatabase, sqliteResult, type SqlStatement } from "../../platform/sqlite/driver.ts"
import { logName } from "../directory/names.ts"
import { StorageError } from "../storage.ts"
import { batchEnd, batchHeaderBytes } from "./batch.ts"

export const pageBytes = 4096
/** Of the log alone: its rows are long, and a page is a call of the system. */
export const logPageBytes = 16_384

/** All up to this batch, which ends at `position`. */
export interface LogPlace {
  readonly batch: number
  readonly position: number
}

export interface LogRow {
  readonly number: number
  readonly batch: Uint8Array
}

/** A batch on its way; what is written is not read again by this connection, but for the tree's inner pages. */
const cacheKiB = 2048

interface CheckpointRow {
  readonly busy: number
  readonly log: number
  readonly checkpointed: number
}

/** When a database's file is fsynced: at each commit, at each checkpoint, or by its caller. */
export type Synchronous = "FULL" | "NORMAL" | "OFF"

/** Opens a database of ours with a write-ahead log. @param page bytes of a page of a new file */
export function openWal(
  path: string,
  synchronous: Synchronous,
  cacheKiB: number,
  page: number = pageBytes,
): SqlDatabase {
  const database = openDatabase(path)
  try {
    database.exec(`PRAGMA synchronous = ${synchronous}`)
    database.exec(`PRAGMA page_size = ${page}`)
    database.exec("PRAGMA busy_timeout = 10000")
    const mode = queryOnce(database, "PRAGMA journal_mode = WAL") as { journal_mode: string }
    if (mode.journal_mode !== "wal") throw new Error(`the file system does not allow a write-ahead log`)
    database.exec("PRAGMA wal_autocheckpoint = 0")
    database.exec(`PRAGMA cache_size = -${cacheKiB}`)
    return database
  } catch (error) {
    database.close()
    const code = (error as { code?: unknown }).code
    throw new StorageError(
      `${path}: ${(error as Error).message}${typeof code === "string" ? ` (${code})` : ""}`,
    )
  }
}

/** @returns whether all of the write-ahead log is in the database now */
export function checkpoint(database: SqlDatabase, mode: "PASSIVE" | "TRUNCATE"): boolean {
  const row = runCheckpoint(database, mode)
  return row.busy === 0 && row.checkpointed === row.log
}

function runCheckpoint(database: SqlDatabase, mode: "PASSIVE" | "TRUNCATE"): CheckpointRow {
  return queryOnce(database, `PRAGMA wal_checkpoint(${mode})`) as CheckpointRow
}

/**
 * On a full disk the rest stays in the write-ahead log.
 * @returns false if another connection is at it
 */
export function checkpointWhatFits(database: SqlDatabase): boolean {
  try {
    return runCheckpoint(database, "PASSIVE").busy === 0
  } catch (error) {
    if (resultOf(error) !== sqliteResult.full) throw error
    return true
  }
}

export class LogWriter {
  readonly path: string
  readonly database: SqlDatabase
  private readonly insert: SqlStatement
  private readonly cut: SqlStatement
  private pagesSinceCheckpoint = 0

  constructor(directory: string, synchronous: Synchronous) {
    this.path = join(directory, logName)
    this.database = openWal(this.path, synchronous, cacheKiB, logPageBytes)
    // What it has grown to beside a slow helper is given back when it begins anew.
    this.database.exec(`PRAGMA journal_size_limit = ${logCheckpointPages * logPageBytes}`)
    this.database.exec("CREATE TABLE IF NOT EXISTS log(number INTEGER PRIMARY KEY, batch BLOB NOT NULL)")
    this.insert = this.database.prepare("INSERT INTO log VALUES(?, ?)")
    this.cut = this.database.prepare("DELETE FROM log WHERE number BETWEEN ? AND ?")
  }

  /** Before the first append, after everything was read. */
  grow(): void {
    const { database } = this
    database.exec("CREATE TABLE IF NOT EXISTS pad(bytes BLOB)")
    database.exec(`BEGIN; INSERT INTO pad VALUES(zeroblob(${logGrownBytes})); COMMIT`)
    database.exec("DELETE FROM pad")
    checkpoint(database, "PASSIVE")
  }

  /** Appends one batch and deletes batches `cutFrom` to `cutTo`, in one transaction. Durable when it returns. */
  append(number: number, batch: Uint8Array, cutFrom: number, cutTo: number): void {
    const { database } = this
    database.exec("BEGIN IMMEDIATE")
    try {
      if (cutTo >= cutFrom) this.cut.run(cutFrom, cutTo)
      this.insert.run(number, batch)
      database.exec("COMMIT")
    } catch (error) {
      rollback(database)
      throw error
    }
    this.pagesSinceCheckpoint += Math.ceil(batch.length / logPageBytes) + 3
  }

  /** Whether so much of what calls for a checkpoint (1: all) was written since the last. */
  isCheckpointDue(share: number): boolean {
    return this.pagesSinceCheckpoint >= share * logCheckpointPages
  }

  /**
   * On a full disk what is not checkpointed stays in the write-ahead log, until there is room.
   * @returns false if another connection is at it: then it is still due
   */
  checkpoint(): boolean {
    if (!checkpointWhatFits(this.database)) return false
    this.pagesSinceCheckpoint = 0
    return true
  }

  deleteRange(from: number, to: number): void {
    this.cut.run(from, to)
    this.pagesSinceCheckpoint += 2 + (to - from)
  }

  first(): number {
    return new LogReader(this.database, this.path).first() ?? 0
  }

  close(): void {
    try {
      checkpoint(this.database, "TRUNCATE")
    } catch (error) {
      if (resultOf(error) !== sqliteResult.full) throw error
    }
    this.database.close()
  }
}

/** Bytes of pages that the file holds and does not use. */
export function freeBytes(database: SqlDatabase): number {
  const free = queryOnce(database, "PRAGMA freelist_count") as { freelist_count: number }
  const page = queryOnce(database, "PRAGMA page_size") as { page_size: number }
  return free.freelist_count * page.page_size
}

/** Ends a transaction after an error, which SQLite may have done itself. */
export function rollback(database: SqlDatabase): void {
  try {
    database.exec("ROLLBACK")
  } catch {
    // "no transaction is active": the error that brought us here has rolled it back, and is the one to report.
  }
}

/** Reads batches by short transactions of its own. */
export class LogReader {
  private readonly path: string
  private readonly select: SqlStatement
  private readonly selectDown: SqlStatement
  private readonly selectHead: SqlStatement
  private readonly selectFirst: SqlStatement

  /** @param path for messages */
  constructor(database: SqlDatabase, path: string) {
    this.path = path
    this.selectFirst = database.prepare("SELECT min(number) AS number FROM log")
    this.selectDown = database.prepare(
      "SELECT number, batch FROM log WHERE number <= ? AND number >= ? ORDER BY number DESC LIMIT ?",
    )
    this.selectHead = database.prepare("SELECT substr(batch, 1, ?) AS head FROM log WHERE number = ?")
    this.select = database.prepare("SELECT number, batch FROM log WHERE number >= ? ORDER BY number LIMIT ?")
  }

  /** @returns rows from `number` down to `last`, newest first, at most `limit` */
  down(number: number, last: number, limit: number): LogRow[] {
    return this.selectDown.all(number, last, limit) as LogRow[]
  }

  /** @returns the position behind a batch, by its header alone; undefined if there is none of this number */
  endOf(number: number): number | undefined {
    const head = (this.selectHead.get(batchHeaderBytes, number) as { head: Uint8Array } | null)?.head
    return head === undefined || head.length < batchHeaderBytes ? undefined : batchEnd(head)
  }

  /**
   * The last of some batches that ends at or before `position`, by bisection.
   * @param low known to end there
   * @param high known to end behind it
   * @throws StorageError if one is missing
   */
  lastEndingBy(position: number, low: LogPlace, high: number): LogPlace {
    let [below, above] = [low, high]
    while (above - below.batch > 1) {
      const batch = Math.floor((below.batch + above) / 2)
      const end = this.endOf(batch)
      if (end === undefined) throw new StorageError(`${this.path}: batch ${batch} is missing`)
      if (end <= position) below = { batch, position: end }
      else above = batch
    }
    return below
  }

  /** @returns the number of the first batch, or undefined if there is none */
  first(): number | undefined {
    return (this.selectFirst.get() as { number: number | null }).number ?? undefined
  }

  /** @returns rows from `number` on, at most `limit` */
  from(number: number, limit: number): LogRow[] {
    return this.select.all(number, limit) as LogRow[]
  }
}
