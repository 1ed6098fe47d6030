/**
 * `#sqlite` in Bun and in the executables: the runtime's own driver, which the others imitate.
 *
 * Bun closes a database whose statements live on only when the collector finds them, and until then keeps its files open
 * and its write-ahead log in place. So statements are finalized here.
 */
import { Database as BunDatabase, type Statement } from "bun:sqlite"
import { sharedMemoryFull, type SqlDatabase, sqliteResult, type SqlStatement } from "./driver.ts"

/** @param path created if missing */
export function openDatabase(path: string): SqlDatabase {
  const database = new BunDatabase(path, { create: true, readwrite: true })
  const statements = new Set<Statement>()
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql)
      statements.add(statement)
      return statement as unknown as SqlStatement
    },
    close() {
      for (const statement of statements) statement.finalize()
      database.close(true)
    },
  }
}

/** @returns SQLite's primary result code, or 0 if `error` is not one of SQLite's */
export function resultOf(error: unknown): number {
  const number = error instanceof Error ? (error as { errno?: unknown }).errno : undefined
  if (typeof number !== "number" || !(error instanceof Error) || error.name !== "SQLiteError") return 0
  return number === sharedMemoryFull ? sqliteResult.full : number & 0xff
}
