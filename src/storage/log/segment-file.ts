/** Files of the log: made, written and synced. */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { syncDirectory } from "../../platform/directory.ts"
import { logSegmentName } from "../directory/names.ts"

const zeroes = new Uint8Array(1024 * 1024)

/** Writes all of `bytes` from `from` on. @throws the system's error, `ENOSPC` where there is no room */
export function writeAt(file: number, bytes: Uint8Array, from: number, length: number, place: number): void {
  for (let done = 0; done < length;) done += writeSync(file, bytes, from + done, length - done, place + done)
}

/** Overwrites a part of a file with zeroes. */
export function writeZeroes(file: number, place: number, end: number): void {
  for (let at = place; at < end; at += zeroes.length)
    writeAt(file, zeroes, 0, Math.min(zeroes.length, end - at), at)
}

/**
 * Makes a file of the log in its full length, durably, so that commits need not make it grow.
 * @throws the system's error; then it is not there
 */
export function makeSegmentFile(directory: string, number: number, bytes: number): void {
  const path = join(directory, logSegmentName(number))
  const file = openSync(path, "wx", 0o640)
  try {
    writeZeroes(file, 0, bytes)
    fsyncSync(file)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  syncDirectory(directory)
}

/** Whether an error of the system says that there is no room: nothing is lost then but what was being written. */
export function isOutOfRoom(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException
  // After a failed fsync, whatever its reason, nobody knows what the disk holds.
  return (code === "ENOSPC" || code === "EDQUOT") && syscall !== "fsync" && syscall !== "fdatasync"
}
