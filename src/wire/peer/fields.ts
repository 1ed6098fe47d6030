/** The small shapes that messages between nodes are made of. */
import { isNodeId } from "../../core/ring/node-id.ts"
import { viewTextBytesMax } from "../../core/lib/limits.ts"
import type { Settings, ViewMember } from "../../core/view/view.ts"
import { type Codec, finite, flag, recurring, struct, text, whole, word } from "./codec.ts"

/** An address, a zone, a storage or cluster id. */
export const name: Codec<string> = recurring(text(viewTextBytesMax), viewTextBytesMax)
export const count: Codec<number> = whole()
export const slotNumber: Codec<number> = whole(0xffff)

/** A whole number from -1 on, as the next one. */
export const fromMinusOne: Codec<number> = {
  write: (writer, value) => writer.unsigned(value + 1),
  read: (reader) => Math.max(0, reader.readUnsigned(Number.MAX_SAFE_INTEGER)) - 1,
}

/** A byte string, as a view of the frame. */
export function bytes(bytesMax: number): Codec<Uint8Array> {
  return {
    write: (writer, value) => writer.byteString(value),
    read: (reader) => {
      if (!reader.readBytes(0, bytesMax)) reader.failed = true
      return reader.failed ? nothing : reader.bytes.subarray(reader.rangeStart, reader.rangeEnd)
    },
  }
}
const nothing = new Uint8Array(0)

/** In the one form in which ids compare. */
export const nodeId: Codec<string> = {
  write: (writer, value) => name.write(writer, value),
  read: (reader) => {
    const value = name.read(reader)
    if (!isNodeId(value)) reader.failed = true
    return value
  },
}

/** Placement divides by it. */
export const weight: Codec<number> = finite(Number.MIN_VALUE)

export const settings: Codec<Settings> = struct<Settings>({
  replicationFactor: count,
  slotCount: count,
  sync: flag,
  transient: flag,
  entryBytesMax: count,
  leaseMs: count,
  suspectMs: count,
  repairGraceMs: count,
})

export const member: Codec<ViewMember> = struct<ViewMember>({
  nodeId,
  storageId: name,
  boot: count,
  address: name,
  standing: word(["up", "down", "leaving"]),
  weight,
  zone: name,
})
