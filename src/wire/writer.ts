/**
 * A growable output of frames and MessagePack, by hand: a library's encoder builds an array per message and takes about a
 * microsecond, this one tens of nanoseconds. It writes the shortest encoding of each value, as the libraries do; integers
 * above 32 bits as `uint 64` (some libraries would write a float), so that every language reads an integer.
 *
 * One writer may take the replies of a whole turn; the caller hands `bytes[0, position)` to the socket and then clears.
 * The bound is the caller's: it knows whose session the bytes are for.
 */
import { assert } from "../core/lib/assert.ts"
import { writerKeptBytesMax } from "../core/lib/limits.ts"

const capacityMin = 4096
const text = new TextEncoder()
const float = new DataView(new ArrayBuffer(8))

/** What `value` encodes: JSON's values and bytes. */
export type Value = null | boolean | number | string | Uint8Array | readonly Value[] | ValueMap
export interface ValueMap {
  readonly [key: string]: Value
}

export class Writer {
  /** Good until the next call that writes or clears. */
  bytes: Uint8Array<ArrayBuffer>
  position = 0

  constructor(capacity: number = capacityMin) {
    this.bytes = new Uint8Array(capacity)
  }

  /** Begins anew. A large buffer is given back. */
  clear(): void {
    this.position = 0
    if (this.bytes.length > writerKeptBytesMax) this.replace(new Uint8Array(capacityMin))
  }

  /** @returns a copy of what was written */
  copy(): Uint8Array {
    return this.bytes.slice(0, this.position)
  }

  /** Makes room for `count` more bytes. `bytes` may be another array afterwards. */
  ensure(count: number): void {
    if (this.position + count > this.bytes.length) this.grow(this.position + count)
  }

  /** @returns where the frame begins, for `endFrame` */
  beginFrame(): number {
    this.ensure(4)
    const at = this.position
    this.position = at + 4
    return at
  }

  /** Writes the length of the frame that began at `at` and ends here. */
  endFrame(at: number): void {
    const { bytes } = this
    const length = this.position - at - 4
    assert(length >= 0 && length <= 0xffffffff, "a frame's length fits its header")
    bytes[at] = length
    bytes[at + 1] = length >>> 8
    bytes[at + 2] = length >>> 16
    bytes[at + 3] = length >>> 24
  }

  arrayHeader(count: number): void {
    if (count < 16) this.byte(0x90 | count)
    else this.header16or32(0xdc, count)
  }

  mapHeader(count: number): void {
    if (count < 16) this.byte(0x80 | count)
    else this.header16or32(0xde, count)
  }

  /** @param value an integer from 0 to 2^53 - 1 */
  unsigned(value: number): void {
    this.ensure(9)
    const { bytes, position } = this
    if (value < 0x80) {
      bytes[position] = value
      this.position = position + 1
    } else if (value < 0x100) {
      bytes[position] = 0xcc
      bytes[position + 1] = value
      this.position = position + 2
    } else if (value < 0x10000) {
      bytes[position] = 0xcd
      this.uint16(position + 1, value)
      this.position = position + 3
    } else if (value < 0x100000000) {
      bytes[position] = 0xce
      this.uint32(position + 1, value)
      this.position = position + 5
    } else {
      bytes[position] = 0xcf
      this.uint32(position + 1, Math.floor(value / 0x100000000))
      this.uint32(position + 5, value)
      this.position = position + 9
    }
  }

  /** Any number: integers as such, others as `float 64`. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.float64(value)
    else if (value >= 0) this.unsigned(value)
    else this.negative(value)
  }

  nil(): void {
    this.byte(0xc0)
  }

  boolean(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2)
  }

  /** A byte string's header, with room for its bytes ensured; they are to be copied to `position`, by the caller. */
  bytesHeader(length: number): void {
    this.ensure(5 + length)
    const { bytes, position } = this
    if (length < 0x100) {
      bytes[position] = 0xc4
      bytes[position + 1] = length
      this.position = position + 2
    } else if (length < 0x10000) {
      bytes[position] = 0xc5
      this.uint16(position + 1, length)
      this.position = position + 3
    } else {
      bytes[position] = 0xc6
      this.uint32(position + 1, length)
      this.position = position + 5
    }
  }

  byteString(value: Uint8Array): void {
    this.bytesHeader(value.length)
    this.raw(value)
  }

  /** The part `[start, end)` of `value` as a byte string. */
  byteRange(value: Uint8Array, start: number, end: number): void {
    this.bytesHeader(end - start)
    const { bytes, position } = this
    // A subarray is an object; short parts are copied faster without.
    if (end - start <= 64) for (let i = start, j = position; i < end;) bytes[j++] = value[i++] as number
    else bytes.set(value.subarray(start, end), position)
    this.position = position + end - start
  }

