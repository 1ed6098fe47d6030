/** Messages between nodes as the frames that the product makes of them. Most go from node to node as they are: cheaper, and the same. */
import type { DataMessage } from "../../../src/core/node/data-message.ts"
import {
  appendBytesMax,
  contentBytesMax,
  peerFrameBytesMax,
  snapshotPieceBytesMax,
} from "../../../src/core/lib/limits.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import { decodePeerFrame, writeData } from "../../../src/wire/peer/frame.ts"
import { Writer } from "../../../src/wire/writer.ts"

/** What of a message is longer than a piece of one usually is, if anything. */
export function largeIn({ body }: DataMessage): string | undefined {
  switch (body.kind) {
    case "append":
      return body.records.length > appendBytesMax ? "large value appended" : undefined
    case "piece": {
      const parts = [...body.entries, ...body.results]
      return parts.some(({ content }) => (content?.length ?? 0) > snapshotPieceBytesMax)
        ? "large value copied"
        : undefined
    }
    case "forward":
      return body.frame.length > snapshotPieceBytesMax ? "large value forwarded" : undefined
    case "forwarded":
      return (body.content?.length ?? 0) > snapshotPieceBytesMax ? "large value sent back" : undefined
    default:
      return undefined
  }
}

/**
 * @param ownBytesMax of an entry's content: a frame has the product's bound, to scale
 * @returns the message as the other node gets it; undefined where it would not take it
 */
export function carried(message: DataMessage, ownBytesMax: number): DataMessage | undefined {
  const writer = new Writer()
  writeData(writer, message)
  const reader = new FrameReader(2 * ownBytesMax + peerFrameBytesMax - 2 * contentBytesMax)
  reader.push(writer.bytes.subarray(0, writer.position))
  if (reader.next() !== frameState.whole) return undefined
  const frame = decodePeerFrame(reader.bytes, reader.start, reader.end)
  return frame.kind === "data" ? frame.message : undefined
}
