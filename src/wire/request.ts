/**
 * Requests out of frames: `[opcode, requestId, epoch, timeLeftMs, ...arguments]` into a `Request`, in place.
 *
 * Total: any byte sequence gives 0 or an error code. Two kinds of fault are kept apart. A message that does not have the
 * operation's shape is a `protocol_error`: the peer's encoder is broken and the connection is closed after the answer. One
 * of the right shape with a value that is not allowed (an alias too long, a time beyond the bound) is answered with
 * `invalid_argument` or `entry_too_large`, and the connection goes on. Where several arguments are at fault, a wrong
 * shape wins, then the first in the message.
 *
 * `opcode` and `requestId` are set as soon as they could be read, so that an error can be answered; else they are 0.
 * Whether an alias is reserved is the operation's business, not the decoder's.
 */
import { isWrite, operation } from "../core/entry/operation.ts"
import type { Request } from "../core/entry/request.ts"
import {
  aliasBytesMax,
  contentBytesMax,
  expiresAtMsMax,
  listPieceBytesMax,
  plannedNodesMax,
  reasonBytesMax,
  requestTimeoutMsMax,
} from "../core/lib/limits.ts"
import { code } from "./errors.ts"
import { MessageReader } from "./reader.ts"
import { isUtf8 } from "./utf8.ts"

const uint32Max = 0xffffffff
export const clientIdBytes = 16

/** Operations whose fourth argument and on are known; the rest is `unknown_operation`. */
const opcodeMax = operation.slots_list

/** Elements of each operation's request, by opcode: four of the head, three of a write's number, and its arguments. */
// oxfmt-ignore
const elementCounts = new Uint8Array([
  0,
  4, // ping
  5, // get: alias
  10, // put: client, number, floor, alias, content, expiresAtMs
  10, // update
  8, // remove: …, alias
  10, // get_update
  8, // get_remove
  11, // cas: …, alias, content, comparand, expiresAtMs
  9, // remove_if: …, alias, comparand
  9, // expires_at: …, alias, expiresAtMs
  9, // expires_from_now: …, alias, deltaMs
  5, // get_expiry: alias
  8, // prefix_get: prefix, cursorSlot, cursorAfter, bytesMax
  4, // node_status
  4, // node_config
  4, // node_topology
  5, // stop_node: reason
  4, // cluster_status
  6, // cluster_plan: added, removed
  6, // cluster_remove_node: node, force
  5, // cluster_recover: nodes
  6, // cluster_set: setting, value
  8, // slots_list: prefix, cursorSlot, cursorAfter, bytesMax
])

// One reader for all: decoding is synchronous and calls nothing that could decode again.
const reader = new MessageReader()
/** The first value at fault of the request being decoded, 0 = none. */
let fault = 0

/**
 * @param contentLimit the largest content and comparand accepted (`global.depot.max_entry_bytes`)
 * @returns 0, or the code of the error to answer with; then `into` holds only what was read before
 */
export function decodeRequest(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: Request,
  contentLimit: number = contentBytesMax,
): number {
  clear(into, bytes, start)
  fault = 0
  reader.begin(bytes, start, end)
  const count = reader.readArrayHeader()
  const opcode = reader.readUnsigned(uint32Max)
  const requestId = reader.readUnsigned(uint32Max)
  const known = opcode > 0 && opcode <= opcodeMax
  if (!reader.failed && count >= 2) {
    into.opcode = opcode
    into.requestId = requestId
    if (!known) fault = code.unknown_operation
    else if (count === elementCounts[opcode]) readBody(into, opcode, contentLimit)
    else reader.failed = true
  } else reader.failed = true
  const malformed = known || reader.failed ? !reader.finished() : false
  reader.release()
  return malformed ? code.protocol_error : fault
}

function readBody(into: Request, opcode: number, contentLimit: number): void {
  into.epoch = readNumber(Number.MAX_SAFE_INTEGER)
  into.timeLeftMs = readBounded(requestTimeoutMsMax)
  if (isWrite(opcode)) readWrite(into, opcode, contentLimit)
  else if (opcode === operation.get || opcode === operation.get_expiry) readAlias(into)
  else if (opcode === operation.prefix_get || opcode === operation.slots_list) readPrefix(into)
  else if (opcode === operation.stop_node || opcode === operation.cluster_recover) readText(into, 1)
  else if (opcode === operation.cluster_plan) {
    into.quantity = readBounded(plannedNodesMax)
    readText(into, 0)
  } else if (opcode === operation.cluster_remove_node) {
    readText(into, 1)
    into.quantity = readBounded(1)
  } else if (opcode === operation.cluster_set) {
    readText(into, 1)
    readValue(into)
  }
}

