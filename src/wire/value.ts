/**
 * A general MessagePack decoder for what is not the hot path: status documents, the hello.
 *
 * Libraries are not made for hostile input: they throw on truncation, allocate by announced lengths, read extension types,
 * and give `__proto__` its meaning. This one is total, and bounded in depth, values and so in memory: an array's announced
 * length is never allocated, each value costs at least one byte of the input, and at most `documentValuesMax` are made.
 *
 * Refused besides malformed input: extension types, keys that are not strings or come twice, strings that are not UTF-8,
 * and integers beyond 2^53 - 1 (64-bit figures travel as strings, see `status.ts`).
 */
import { documentBytesMax, documentDepthMax, documentValuesMax } from "../core/lib/limits.ts"
import { MessageReader } from "./reader.ts"
import { isUtf8 } from "./utf8.ts"
import type { Value } from "./writer.ts"

const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const reader = new MessageReader()
const float = new DataView(new ArrayBuffer(8))
let valuesLeft = 0

/** What stands for "not decodable": no value is a symbol. */
export const malformed: unique symbol = Symbol("malformed")
export type Malformed = typeof malformed

/** @returns the one value that `bytes[start, end)` encodes, nothing before or behind it; byte strings are copies */
export function decodeValue(bytes: Uint8Array, start: number, end: number): Value | Malformed {
  if (end - start > documentBytesMax) return malformed
  reader.begin(bytes, start, end)
  valuesLeft = documentValuesMax
  const value = readValue(reader, documentDepthMax)
  const whole = reader.finished()
  reader.release()
  return whole ? value : malformed
}

/** @returns the elements of the array that `bytes[start, end)` begins with, and is; or undefined */
export function decodeArray(bytes: Uint8Array, start: number, end: number): readonly Value[] | undefined {
  const value = decodeValue(bytes, start, end)
  return Array.isArray(value) ? value : undefined
}

/** Decodes a byte range that is well-formed UTF-8. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end))
}

function readValue(source: MessageReader, depth: number): Value | Malformed {
  const first = source.peek()
  if (valuesLeft-- <= 0 || first < 0) return refuse(source)
  if ((first >= 0xa0 && first <= 0xbf) || (first >= 0xd9 && first <= 0xdb)) return readString(source)
  if (first >= 0xc4 && first <= 0xc6) {
    if (!source.readBytes(0, documentBytesMax)) return refuse(source)
    return source.bytes.slice(source.rangeStart, source.rangeEnd)
  }
  if ((first >= 0x90 && first <= 0x9f) || first === 0xdc || first === 0xdd) return readArray(source, depth)
  if ((first >= 0x80 && first <= 0x8f) || first === 0xde || first === 0xdf) return readMap(source, depth)
  if (first === 0xc0) return source.readNil() ? null : refuse(source)
  if (first === 0xc2 || first === 0xc3) return source.readBoolean() === 1
  if (first === 0xca || first === 0xcb) return readFloat(source, first)
  const integer = source.readInteger()
  return Number.isNaN(integer) ? refuse(source) : integer
}

function readArray(source: MessageReader, depth: number): Value | Malformed {
  const count = source.readArrayHeader()
  if (depth === 0 || count < 0 || count > source.end - source.position) return refuse(source)
  const items: Value[] = []
  for (let i = 0; i < count; i++) {
    const item = readValue(source, depth - 1)
    if (item === malformed) return malformed
    items.push(item)
  }
  return items
}

function readMap(source: MessageReader, depth: number): Value | Malformed {
  const count = source.readMapHeader()
  if (depth === 0 || count < 0 || 2 * count > source.end - source.position) return refuse(source)
  const members: Record<string, Value> = {}
  for (let i = 0; i < count; i++) {
    const key = readString(source)
    if (key === malformed || Object.hasOwn(members, key)) return refuse(source)
    const item = readValue(source, depth - 1)
    if (item === malformed) return malformed
    // An assignment to `__proto__` would set the prototype instead.
    if (key === "__proto__") Object.defineProperty(members, key, ownMember(item))
    else members[key] = item
  }
  return members
}

function readString(source: MessageReader): string | Malformed {
  const first = source.peek()
  const isString = (first >= 0xa0 && first <= 0xbf) || (first >= 0xd9 && first <= 0xdb)
  if (!isString || !source.readBytes(0, documentBytesMax)) return refuse(source)
  const { bytes, rangeStart, rangeEnd } = source
  return isUtf8(bytes, rangeStart, rangeEnd) ? textOf(bytes, rangeStart, rangeEnd) : refuse(source)
}

/** A float as it is, also one that is not an integer. */
function readFloat(source: MessageReader, first: number): Value | Malformed {
  const width = first === 0xca ? 4 : 8
  if (!source.readRaw(1 + width)) return malformed
  for (let i = 0; i < width; i++) float.setUint8(i, source.bytes[source.rangeStart + 1 + i] as number)
  return width === 4 ? float.getFloat32(0) : float.getFloat64(0)
}

function refuse(source: MessageReader): Malformed {
  source.failed = true
  return malformed
}

function ownMember(value: Value): PropertyDescriptor {
  return { value, writable: true, enumerable: true, configurable: true }
}
