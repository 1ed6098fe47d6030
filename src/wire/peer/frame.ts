/**
 * The frames between nodes, after the hello: `[kind, …]`.
 *
 * ```
 * [0, number]      ping: whoever dialled asks whether the other still reads
 * [1, number]      pong, on the same connection
 * [2, message]     a message of membership
 * [3, message]     a message about entries
 * [4, proof]       the dialler's answer to the challenge, where a cluster secret is set
 * ```
 */
import { helloAuthBytesMax } from "../../core/lib/limits.ts"
import type { PeerMessage } from "../../core/member/event.ts"
import type { DataMessage } from "../../core/node/data-message.ts"
import { MessageReader } from "../reader.ts"
import type { Writer } from "../writer.ts"
import { dataMessage } from "./data.ts"
import { peerMessage } from "./message.ts"

export const peerFrame = { ping: 0, pong: 1, control: 2, data: 3, proof: 4 } as const

export type PeerFrame =
  | { readonly kind: "ping" | "pong"; readonly number: number }
  | { readonly kind: "control"; readonly message: PeerMessage }
  /** Its bytes are those of the frame. */
  | { readonly kind: "data"; readonly message: DataMessage }
  | { readonly kind: "proof"; readonly proof: Uint8Array }
  | { readonly kind: "malformed" }

const malformed: PeerFrame = { kind: "malformed" }
const reader = new MessageReader()

function write(writer: Writer, kind: number, rest: () => void): void {
  const frame = writer.beginFrame()
  writer.arrayHeader(2)
  writer.unsigned(kind)
  rest()
  writer.endFrame(frame)
}

export function writePing(writer: Writer, number: number): void {
  write(writer, peerFrame.ping, () => writer.unsigned(number))
}

export function writePong(writer: Writer, number: number): void {
  write(writer, peerFrame.pong, () => writer.unsigned(number))
}

export function writeControl(writer: Writer, message: PeerMessage): void {
  write(writer, peerFrame.control, () => peerMessage.write(writer, message))
}

export function writeData(writer: Writer, message: DataMessage): void {
  write(writer, peerFrame.data, () => dataMessage.write(writer, message))
}

export function writeProof(writer: Writer, proof: Uint8Array): void {
  write(writer, peerFrame.proof, () => writer.byteString(proof))
}

/** @returns what `bytes[start, end)` says */
export function decodePeerFrame(bytes: Uint8Array, start: number, end: number): PeerFrame {
  reader.begin(bytes, start, end)
  const count = reader.readArrayHeader()
  const kind = reader.readUnsigned(0xff)
  const frame = count === 2 ? readRest(kind) : malformed
  const whole = reader.finished()
  reader.release()
  return whole ? frame : malformed
}

function readRest(kind: number): PeerFrame {
  switch (kind) {
    case peerFrame.ping:
    case peerFrame.pong: {
      const number = reader.readUnsigned(Number.MAX_SAFE_INTEGER)
      return { kind: kind === peerFrame.ping ? "ping" : "pong", number }
    }
    case peerFrame.control:
      return { kind: "control", message: peerMessage.read(reader) }
    case peerFrame.data:
      return { kind: "data", message: dataMessage.read(reader) }
    case peerFrame.proof: {
      if (!reader.readBytes(0, helloAuthBytesMax)) reader.failed = true
      return { kind: "proof", proof: reader.bytes.slice(reader.rangeStart, reader.rangeEnd) }
    }
    default:
      return malformed
  }
}
