/** `#sqlite` under Deno: `node:sqlite` in the shape of `bun:sqlite`. */
import { DatabaseSync, type StatementSync } from "node:sqlite"
import {
  sharedMemoryFull,
  type SqlDatabase,
  sqliteResult,
  type SqlStatement,
  type SqlValue,
} from "./driver.ts"

class Statement implements SqlStatement {
  private readonly statement: StatementSync
  constructor(statement: StatementSync) {
    this.statement = statement
  }
  run(...parameters: SqlValue[]): unknown {
    return this.statement.run(...parameters)
  }
  get(...parameters: SqlValue[]): unknown {
    return this.statement.get(...parameters) ?? null
  }
  all(...parameters: SqlValue[]): unknown[] {
    return this.statement.all(...parameters)
  }
  iterate(...parameters: SqlValue[]): IterableIterator<unknown> {
    return this.statement.iterate(...parameters)
  }
  finalize(): void {}
}

/** @param path created if missing */
export function openDatabase(path: string): SqlDatabase {
  const database = new DatabaseSync(path)
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => new Statement(database.prepare(sql)),
    close: () => database.close(),
  }
}

/** Deno's errors carry SQLite's text and not its number (`sqlite3_errstr`, unchanged since SQLite 3.7). */
const results: readonly (readonly [string, number])[] = [
  ["database is locked", sqliteResult.busy],
  ["disk I/O error", sqliteResult.ioError],
  ["database disk image is malformed", sqliteResult.corrupt],
  ["database or disk is full", sqliteResult.full],
  ["unable to open database file", sqliteResult.cannotOpen],
  ["file is not a database", sqliteResult.notADatabase],
]

/** @returns SQLite's primary result code, or 0 if `error` is not one of SQLite's (or one that qdb does not tell apart) */
export function resultOf(error: unknown): number {
  if (!(error instanceof Error) || (error as { code?: unknown }).code !== "ERR_SQLITE_ERROR") return 0
  if ((error as { errcode?: unknown }).errcode === sharedMemoryFull) return sqliteResult.full
  return results.find(([text]) => error.message.includes(text))?.[1] ?? 0
}
