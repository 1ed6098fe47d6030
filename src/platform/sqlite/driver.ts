/**
 * The part of SQLite that qdb uses, in the shape of `bun:sqlite`, so that Bun's own driver needs no shim and the others a
 * thin one. Import it through `#sqlite` only: the conditions in `package.json` choose the runtime's driver.
 *
 * Integers come back as numbers, so everything stored stays below 2^53. Blobs come back as `Uint8Array`; a missing row
 * as `null`. Whole numbers may be bound as floating point by a driver: columns that hold them are declared INTEGER, whose
 * affinity turns them back.
 */
export type SqlValue = null | number | string | Uint8Array

/** One row of `get` and `all`, by column name. */
export type SqlRow = Record<string, SqlValue>

export interface SqlStatement {
  run(...parameters: SqlValue[]): unknown
  get(...parameters: SqlValue[]): unknown
  all(...parameters: SqlValue[]): unknown[]
  iterate(...parameters: SqlValue[]): IterableIterator<unknown>
  finalize(): void
}

export interface SqlDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqlStatement
  close(): void
}

/** Primary result codes that the storage engine tells apart (https://www.sqlite.org/rescode.html). */
export const sqliteResult = {
  busy: 5,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
} as const

/** The first row of a query that is made once. */
export function queryOnce(database: SqlDatabase, sql: string): unknown {
  const statement = database.prepare(sql)
  try {
    return statement.get()
  } finally {
    statement.finalize()
  }
}

/**
 * SQLITE_IOERR_SHMSIZE: the index of a write-ahead log could not be grown, which is how a full disk shows where it is met
 * first. Nothing was written, so it is as good as SQLITE_FULL and no broken disk.
 */
export const sharedMemoryFull = 10 | (19 << 8)
