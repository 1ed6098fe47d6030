/** The small shapes that messages between nodes are made of. */
import { isNodeId } from "../../core/ring/node-id.ts"
import { viewTextBytesMax } from "../../core/lib/limits.ts"
import type { Settings, ViewMember } from "../../core/view/view.ts"
import { type Codec, finite, flag, struct, text, whole, word } from "./codec.ts"

/** An address, a zone, a storage or cluster id. */
export const name: Codec<string> = text(viewTextBytesMax)
export const count: Codec<number> = whole()
export const slotNumber: Codec<number> = whole(0xffff)

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
