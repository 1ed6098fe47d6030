/** Errors of SQLite name no file: adds it. A full disk is told apart by its code, and passes. */
import { resultOf } from "#sqlite"
import { sqliteResult } from "../platform/sqlite/driver.ts"
import { StorageError } from "./storage.ts"

export function namedErrors<A>(path: string, run: () => A): A {
  try {
    return run()
  } catch (error) {
    if (error instanceof StorageError || resultOf(error) === sqliteResult.full) throw error
    const code = (error as { code?: unknown }).code
    const named = typeof code === "string" ? ` (${code})` : ""
    throw new StorageError(`${path}: ${error instanceof Error ? error.message : String(error)}${named}`)
  }
}
