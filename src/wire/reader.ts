/**
 * A cursor over the MessagePack of one frame, for the hot path: it reads headers, integers and byte strings in place and
 * allocates nothing. It never throws and never reads at or behind `end`.
 *
 * A failure is sticky, like an overflow flag: `failed` is set, every later read fails too, and the caller looks once at the
 * end. So a decoder is a straight line and cannot forget a check.
 *
 * Peers are written in many languages, and their libraries choose different encodings for one value: any encoding of an
 * integer is read (also a float with an integral value), and `str` where `bin` is meant.
 */
const nothing = new Uint8Array(0)
const scratch = new DataView(new ArrayBuffer(8))

export class MessageReader {
  bytes: Uint8Array = nothing
  position = 0
  end = 0
  failed = false
  /** Where the byte string lies that `readBytes` found. */
  rangeStart = 0
  rangeEnd = 0

  /** Begins with the message in `bytes[start, end)`. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes
    this.position = start
    this.end = end
    this.failed = end > bytes.length || start > end || start < 0
    this.rangeStart = this.rangeEnd = start
  }

  /** Drops the frame, so that a reader kept for later does not keep its memory. */
  release(): void {
    this.bytes = nothing
    this.position = this.end = 0
    this.failed = true
  }

  /** @returns the next byte unread, or -1 at the end */
  peek(): number {
    return this.failed || this.position >= this.end ? -1 : (this.bytes[this.position] as number)
  }

  /** @returns whether everything was read, and well */
  finished(): boolean {
    return !this.failed && this.position === this.end
  }

  /** @returns the number of elements of the array that begins here, or -1 */
  readArrayHeader(): number {
    const first = this.peek()
    if (first >= 0x90 && first <= 0x9f) {
      this.position++
      return first & 0x0f
    }
    if (first === 0xdc) return this.readLength(2)
    if (first === 0xdd) return this.readLength(4)
    return this.fail()
  }

  /** @returns the number of members of the map that begins here, or -1 */
  readMapHeader(): number {
    const first = this.peek()
    if (first >= 0x80 && first <= 0x8f) {
      this.position++
      return first & 0x0f
    }
    if (first === 0xde) return this.readLength(2)
    if (first === 0xdf) return this.readLength(4)
    return this.fail()
  }

  /** @returns an integer from -(2^53 - 1) to 2^53 - 1 in whichever encoding, or NaN */
  readInteger(): number {
    const first = this.peek()
    if (first >= 0 && first < 0x80) {
      this.position++
      return first
    }
    const value = this.readWideInteger(first)
    if (Number.isNaN(value)) this.failed = true
    return value
  }

  /** Takes `count` bytes as they are, into `rangeStart` and `rangeEnd`. */
  readRaw(count: number): boolean {
    if (this.failed || count > this.end - this.position) {
      this.failed = true
      return false
    }
    this.rangeStart = this.position
    this.rangeEnd = this.position += count
    return true
  }

  /** @returns an integer from 0 to `max` (at most 2^53 - 1) in whichever encoding, or -1 */
  readUnsigned(max: number): number {
    const first = this.peek()
    if (first >= 0 && first < 0x80) {
      if (first > max) return this.fail()
      this.position++
      return first
    }
    const value = this.readWideInteger(first)
    return value >= 0 && value <= max ? value : this.fail()
  }

  /**
   * Reads a byte string, `bin` or `str`, of `min` to `max` bytes, into `rangeStart` and `rangeEnd`. One whose length is
   * not allowed but that lies in the frame is skipped, and answered by `false` without failing: the frame is well-formed.
   */
  readBytes(min: number, max: number): boolean {
    const first = this.peek()
    let length: number
    if (first === 0xc4 || first === 0xd9) length = this.readLength(1)
    else if (first >= 0xa0 && first <= 0xbf) {
      this.position++
      length = first & 0x1f
    } else if (first === 0xc5 || first === 0xda) length = this.readLength(2)
    else if (first === 0xc6 || first === 0xdb) length = this.readLength(4)
    else length = this.fail()
    if (length < 0 || length > this.end - this.position) {
      this.fail()
      return false
    }
    this.rangeStart = this.position
    this.rangeEnd = this.position += length
    return length >= min && length <= max
  }

  /** @returns 1 for true, 0 for false, -1 for anything else */
  readBoolean(): number {
    const first = this.peek()
    if (first !== 0xc2 && first !== 0xc3) return this.fail()
    this.position++
    return first - 0xc2
  }

  /** Reads a nil if one is next. */
  readNil(): boolean {
    if (this.peek() !== 0xc0) return false
    this.position++
    return true
  }

  /** Any integer encoding but the positive fixint. @returns a safe integer, or NaN */
  private readWideInteger(first: number): number {
    const { bytes, position } = this
    const left = this.end - position - 1
    switch (first) {
      case 0xcc:
        if (left < 1) break
        this.position = position + 2
        return bytes[position + 1] as number
      case 0xcd:
        if (left < 2) break
        this.position = position + 3
        return uint16At(bytes, position + 1)
      case 0xce:
        if (left < 4) break
        this.position = position + 5
        return uint32At(bytes, position + 1)
      case 0xcf:
        if (left < 8) break
        this.position = position + 9
        return safe(uint32At(bytes, position + 1) * 0x100000000 + uint32At(bytes, position + 5))
      case 0xd0:
        if (left < 1) break
        this.position = position + 2
        return ((bytes[position + 1] as number) << 24) >> 24
      case 0xd1:
        if (left < 2) break
        this.position = position + 3
        return (uint16At(bytes, position + 1) << 16) >> 16
      case 0xd2:
        if (left < 4) break
        this.position = position + 5
        return uint32At(bytes, position + 1) | 0
      case 0xd3:
        if (left < 8) break
        this.position = position + 9
        return safe((uint32At(bytes, position + 1) | 0) * 0x100000000 + uint32At(bytes, position + 5))
      case 0xca:
        if (left < 4) break
        this.position = position + 5
        scratch.setUint32(0, uint32At(bytes, position + 1))
        return safe(scratch.getFloat32(0))
      case 0xcb:
        if (left < 8) break
        this.position = position + 9
        scratch.setUint32(0, uint32At(bytes, position + 1))
        scratch.setUint32(4, uint32At(bytes, position + 5))
        return safe(scratch.getFloat64(0))
      default:
        if (first >= 0xe0) {
          this.position = position + 1
          return first - 0x100
        }
    }
    return Number.NaN
  }

  /** Reads the `width` bytes of a length behind its type byte. */
  private readLength(width: 1 | 2 | 4): number {
    const at = this.position + 1
    if (at + width > this.end) return this.fail()
    this.position = at + width
    if (width === 1) return this.bytes[at] as number
    return width === 2 ? uint16At(this.bytes, at) : uint32At(this.bytes, at)
  }

  private fail(): -1 {
    this.failed = true
    return -1
  }
}

function uint16At(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

function uint32At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  )
}

/** -0.0 reads as 0. */
function safe(value: number): number {
  return Number.isSafeInteger(value) ? value + 0 : Number.NaN
}
