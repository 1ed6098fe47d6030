/**
 * Reads the log's tail back at open and decides what is true: every batch that was acknowledged must be there, whole and
 * in its place, or the node does not start. What lies behind the last acknowledged batch and is not whole was torn by the
 * crash: it is cut, and a line says so.
 */
import { StorageError } from "../storage.ts"
import { type BatchHeader, batchHeaderBytes, openBatch } from "./batch.ts"
import type { LogReader, LogRow } from "./reader.ts"
import type { Witnessed } from "./witness.ts"

export interface LogTail {
  /** The last whole batch, 0 if there is none. */
  readonly batch: number
  readonly position: number
  readonly checksum: number
  /** Where in the log's stream the next one begins. */
  readonly offset: number
  /** The first batch that was read. What lies before it, for replicas, was not. */
  readonly checkedFrom: number
  readonly notice: string | undefined
}

/**
 * @param applied batch whose effects the table holds (0: none), and the position behind it
 * @param heldBatch the last batch of which one of the table's files holds something. A log that ended before it would go on with
 *   batches that this file believes to have
 * @param visit gets the records of each batch after `applied`, in order
 * @throws StorageError naming file and batch
 */
export async function readTail(
  reader: LogReader,
  applied: { readonly batch: number; readonly position: number },
  heldBatch: number,
  witness: Witnessed,
  visit: (records: Uint8Array, header: BatchHeader) => Promise<void> | void,
): Promise<LogTail> {
  const { path } = reader
  // The applied batch itself is kept in the log: it begins the chain.
  const checkedFrom = Math.max(1, applied.batch)
  let next = checkedFrom
  let last = { batch: 0, position: 0, checksum: 0 }
  for (;;) {
    const rows = reader.from(next, Number.MAX_SAFE_INTEGER)
    for (const row of rows) {
      const header = check(row, next, last)
      if (typeof header === "string") {
        // Without `sync` a power failure may tear what was acknowledged; what the table holds was synced before.
        if ((witness.synced && next <= witness.batch) || next <= heldBatch)
          throw new StorageError(`${path}: batch ${next}: ${header}`)
        return {
          ...last,
          offset: offsetBehind(reader, last.batch),
          checkedFrom,
          notice:
            next <= witness.batch
              ? `${path}: batch ${next} is cut: ${header}; \`sync\` is false, so a power failure may cost the last batches`
              : `${path}: batch ${next} was never acknowledged and is cut: ${header}`,
        }
      }
      if (header.number === applied.batch && header.end !== applied.position)
        throw new StorageError(
          `${path}: batch ${next} ends at ${header.end}, the table says ${applied.position}`,
        )
      if (header.number === witness.batch && header.checksum !== witness.checksum)
        throw new StorageError(`${path}: batch ${next} is not the one that was acknowledged`)
      if (header.number > applied.batch) await visit(row.batch.subarray(batchHeaderBytes), header)
      last = { batch: header.number, position: header.end, checksum: header.checksum }
      next++
    }
    if (rows.length === 0) break
  }
  return {
    ...last,
    offset: offsetBehind(reader, last.batch),
    checkedFrom,
    notice: shortage(path, heldBatch, witness, last.batch),
  }
}

function offsetBehind(reader: LogReader, batch: number): number {
  return batch === 0 ? 0 : reader.offsetBehind(batch)
}

function check(
  row: LogRow,
  expected: number,
  last: { position: number; checksum: number },
): BatchHeader | string {
  const header = openBatch(row.batch, expected)
  if (typeof header === "string") return header
  if (last.position !== 0 && (header.start !== last.position || header.previous !== last.checksum))
    return "does not follow the batch before it"
  return header
}

function shortage(path: string, held: number, witness: Witnessed, found: number): string | undefined {
  const needed = Math.max(witness.batch, held)
  if (found >= needed) return undefined
  const text = `${path}: ends at batch ${found}, but batch ${needed} was acknowledged`
  // What the table holds was synced in the log before, whatever `sync` says.
  if (witness.synced || found < held) throw new StorageError(`${text}: the log is damaged`)
  return `${text}; \`sync\` is false, so a power failure may cost the last batches`
}
