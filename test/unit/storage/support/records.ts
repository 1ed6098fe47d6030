/** Records of short texts, each slot's numbered as they are made. */
import {
  noResult,
  recordBytes,
  recordEffect,
  recordHeaderBytes,
  recordKind,
  RecordView,
  writeRecordHeader,
} from "../../../../src/core/entry/record.ts"

/** The last one of each slot. */
export const sequences = new Map<number, number>()

export function record(
  slot: number,
  alias: string,
  content: string | undefined,
  expiresAtMs = 0,
  kind: number = recordKind.entry,
): RecordView {
  const length = recordBytes(alias.length, content?.length ?? 0, noResult)
  const bytes = new Uint8Array(length)
  const sequence = (sequences.get(slot) ?? 0) + 1
  sequences.set(slot, sequence)
  const effect = content === undefined ? recordEffect.remove : recordEffect.store
  const contentLength = content?.length ?? 0
  // oxfmt-ignore
  writeRecordHeader(
    new DataView(bytes.buffer),
    0,
    kind,
    effect,
    slot,
    1,
    0,
    sequence,
    5,
    expiresAtMs,
    0,
    0,
    3,
    alias.length,
    contentLength,
    noResult,
  )
  bytes.set(Buffer.from(alias + (content ?? ""), "latin1"), recordHeaderBytes)
  return new RecordView().at(bytes, 0)
}
