/**
 * A database of ours with a write-ahead log, as the table's files are. Checkpoints are asked for by hand: SQLite's automatic ones
 * swallow errors, and an fsync that failed must stop the node.
 */
import { openDatabase } from "#sqlite"
import { queryOnce, type SqlDatabase } from "../platform/sqlite/driver.ts"
import { StorageError } from "./storage.ts"

const pageBytes = 4096

interface CheckpointRow {
  readonly busy: number
  readonly log: number
  readonly checkpointed: number
}

/** When the file is fsynced: at each checkpoint, or by its caller. */
export type Synchronous = "NORMAL" | "OFF"

/** @throws StorageError */
export function openWal(path: string, synchronous: Synchronous, cacheKiB: number): SqlDatabase {
  const database = openDatabase(path)
  try {
    database.exec(`PRAGMA synchronous = ${synchronous}`)
    database.exec(`PRAGMA page_size = ${pageBytes}`)
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

/** Brings the write-ahead log into the file and empties it. @returns whether all of it is in the file now */
export function checkpoint(database: SqlDatabase): boolean {
  const row = queryOnce(database, "PRAGMA wal_checkpoint(TRUNCATE)") as CheckpointRow
  return row.busy === 0 && row.checkpointed === row.log
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
