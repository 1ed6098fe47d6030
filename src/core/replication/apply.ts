/**
 * Applies committed records, in the order of the log: at a commit, and again at recovery. It is the only place where
 * committed state changes, so what recovery rebuilds is what was there.
 */
import type { EntryMemory } from "../entry/memory.ts"
import { noResult, recordEffect, recordKind, type RecordView } from "../entry/record.ts"
import { type ClientRow, storedResult } from "./clients.ts"
import type { SlotLog } from "./slot-log.ts"

/** latin1 of bytes[start, end) */
export type Text = (bytes: Uint8Array, start: number, end: number) => string

/**
 * @param row the row of the client whose write this is, if it is one
 * @param position where the record ends in the log
 */
export function applyRecord(
  memory: EntryMemory,
  slot: SlotLog,
  record: RecordView,
  row: ClientRow | undefined,
  position: number,
  text: Text,
): void {
  const { bytes } = record
  if (record.kind === recordKind.forgetClients) {
    for (let at = record.aliasOffset; at < record.contentOffset; at += 16)
      slot.clients.delete(text(bytes, at, at + 16))
    return
  }
  const { effect, aliasOffset, aliasLength } = record
  if (effect === recordEffect.store) {
    const { contentOffset, contentLength, expiresAtMs } = record
    memory.store(
      slot.slot,
      bytes,
      aliasOffset,
      aliasLength,
      contentOffset,
      contentLength,
      expiresAtMs,
      position,
    )
  } else if (effect === recordEffect.remove)
    memory.remove(slot.slot, bytes, aliasOffset, aliasLength, position)
  if (row === undefined) return
  const { resultLength, resultOffset } = record
  const content =
    resultLength === noResult ? undefined : bytes.slice(resultOffset, resultOffset + resultLength)
  row.set(record.number, storedResult(record.code, content))
}
