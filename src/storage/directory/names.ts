/** The names in a data directory. Nothing else belongs there: a directory with other files is not ours. */
import { partitionFiles } from "../../core/lib/limits.ts"

export const lockName = "LOCK"
export const formatName = "FORMAT"
export const metaName = "meta.db"
/** Of format 1, which kept its log in a database. */
export const oldLogName = "log.db"
export const witnessName = "WITNESS"
export const reserveName = "RESERVE"
export const statsName = "stats.db"

export const partitionPrefix = "part-"

/** @returns `part-000.db` for 0 */
export function partitionName(index: number): string {
  return `${partitionPrefix}${String(index).padStart(3, "0")}.db`
}

export const logPrefix = "log-"
/** The log as a whole, in messages: which of its files holds a batch is nothing that its name tells. */
export const logFilesName = "log-*"
export const logSegmentPattern = /^log-\d{3,}$/

/** @returns `log-000` for 0 */
export function logSegmentName(file: number): string {
  return `${logPrefix}${String(file).padStart(3, "0")}`
}

const databases = [lockName, metaName, oldLogName, statsName]
for (let i = 0; i < partitionFiles; i++) databases.push(partitionName(i))
const plain = new Set([formatName, witnessName, reserveName])
plain.add(`${formatName}-journal`)
for (const name of databases) for (const suffix of ["", "-wal", "-shm", "-journal"]) plain.add(name + suffix)

/** Whether qdb makes files of this name (SQLite's side files included). */
export function isOurName(name: string): boolean {
  return plain.has(name) || logSegmentPattern.test(name)
}
