/** `#sqlite` in Bun and in the executables: the runtime's own driver, which the others imitate. */
import { Database as BunDatabase } from "bun:sqlite"
import type { SqlDatabase } from "./driver.ts"

/** @param path created if missing */
export function openDatabase(path: string): SqlDatabase {
  return new BunDatabase(path, { create: true, readwrite: true }) as unknown as SqlDatabase
}

/** @returns SQLite's primary result code, or 0 if `error` is not one of SQLite's */
export function resultOf(error: unknown): number {
  const number = error instanceof Error ? (error as { errno?: unknown }).errno : undefined
  return typeof number === "number" && error instanceof Error && error.name === "SQLiteError"
    ? number & 0xff
    : 0
}