function readWrite(into: Request, opcode: number, contentLimit: number): void {
  if (!reader.readBytes(clientIdBytes, clientIdBytes)) blame(code.invalid_argument)
  into.clientStart = reader.rangeStart
  into.number = readNumber(Number.MAX_SAFE_INTEGER)
  into.floor = readNumber(Number.MAX_SAFE_INTEGER)
  if (into.number === 0 || into.floor > into.number) blame(code.invalid_argument)
  readAlias(into)
  switch (opcode) {
    case operation.put:
    case operation.update:
    case operation.get_update:
      readContent(into, contentLimit)
      into.expiresMs = readBounded(expiresAtMsMax)
      break
    case operation.cas:
      readContent(into, contentLimit)
      readComparand(into, contentLimit)
      into.expiresMs = readBounded(expiresAtMsMax)
      break
    case operation.remove_if:
      readComparand(into, contentLimit)
      break
    case operation.expires_at:
    case operation.expires_from_now:
      into.expiresMs = readBounded(expiresAtMsMax)
      break
  }
}

/** A prefix is any bytes, since it may end inside of a character, and may be empty. */
function readPrefix(into: Request): void {
  if (!reader.readBytes(0, aliasBytesMax)) blame(code.invalid_argument)
  into.aliasStart = reader.rangeStart
  into.aliasEnd = reader.rangeEnd
  into.cursorSlot = readBounded(0xffff)
  if (!reader.readBytes(0, aliasBytesMax)) blame(code.invalid_argument)
  into.cursorStart = reader.rangeStart
  into.cursorEnd = reader.rangeEnd
  into.bytesMax = Math.min(readNumber(Number.MAX_SAFE_INTEGER), listPieceBytesMax)
}

function readAlias(into: Request): void {
  readTextBetween(into, 1, aliasBytesMax)
}

/** A reason, names of nodes, or a setting's name, where an alias would be. */
function readText(into: Request, bytesMin: number): void {
  readTextBetween(into, bytesMin, reasonBytesMax)
}

function readTextBetween(into: Request, bytesMin: number, bytesMax: number): void {
  if (!reader.readBytes(bytesMin, bytesMax)) blame(code.invalid_argument)
  else if (!isUtf8(reader.bytes, reader.rangeStart, reader.rangeEnd)) blame(code.invalid_argument)
  into.aliasStart = reader.rangeStart
  into.aliasEnd = reader.rangeEnd
}

function readContent(into: Request, limit: number): void {
  if (!reader.readBytes(0, limit)) blame(code.entry_too_large)
  into.contentStart = reader.rangeStart
  into.contentEnd = reader.rangeEnd
}

/** The value of a setting. */
function readValue(into: Request): void {
  if (!reader.readBytes(0, reasonBytesMax)) blame(code.invalid_argument)
  else if (!isUtf8(reader.bytes, reader.rangeStart, reader.rangeEnd)) blame(code.invalid_argument)
  into.contentStart = reader.rangeStart
  into.contentEnd = reader.rangeEnd
}

function readComparand(into: Request, limit: number): void {
  if (!reader.readBytes(0, limit)) blame(code.entry_too_large)
  into.comparandStart = reader.rangeStart
  into.comparandEnd = reader.rangeEnd
}

function readNumber(max: number): number {
  const value = reader.readUnsigned(max)
  return value < 0 ? 0 : value
}

/** An integer, of which a larger value than `max` is an argument at fault and not a malformed message. */
function readBounded(max: number): number {
  const value = readNumber(Number.MAX_SAFE_INTEGER)
  if (value > max) blame(code.invalid_argument)
  return value
}

function blame(errorCode: number): void {
  if (fault === 0) fault = errorCode
}

function clear(into: Request, bytes: Uint8Array, start: number): void {
  into.bytes = bytes
  into.opcode = into.requestId = into.epoch = into.timeLeftMs = into.number = into.floor = into.expiresMs = 0
  into.cursorSlot = into.bytesMax = into.quantity = 0
  into.clientStart = into.aliasStart = into.aliasEnd = into.contentStart = into.contentEnd = start
  into.comparandStart = into.comparandEnd = into.cursorStart = into.cursorEnd = start
}
