/**
 * One process at a time opens a data directory. The lock is the kernel's, so it dies with the process, and no stale number
 * in a file can fool it.
 *
 * No runtime offers `flock`, but SQLite takes kernel locks on every platform: `LOCK` is a database in which a transaction
 * is begun (`BEGIN IMMEDIATE`: one holder at a time, readers admitted) and never ended. Its one row is the holder's pid,
 * which others read for their message. Nothing is written within that transaction, so a killed process leaves no journal.
 *
 * POSIX drops a process's locks on a file when the process closes *any* descriptor of it. So nothing in qdb opens `LOCK`
 * but this, and the log's witness has a file of its own.
 */
import { join } from "node:path"
import { openDatabase, resultOf } from "#sqlite"
import { type SqlDatabase, sqliteResult } from "../../platform/sqlite/driver.ts"
import { StorageError } from "../storage.ts"
import { lockName } from "./names.ts"

/** Locks that are held. Reachable from here, so that no collector closes the database of a lock whose owner is careless. */
const held = new Set<DirectoryLock>()

export class DirectoryLock {
  private readonly database: SqlDatabase

  /** @throws StorageError that names the process which holds it */
  constructor(directory: string) {
    const path = join(directory, lockName)
    this.database = openDatabase(path)
    try {
      this.take()
      held.add(this)
    } catch (error) {
      const by = resultOf(error) === sqliteResult.busy ? holder(this.database) : undefined
      this.database.close()
      if (by === undefined) throw new StorageError(`${path}: cannot be locked: ${(error as Error).message}`)
      throw new StorageError(`${directory}: in use by process ${by}`)
    }
  }

  private take(): void {
    const { database } = this
    database.exec("PRAGMA journal_mode = DELETE")
    // A power failure must not leave a torn file here, which nobody could lock afterwards.
    database.exec("PRAGMA synchronous = EXTRA")
    database.exec("BEGIN IMMEDIATE")
    database.exec("CREATE TABLE IF NOT EXISTS holder(id INTEGER PRIMARY KEY, pid INTEGER)")
    database.prepare("INSERT OR REPLACE INTO holder VALUES(1, ?)").run(process.pid)
    database.exec("COMMIT")
    // Another process may slip in here; then this one is refused, which is as good.
    database.exec("BEGIN IMMEDIATE")
  }

  release(): void {
    held.delete(this)
    this.database.exec("ROLLBACK")
    this.database.close()
  }
}

function holder(database: SqlDatabase): string {
  try {
    const row = database.prepare("SELECT pid FROM holder").get() as { pid: number } | null
    return row === null ? "(unknown)" : String(row.pid)
  } catch {
    // It is being written at this moment: the message does without the number.
    return "(unknown)"
  }
}
