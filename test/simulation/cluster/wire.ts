/** Messages between nodes as the frames that the product makes of them. Most go from node to node as they are: cheaper, and the same. */
import type { PeerMessage } from "../../../src/core/member/event.ts"
import type { DataMessage } from "../../../src/core/node/data-message.ts"
import { appendBytesMax, snapshotPieceBytesMax } from "../../../src/core/lib/limits.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import { decodePeerFrame, writeControl, writeData } from "../../../src/wire/peer/frame.ts"
import { Writer } from "../../../src/wire/writer.ts"
import { labelOf } from "../member/logic.ts"

export interface Received {
  readonly message: PeerMessage | DataMessage
  readonly label: string
}

export function writeMessage(writer: Writer, { message, label }: Received): void {
  if (label.startsWith("data ")) writeData(writer, message as DataMessage)
  else writeControl(writer, message as PeerMessage)
}

/** @param bytes which the messages go on to refer to @returns undefined where a frame is longer than that, or is none */
export function messagesIn(bytes: Uint8Array, frameBytesMax: number): Received[] | undefined {
  const reader = new FrameReader(frameBytesMax)
  const found: Received[] = []
  reader.push(bytes)
  for (let state = reader.next(); state !== frameState.starved; state = reader.next()) {
    if (state === frameState.tooLong) return undefined
    const frame = decodePeerFrame(reader.bytes, reader.start, reader.end)
    if (frame.kind === "data")
      found.push({ message: frame.message, label: `data ${frame.message.body.kind}` })
    else if (frame.kind === "control") found.push({ message: frame.message, label: labelOf(frame.message) })
    else return undefined
  }
  return found
}

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

/** The message as the other node gets it; undefined where it would not take it. */
export function carried(received: Received, frameBytesMax: number): Received | undefined {
  const writer = new Writer()
  writeMessage(writer, received)
  return messagesIn(writer.bytes.subarray(0, writer.position), frameBytesMax)?.[0]
}
