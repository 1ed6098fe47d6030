/**
 * Applies committed records, in the order of the log: at a commit, and again at recovery. It is the only place where
 * committed state changes, so what recovery rebuilds is what was there.
 */
import type { EntryMemory } from "../entry/memory.ts"
import { noResult, recordEffect, type RecordView } from "../entry/record.ts"
import type { ClientRow } from "./client-row.ts"
import type { Text } from "./clients.ts"

/**
 * Applies a record to the entries in memory, and keeps its result for retries.
 * @param row the row of the client whose write this is, if it is one; `prepared` says whether it counts it as prepared
 * @param position where the record ends in the log
 * @param known see `EntryMemory.store`
 */
export function applyRecord(
  memory: EntryMemory,
  record: RecordView,
  row: ClientRow | undefined,
  prepared: boolean,
  position: number,
  known: number,
): void {
  const { bytes, slot, effect, aliasOffset, aliasLength } = record
  if (effect === recordEffect.store) {
    const { contentOffset, contentLength, expiresAtMs } = record
    memory.store(
      slot,
      bytes,
      aliasOffset,
      aliasLength,
      contentOffset,
      contentLength,
      expiresAtMs,
      position,
      known,
    )
  } else if (effect === recordEffect.remove) memory.remove(slot, bytes, aliasOffset, aliasLength, position)
  if (row === undefined) return
  const { number, code, resultLength, resultOffset } = record
  const content =
    resultLength === noResult ? undefined : bytes.slice(resultOffset, resultOffset + resultLength)
  if (prepared) row.commit(number, slot, code, content)
  else row.store(number, slot, code, content)
}

/** The clients that a record of kind `forgetClients` names. */
export function forgottenClients(record: RecordView, text: Text): readonly string[] {
  const clients: string[] = []
  for (let at = record.aliasOffset; at < record.contentOffset; at += 16)
    clients.push(text(record.bytes, at, at + 16))
  return clients
}
