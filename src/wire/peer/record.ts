/**
 * What a node keeps of its membership in `meta.db`: a format number and the record. The formats are those of the wire, so a
 * record is decoded as strictly: what the disk holds is not trusted either.
 */
import type { DurableRecord, Recovered } from "../../core/member/event.ts"
import type { AcceptorState } from "../../core/view/ballot.ts"
import type { FoundingRecord } from "../../core/view/founding.ts"
import type { View } from "../../core/view/view.ts"
import { MessageReader } from "../reader.ts"
import { Writer } from "../writer.ts"
import type { Codec } from "./codec.ts"
import { acceptor, founding, view } from "./view.ts"

const format = 1
const codecs: {
  readonly view: Codec<View>
  readonly acceptor: Codec<AcceptorState>
  readonly founding: Codec<FoundingRecord>
} = { view, acceptor, founding }

export type RecordKey = DurableRecord["key"]
export const recordKeys: readonly RecordKey[] = ["view", "acceptor", "founding"]

/** @returns the record as bytes, of one form for equal records */
export function encodeRecord(record: DurableRecord): Uint8Array {
  const writer = new Writer()
  writer.arrayHeader(2)
  writer.unsigned(format)
  const codec = codecs[record.key] as Codec<unknown>
  codec.write(writer, record.value)
  return writer.copy()
}

/** @returns the record of this key; undefined where the bytes are none */
function decodeRecord<K extends RecordKey>(key: K, bytes: Uint8Array): Recovered[K] {
  const reader = new MessageReader()
  reader.begin(bytes, 0, bytes.length)
  if (reader.readArrayHeader() !== 2 || reader.readUnsigned(0xff) !== format) return undefined
  const value = codecs[key].read(reader)
  return reader.finished() ? (value as Recovered[K]) : undefined
}

/** @returns what a node remembers, or the key of a record that cannot be read */
export function decodeRecords(
  stored: ReadonlyMap<string, Uint8Array>,
  unclean: boolean,
): Recovered | RecordKey {
  const found: { -readonly [K in RecordKey]: Recovered[K] } = {
    view: undefined,
    acceptor: undefined,
    founding: undefined,
  }
  const read = <K extends RecordKey>(key: K): boolean => {
    const bytes = stored.get(key)
    if (bytes === undefined) return true
    const value = decodeRecord(key, bytes)
    ;(found as Record<RecordKey, unknown>)[key] = value
    return value !== undefined
  }
  for (const key of recordKeys) if (!read(key)) return key
  return { ...found, unclean }
}
