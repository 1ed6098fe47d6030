/**
 * `FORMAT` says what kind of directory this is and in which format. It is written last when a directory is made, by a
 * rename: before that it says "creating", and a directory whose creation was interrupted holds nothing yet and is made
 * anew. So its files are written without SQLite's own care for each, and synced once, before this says that they are there.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs"
import { join } from "node:path"
import { syncDirectory, syncFile } from "../../platform/directory.ts"
import { StorageError } from "../storage.ts"
import { formatName } from "./names.ts"

/** 2: the log lies in files of its own; in format 1 it was a database. */
export const formatNumber = 2
const complete = /^qdb data directory, format (\d{1,9})\n$/
const creating = "qdb data directory, creating\n"

/** @returns the directory's format; undefined: its creation was interrupted. @throws StorageError */
export function readFormat(directory: string): number | undefined {
  const path = join(directory, formatName)
  const text = readFileSync(path, "latin1")
  if (text === creating) return undefined
  const match = complete.exec(text)
  if (match === null)
    throw new StorageError(`${path}: is not qdb's, or damaged: ${JSON.stringify(text.slice(0, 40))}`)
  const found = Number(match[1])
  if (found < 1 || found > formatNumber)
    throw new StorageError(
      `${path}: the directory has format ${found}, this version reads formats up to ${formatNumber}`,
    )
  return found
}

export function writeCreating(directory: string): void {
  write(join(directory, formatName), creating)
  syncDirectory(directory)
}

/** @param names of all files that were made */
export function writeComplete(directory: string, names: readonly string[]): void {
  for (const name of names) syncFile(join(directory, name))
  syncDirectory(directory)
  writeFormat(directory)
}

/** From here on the directory has the present format. */
export function writeFormat(directory: string): void {
  const path = join(directory, formatName)
  write(path, `qdb data directory, format ${formatNumber}\n`)
  syncDirectory(directory)
}

/** Written beside and renamed over, so that a reader finds the old text or the new. */
function write(path: string, text: string): void {
  const beside = `${path}-journal`
  const file = openSync(beside, "w", 0o640)
  writeSync(file, text)
  fsyncSync(file)
  closeSync(file)
  renameSync(beside, path)
}
