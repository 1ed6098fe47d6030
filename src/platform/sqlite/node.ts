/** `#sqlite` under Node: better-sqlite3 in the shape of `bun:sqlite`. */
import BetterSqlite3 from "better-sqlite3"
import { type SqlDatabase, sqliteResult, type SqlStatement, type SqlValue } from "./driver.ts"

/** Blobs as `Uint8Array`: a `Buffer` would pass for one, but its `slice` does not copy. */
function plain(row: unknown): unknown {
  const values = row as Record<string, unknown> | undefined
  for (const name in values) {
    const value = values[name]
    if (Buffer.isBuffer(value)) values[name] = new Uint8Array(value.buffer, value.byteOffset, value.length)
  }
  return values
}

class Statement implements SqlStatement {
  private readonly statement: BetterSqlite3.Statement<SqlValue[]>
  constructor(statement: BetterSqlite3.Statement<SqlValue[]>) {
    this.statement = statement
  }
  /** A PRAGMA or RETURNING clause makes rows, which better-sqlite3 lets only `all` step through. */
  run(...parameters: SqlValue[]): unknown {
    return this.statement.reader ? this.statement.all(...parameters) : this.statement.run(...parameters)
  }
  get(...parameters: SqlValue[]): unknown {
    return plain(this.statement.get(...parameters)) ?? null
  }
  all(...parameters: SqlValue[]): unknown[] {
    return this.statement.all(...parameters).map(plain)
  }
  *iterate(...parameters: SqlValue[]): IterableIterator<unknown> {
    for (const row of this.statement.iterate(...parameters)) yield plain(row)
  }
  finalize(): void {}
}

/** @param path created if missing */
export function openDatabase(path: string): SqlDatabase {
  const database = new BetterSqlite3(path, { timeout: 0 })
  return {
    exec: (sql) => database.exec(sql),
    prepare: (sql) => new Statement(database.prepare(sql)),
    close: () => void database.close(),
  }
}

const results: Record<string, number> = {
  SQLITE_BUSY: sqliteResult.busy,
  SQLITE_IOERR: sqliteResult.ioError,
  SQLITE_CORRUPT: sqliteResult.corrupt,
  SQLITE_FULL: sqliteResult.full,
  SQLITE_CANTOPEN: sqliteResult.cannotOpen,
  SQLITE_NOTADB: sqliteResult.notADatabase,
}

/** @returns SQLite's primary result code, or 0 if `error` is not one of SQLite's (or one that qdb does not tell apart) */
export function resultOf(error: unknown): number {
  const text = error instanceof Error ? (error as { code?: unknown }).code : undefined
  if (typeof text !== "string") return 0
  if (text === "SQLITE_IOERR_SHMSIZE") return sqliteResult.full
  const [prefix, name] = text.split("_")
  return results[`${prefix}_${name}`] ?? 0
}