  string(value: string): void {
    this.ensure(5 + 3 * value.length)
    if (value.length < 0x100 && this.ascii(value)) return
    const { bytes, position } = this
    // The header's width is known once the text is encoded: guess by its least length, and move if that was wrong.
    const guess = stringHeaderBytes(value.length)
    const length = text.encodeInto(value, bytes.subarray(position + guess)).written
    const header = stringHeaderBytes(length)
    if (header !== guess) bytes.copyWithin(position + header, position + guess, position + guess + length)
    if (header === 1) bytes[position] = 0xa0 | length
    else {
      bytes[position] = header === 2 ? 0xd9 : header === 3 ? 0xda : 0xdb
      if (header === 2) bytes[position + 1] = length
      else if (header === 3) this.uint16(position + 1, length)
      else this.uint32(position + 1, length)
    }
    this.position = position + header + length
  }

  /** Ids and addresses: a loop is faster than the encoder is called. @returns false where `value` is no ASCII */
  private ascii(value: string): boolean {
    const { bytes, position } = this
    const { length } = value
    const start = position + stringHeaderBytes(length)
    for (let i = 0; i < length; i++) {
      const letter = value.charCodeAt(i)
      if (letter >= 0x80) return false
      bytes[start + i] = letter
    }
    if (length < 0x20) bytes[position] = 0xa0 | length
    else {
      bytes[position] = 0xd9
      bytes[position + 1] = length
    }
    this.position = start + length
    return true
  }

  /** Any value: a document, a hello's field. Not for the hot path. Members that are `undefined` are a programmer's error. */
  value(value: Value): void {
    if (value === null) this.nil()
    else if (typeof value === "number") this.number(value)
    else if (typeof value === "string") this.string(value)
    else if (typeof value === "boolean") this.boolean(value)
    else if (value instanceof Uint8Array) this.byteString(value)
    else if (isList(value)) {
      this.arrayHeader(value.length)
      for (const item of value) this.value(item)
    } else {
      assert(typeof value === "object", "a value of a document can be encoded")
      const entries = Object.entries(value)
      this.mapHeader(entries.length)
      for (const [key, item] of entries) {
        this.string(key)
        this.value(item)
      }
    }
  }

  /** Bytes that are encoded already. */
  encoded(value: Uint8Array): void {
    this.ensure(value.length)
    this.raw(value)
  }

  byte(value: number): void {
    this.ensure(1)
    this.bytes[this.position++] = value
  }

  private raw(value: Uint8Array): void {
    this.bytes.set(value, this.position)
    this.position += value.length
  }

  private negative(value: number): void {
    this.ensure(9)
    const { bytes, position } = this
    if (value >= -0x20) {
      bytes[position] = value & 0xff
      this.position = position + 1
    } else if (value >= -0x80) {
      bytes[position] = 0xd0
      bytes[position + 1] = value & 0xff
      this.position = position + 2
    } else if (value >= -0x8000) {
      bytes[position] = 0xd1
      this.uint16(position + 1, value & 0xffff)
      this.position = position + 3
    } else if (value >= -0x80000000) {
      bytes[position] = 0xd2
      this.uint32(position + 1, value >>> 0)
      this.position = position + 5
    } else {
      bytes[position] = 0xd3
      this.uint32(position + 1, Math.floor(value / 0x100000000) >>> 0)
      this.uint32(position + 5, value >>> 0)
      this.position = position + 9
    }
  }

  private float64(value: number): void {
    this.ensure(9)
    const { bytes, position } = this
    float.setFloat64(0, value)
    bytes[position] = 0xcb
    for (let i = 0; i < 8; i++) bytes[position + 1 + i] = float.getUint8(i)
    this.position = position + 9
  }

  private header16or32(code16: number, count: number): void {
    this.ensure(5)
    const { bytes, position } = this
    if (count < 0x10000) {
      bytes[position] = code16
      this.uint16(position + 1, count)
      this.position = position + 3
    } else {
      bytes[position] = code16 + 1
      this.uint32(position + 1, count)
      this.position = position + 5
    }
  }

  private uint16(at: number, value: number): void {
    const { bytes } = this
    bytes[at] = value >>> 8
    bytes[at + 1] = value
  }

  private uint32(at: number, value: number): void {
    const { bytes } = this
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
  }

  private grow(needed: number): void {
    const grown = new Uint8Array(Math.max(needed, 2 * this.bytes.length))
    grown.set(this.bytes.subarray(0, this.position))
    this.replace(grown)
  }

  /** A large buffer is given back now and not at some later collection: who does not read his replies makes many. */
  private replace(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.bytes.length > writerKeptBytesMax) this.bytes.buffer.transfer(0)
    this.bytes = bytes
  }
}

function stringHeaderBytes(length: number): number {
  return length < 32 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 5
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}
