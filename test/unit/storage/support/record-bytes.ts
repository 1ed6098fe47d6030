/** Records of the model to and from the bytes of a log. */
import {
  noResult,
  recordBytes,
  recordEffect,
  recordHeaderBytes,
  recordKind,
  type RecordView,
  writeRecordHeader,
} from "../../../../src/core/entry/record.ts"
import type { RecordSink } from "../../../../src/core/replication/sink.ts"
import type { ModelRecord } from "./record-model.ts"

const latin1 = (text: string) => Buffer.from(text, "latin1")
const epoch = 3

/** A record, and where its bytes lie. */
export interface Pending {
  readonly record: ModelRecord
  readonly bytes: Uint8Array
  readonly offset: number
}

export function writeRecord(
  log: RecordSink,
  part: Partial<ModelRecord> & { readonly kind: number; readonly slot: number },
): Pending {
  const { kind, slot, sequence = 0, alias = "", content, client, number = 0, floor = 0 } = part
  const { uncommitted = 0 } = part
  // Who is forgotten stands in the alias's place.
  const forgets = kind === recordKind.forgetClients
  const [key, value] = [latin1(forgets ? (client as string) : alias), latin1(content ?? "")]
  const changes = content === undefined ? recordEffect.remove : recordEffect.store
  const effect = alias === "" ? recordEffect.none : changes
  const offset = log.reserve(recordBytes(key.length, value.length, noResult))
  const { bytes, view, position } = log
  writeRecordHeader(
    view,
    offset,
    kind,
    effect,
    slot,
    epoch,
    0,
    sequence,
    1_795_000_000_000 + sequence,
    0,
    number,
    floor,
    3,
    key.length,
    value.length,
    noResult,
    uncommitted,
  )
  bytes.fill(0, offset + 40, offset + 56)
  if (client !== undefined && !forgets) bytes.set(latin1(client), offset + 40)
  bytes.set(key, offset + recordHeaderBytes)
  bytes.set(value, offset + recordHeaderBytes + key.length)
  const record = { kind, slot, sequence, alias, content, client, number, floor, position, uncommitted }
  return { record, bytes, offset }
}

export function decode(view: RecordView, position: number): ModelRecord {
  const { kind, slot, sequence, number, floor, uncommitted, bytes, aliasOffset, contentOffset } = view
  const text = (start: number, end: number) => Buffer.from(bytes.subarray(start, end)).toString("latin1")
  const alias = text(aliasOffset, contentOffset)
  const removed = view.effect !== recordEffect.store
  const content = removed ? undefined : text(contentOffset, contentOffset + view.contentLength)
  if (kind === recordKind.forgetClients)
    return { kind, slot, sequence, alias: "", content, client: alias, number, floor, position, uncommitted }
  const id = text(view.clientOffset, view.clientOffset + 16)
  const client = id.startsWith("\0") ? undefined : id
  return { kind, slot, sequence, alias, content, client, number, floor, position, uncommitted }
}
