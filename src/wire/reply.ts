/**
 * Replies out of frames, at the client: `[0, requestId, …results]` or `[code, requestId, name, message, retry]`, in place.
 *
 * A reply does not say which operation it answers; the client knows by `requestId`. So decoding has two steps. `decodeReply`
 * reads what all replies share, and on the hot path that is everything: a content, an expiry, an error. A list or a
 * document is left where it lies (`kind`), to be decoded by the caller who asked for one.
 */
import { aliasBytesMax, contentBytesMax } from "../core/lib/limits.ts"
import { code, errorOf } from "./errors.ts"
import { MessageReader } from "./reader.ts"
import { isUtf8 } from "./utf8.ts"
import { decodeValue, malformed, textOf } from "./value.ts"
import type { ValueMap } from "./writer.ts"

/** What a reply holds besides its head. */
export const replyKind = {
  /** Success without a result. */
  done: 0,
  /** `contentStart`, `contentEnd` */
  content: 1,
  /** `integer` */
  integer: 2,
  /** One piece of a list: `decodeListPiece` */
  list: 3,
  /** A map: `decodeDocument` */
  document: 4,
  /** `code` is not 0: `messageStart`, `retryable`, and a content where there is one */
  error: 5,
} as const

export type ReplyKind = (typeof replyKind)[keyof typeof replyKind]

const nothing = new Uint8Array(0)
const uint32Max = 0xffffffff

/** One decoded reply, in place; reused. Good as long as the frame's bytes are. */
export class Reply {
  bytes: Uint8Array = nothing
  kind: ReplyKind = replyKind.done
  /** 0, or the error's code. */
  code = 0
  requestId = 0
  integer = 0
  /** The content; of an error the stored content, if it carries one; else `contentStart` is -1. */
  contentStart = -1
  contentEnd = -1
  /** Of an error: its name and its message, UTF-8, and whether the node thinks that a retry can help. */
  nameStart = 0
  nameEnd = 0
  messageStart = 0
  messageEnd = 0
  retryable = false
  /** Where the results begin, and the frame ends; for lists and documents. */
  resultsStart = 0
  end = 0
}

/** One piece of `prefix_get`. A cursor says where the next piece begins; without one the list is complete. */
export interface ListPiece {
  readonly aliases: Uint8Array[]
  readonly cursor: { readonly slot: number; readonly after: Uint8Array } | undefined
}

const reader = new MessageReader()

/** @returns 0, or `protocol_error` where the frame is no reply; then at most `requestId` of `into` means something */
export function decodeReply(bytes: Uint8Array, start: number, end: number, into: Reply): number {
  into.bytes = bytes
  into.kind = replyKind.done
  into.code = into.requestId = into.integer = 0
  into.contentStart = into.contentEnd = -1
  into.nameStart = into.nameEnd = into.messageStart = into.messageEnd = start
  into.retryable = false
  reader.begin(bytes, start, end)
  const count = reader.readArrayHeader()
  into.code = reader.readUnsigned(uint32Max)
  into.requestId = reader.readUnsigned(uint32Max)
  into.resultsStart = reader.position
  into.end = end
  const whole = reader.failed ? false : into.code === 0 ? readResults(into, count) : readError(into, count)
  if (into.code < 0) into.code = 0
  if (into.requestId < 0) into.requestId = 0
  reader.release()
  return whole ? 0 : code.protocol_error
}

/** Reads results as far as they are of fixed shape. @returns whether the frame is a reply so far */
function readResults(into: Reply, count: number): boolean {
  if (count === 2) return reader.finished()
  if (count === 5) {
    into.kind = replyKind.list
    return true
  }
  if (count !== 3) return false
  const first = reader.peek()
  if ((first >= 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf) {
    into.kind = replyKind.document
    return true
  }
  if (isByteString(first)) {
    into.kind = replyKind.content
    readContent(into)
  } else {
    into.kind = replyKind.integer
    into.integer = reader.readUnsigned(Number.MAX_SAFE_INTEGER)
  }
  return reader.finished()
}

function readError(into: Reply, count: number): boolean {
  if (count !== 5 && count !== 6) return false
  into.kind = replyKind.error
  readText()
  into.nameStart = reader.rangeStart
  into.nameEnd = reader.rangeEnd
  readText()
  into.messageStart = reader.rangeStart
  into.messageEnd = reader.rangeEnd
  into.retryable = reader.readBoolean() === 1
  if (count === 6) readContent(into)
  return reader.finished()
}

function readContent(into: Reply): void {
  if (!reader.readBytes(0, contentBytesMax)) reader.failed = true
  into.contentStart = reader.rangeStart
  into.contentEnd = reader.rangeEnd
}

function readText(): void {
  if (!reader.readBytes(0, uint32Max) || !isUtf8(reader.bytes, reader.rangeStart, reader.rangeEnd))
    reader.failed = true
}

function isByteString(first: number): boolean {
  return (
    (first >= 0xa0 && first <= 0xbf) || (first >= 0xc4 && first <= 0xc6) || (first >= 0xd9 && first <= 0xdb)
  )
}

/** @returns the node's message of an error reply; the catalogue's where it sent none */
export function errorMessage(reply: Reply): string {
  if (reply.messageStart === reply.messageEnd) return errorOf(reply.code).message
  return textOf(reply.bytes, reply.messageStart, reply.messageEnd)
}

/** @returns the piece that a reply of kind `list` holds, its aliases copied; undefined where it is malformed */
export function decodeListPiece(reply: Reply): ListPiece | undefined {
  reader.begin(reply.bytes, reply.resultsStart, reply.end)
  const count = reader.readArrayHeader()
  const aliases: Uint8Array[] = []
  // Each alias takes two bytes at least, so a lying count ends with the frame.
  for (let i = 0; i < count && !reader.failed; i++) {
    if (!reader.readBytes(1, aliasBytesMax)) reader.failed = true
    else aliases.push(reply.bytes.slice(reader.rangeStart, reader.rangeEnd))
  }
  let cursor: ListPiece["cursor"]
  if (reader.readNil()) {
    if (!reader.readNil()) reader.failed = true
  } else {
    const slot = reader.readUnsigned(0xffff)
    if (!reader.readBytes(0, aliasBytesMax)) reader.failed = true
    else cursor = { slot, after: reply.bytes.slice(reader.rangeStart, reader.rangeEnd) }
  }
  const whole = reader.finished()
  reader.release()
  return whole ? { aliases, cursor } : undefined
}

/** @returns the map that a reply of kind `document` holds; undefined where it is malformed */
export function decodeDocument(reply: Reply): ValueMap | undefined {
  const value = decodeValue(reply.bytes, reply.resultsStart, reply.end)
  if (value === malformed || value === null || typeof value !== "object") return undefined
  return Array.isArray(value) || value instanceof Uint8Array ? undefined : (value as ValueMap)
}
