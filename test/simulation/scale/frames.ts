/** Messages as the bytes that would go over a connection. */
import { decodePeerFrame, writeControl } from "../../../src/wire/peer/frame.ts"
import { Writer } from "../../../src/wire/writer.ts"
import type { PeerMessage } from "../../../src/core/member/event.ts"

const writer = new Writer()

export function encodeFrame(message: PeerMessage): Uint8Array {
  writer.clear()
  writeControl(writer, message)
  return writer.copy()
}

export function decodeFrame(bytes: Uint8Array): PeerMessage {
  const frame = decodePeerFrame(bytes, lengthBytes, bytes.length)
  if (frame.kind !== "control") throw new Error(`a frame that cannot be read back: ${frame.kind}`)
  return frame.message
}

/** Of the frame's length, before it. */
const lengthBytes = 4

/** Sizes of what is sent to many: the same body, of thousands of bytes, behind another address. */
const sizes = new WeakMap<object, number>()

export function sizeOf(message: PeerMessage): number {
  const { body } = message
  const isLarge = body.kind === "view" || body.kind === "deltas" || body.kind === "welcome"
  const shared = body.kind === "deltas" ? body.deltas : "view" in body ? body.view : body
  let size = isLarge ? sizes.get(shared) : undefined
  if (size === undefined) {
    size = encodeFrame(message).length
    if (isLarge) sizes.set(shared, size)
  }
  return size
}
