/** Datagrams as the frames of the product: a request in, replies out. */
import { isWrite, operation } from "../../../src/core/entry/operation.ts"
import type { Request } from "../../../src/core/entry/request.ts"
import { frameBytesMax, listPieceBytesMax } from "../../../src/core/lib/limits.ts"
import { sha3 } from "../../../src/platform/digest.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import { decodeFirstFrame } from "../../../src/wire/hello.ts"
import { decodeListPiece, decodeReply, Reply as WireReply, replyKind } from "../../../src/wire/reply.ts"
import { decodeRequest } from "../../../src/wire/request.ts"
import { RequestWriter } from "../../../src/wire/request-writer.ts"
import { latin1 } from "../../support/map-memory.ts"
import { type Ask, bytesOf, type Reply } from "../data/message.ts"

/** With its length in front. */
export function frameOf(ask: Ask): Uint8Array {
  const writer = new RequestWriter(256)
  const { requestId, timeLeftMs, number, floor } = ask
  const opcode = operation[ask.op]
  const alias = bytesOf(ask.alias)
  if (isWrite(opcode)) {
    const [content, comparand] = [bytesOf(ask.content), bytesOf(ask.comparand)]
    const client = bytesOf(ask.client)
    const { expiresAtMs } = ask
    writer.writeRequest(
      opcode,
      requestId,
      0,
      timeLeftMs,
      client,
      number,
      floor,
      alias,
      content,
      comparand,
      expiresAtMs,
    )
  } else if (opcode === operation.prefix_get)
    writer.prefixRequest(requestId, 0, timeLeftMs, alias, 0, new Uint8Array(0), listPieceBytesMax)
  else writer.aliasRequest(opcode, requestId, 0, timeLeftMs, alias)
  return writer.bytes.slice(0, writer.position)
}

/** A forwarded one, without its length. @returns 0, or why it cannot be read */
export function decodeForwarded(frame: Uint8Array, request: Request, contentBytesMax: number): number {
  const failed = decodeRequest(frame, 0, frame.length, request, contentBytesMax)
  request.frameStart = 0
  request.frameEnd = frame.length
  return failed
}

export function repliesIn(bytes: Uint8Array): Reply[] {
  const reader = new FrameReader(frameBytesMax)
  const reply = new WireReply()
  const found: Reply[] = []
  reader.push(bytes)
  while (reader.next() === frameState.whole) {
    if (decodeReply(reader.bytes, reader.start, reader.end, reply) !== 0) {
      if (decodeFirstFrame(reader.bytes, reader.start, reader.end).kind === "hello") continue
      throw new Error("no reply")
    }
    const { kind, requestId, contentStart, contentEnd, integer } = reply
    const isList = kind === replyKind.list
    const aliases = isList
      ? decodeListPiece(reply)
          ?.aliases.map((alias) => latin1(alias))
          .join(" ")
      : undefined
    const content = contentStart < 0 ? aliases : latin1(reply.bytes, contentStart, contentEnd)
    const expiresAtMs = kind === replyKind.integer ? integer : undefined
    found.push({ requestId, code: kind === replyKind.error ? reply.code : 0, content, expiresAtMs })
  }
  return found
}

const digests = new Map<string, Uint8Array>()

/** Runs ask for the same few aliases thousands of times. */
export function digestOf(bytes: Uint8Array): Uint8Array {
  const text = latin1(bytes)
  let digest = digests.get(text)
  if (digest === undefined) digests.set(text, (digest = sha3(bytes)))
  return digest
}
