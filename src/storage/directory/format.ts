/**
 * `FORMAT` says what kind of directory this is and in which format. It is written last when a directory is made, by a
 * rename: before that it says "creating", and a directory whose creation was interrupted holds nothing yet and is made
 * anew. So its files are written without SQLite's own care for each, and synced once, before this says that they are there.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs"
import { join } from "node:path"
import { StorageError } from "../storage.ts"
import { formatName } from "./names.ts"

export const formatNumber = 1
const complete = /^qdb data directory, format (\d{1,9})\n$/
const creating = "qdb data directory, creating\n"

/** @returns whether the directory is complete; false: its creation was interrupted. @throws StorageError */
export function readFormat(directory: string): boolean {
  const path = join(directory, formatName)
  const text = readFileSync(path, "latin1")
  if (text === creating) return false
  const match = complete.exec(text)
  if (match === null)
    throw new StorageError(`${path}: is not qdb's, or damaged: ${JSON.stringify(text.slice(0, 40))}`)
  const found = Number(match[1])
  if (found !== formatNumber)
    throw new StorageError(
      `${path}: the directory has format ${found}, this version reads format ${formatNumber}`,
    )
  return true
}

export function writeCreating(directory: string): void {
  write(join(directory, formatName), creating)
  syncDirectory(directory)
}

/** @param names of all files that were made */
export function writeComplete(directory: string, names: readonly string[]): void {
  for (const name of names) syncFile(join(directory, name))
  syncDirectory(directory)
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

function syncFile(path: string): void {
  // Windows syncs no file that is open for reading alone.
  const file = openSync(path, "r+")
  fsyncSync(file)
  closeSync(file)
}

/** Makes names in a directory durable. Windows has no such call, and needs none. */
function syncDirectory(directory: string): void {
  if (process.platform === "win32") return
  const file = openSync(directory, "r")
  fsyncSync(file)
  closeSync(file)
}
