/**
 * Brings a directory of an older format to the present one, before anything else is opened. Whatever moment it is killed in, the
 * next start begins it anew: the format is written when everything is durable, and only then goes what was the old one's.
 */
import { existsSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { openDatabase } from "#sqlite"
import { syncDirectory } from "../../platform/directory.ts"
import { type BatchHeader, openBatch } from "../log/batch.ts"
import { readWitness } from "../log/witness.ts"
import { LogWriter } from "../log/writer.ts"
import { StorageError } from "../storage.ts"
import { formatNumber, writeFormat } from "./format.ts"
import { logSegmentPattern, oldLogName } from "./names.ts"

/** @throws StorageError */
export function upgradeDirectory(directory: string, format: number): void {
  if (format < formatNumber) {
    for (const name of readdirSync(directory)) if (logSegmentPattern.test(name)) rmSync(join(directory, name))
    if (existsSync(join(directory, oldLogName))) copyLog(directory)
    syncDirectory(directory)
    writeFormat(directory)
  }
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(directory, oldLogName + suffix), { force: true })
}

/**
 * Batches are the same, byte for byte. What is not whole ends the copy where it may be a torn end that nobody was told of; else
 * the directory stays as it is.
 * @throws StorageError
 */
function copyLog(directory: string): void {
  const path = join(directory, oldLogName)
  const witness = readWitness(directory)
  const database = openDatabase(path)
  try {
    let log: LogWriter | undefined
    let last: BatchHeader | undefined
    const rows = database.prepare("SELECT number, batch FROM log ORDER BY number").iterate()
    for (const { number, batch } of rows as Iterable<{ number: number; batch: Uint8Array }>) {
      const header = openNext(batch, number, last)
      if (typeof header === "string") {
        if (number <= witness.batch) throw new Error(`batch ${number}: ${header}`)
        break
      }
      const start = { batch: number - 1, position: header.start }
      if (log === undefined) LogWriter.create(directory, start)
      log ??= new LogWriter(directory, true, { ...start, offset: 0 })
      log.append(number, batch, header.end)
      last = header
    }
    if (witness.synced && (last?.number ?? 0) < witness.batch)
      throw new Error(`ends at batch ${last?.number ?? 0}, but batch ${witness.batch} was acknowledged`)
    if (log === undefined) LogWriter.create(directory)
    log?.close()
  } catch (error) {
    throw new StorageError(`${path}: ${(error as Error).message}`)
  } finally {
    database.close()
  }
}

function openNext(batch: Uint8Array, number: number, last: BatchHeader | undefined): BatchHeader | string {
  if (last !== undefined && number !== last.number + 1) return `batch ${last.number + 1} is missing`
  return openBatch(batch, number)
}
