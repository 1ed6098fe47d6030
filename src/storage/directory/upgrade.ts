/**
 * Brings a directory of an older format to the present one, before anything else is opened. Whatever moment it is killed in, the
 * next start begins it anew: the format is written when everything is durable, and only then goes what was the old one's.
 */
import { existsSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { openDatabase } from "#sqlite"
import { syncDirectory } from "../../platform/directory.ts"
import { openBatch } from "../log/batch.ts"
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

/** Batches are the same, byte for byte. A torn one at the end, which nobody was told of, is left out. */
function copyLog(directory: string): void {
  const path = join(directory, oldLogName)
  const database = openDatabase(path)
  try {
    let log: LogWriter | undefined
    const rows = database.prepare("SELECT number, batch FROM log ORDER BY number").iterate()
    for (const { number, batch } of rows as Iterable<{ number: number; batch: Uint8Array }>) {
      const header = openBatch(batch)
      if (typeof header === "string") break
      const start = { batch: number - 1, position: header.start }
      if (log === undefined) LogWriter.create(directory, start)
      log ??= new LogWriter(directory, true, { ...start, offset: 0 })
      log.append(number, batch, header.end)
    }
    if (log === undefined) LogWriter.create(directory)
    log?.close()
  } catch (error) {
    throw new StorageError(`${path}: ${(error as Error).message}`)
  } finally {
    database.close()
  }
}
