/**
 * qdb's protocol (docs/protocol.md), as much as a load needs. A put is the operation `update`, which writes whether or
 * not there is an entry, as Redis' SET does; `put` would answer that the alias exists. Every integer that changes has a
 * fixed width, so that a batch can be filled in place.
 *
 * Every connection is a client of its own, with its own id: fifty users, not one.
 */
import { operation as opcodes } from "../../../src/core/entry/operation.ts"
import {
  aliasBytes,
  aliasPrefix,
  filler,
  sameDigits,
  writeDigits,
  type Batch,
  type LoadOperation,
  type LoadProtocol,
} from "./batch.ts"

const headerBytes = 4
const clientIdBytes = 16
const timeLeftMs = 60_000

/** A message laid out by hand, with the places that are filled in later. */
class Layout {
  readonly parts: Array<number> = []
  get length(): number {
    return this.parts.length
  }
  raw(...bytes: ReadonlyArray<number>): this {
    this.parts.push(...bytes)
    return this
  }
  uint32(value: number): this {
    return this.raw(0xce, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
  }
  binary(bytes: Uint8Array): this {
    const length = bytes.length
    if (length < 256) this.raw(0xc4, length)
    else if (length < 65_536) this.raw(0xc5, length >> 8, length & 255)
    else this.raw(0xc6, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255)
    for (const byte of bytes) this.parts.push(byte)
    return this
  }
}

class QdbBatch implements Batch {
  readonly bytes: Uint8Array
  readonly size: number
  answered = 0
  private readonly stride: number
  private readonly requestIdAt: number
  private readonly numberAt: number
  private readonly floorAt: number
  private readonly aliasAt: number
  private readonly contentAt: number
  private readonly isPut: boolean
  private readonly replies: ReplyCursor
  /** Number of the batch's first write; exactly-once numbers go up without gaps, and a batch begins when none is open. */
  private nextNumber = 1
  private firstId = 0
  private readonly seen: Uint8Array

  constructor(operation: LoadOperation, size: number, contentBytes: number) {
    this.size = size
    this.isPut = operation === "put"
    this.seen = new Uint8Array(size)
    this.replies = new ReplyCursor(contentBytes)
    const layout = new Layout().raw(0, 0, 0, 0)
    layout.raw(this.isPut ? 0x9a : 0x95, this.isPut ? opcodes.update : opcodes.get)
    this.requestIdAt = layout.length + 1
    layout.uint32(0).raw(0).uint32(timeLeftMs)
    if (this.isPut) layout.binary(crypto.getRandomValues(new Uint8Array(clientIdBytes)))
    this.numberAt = layout.length + 1
    if (this.isPut) layout.uint32(0)
    this.floorAt = layout.length + 1
    if (this.isPut) layout.uint32(0)
    layout.binary(Buffer.from(aliasPrefix + "0".repeat(aliasBytes - aliasPrefix.length)))
    this.aliasAt = layout.length - aliasBytes + aliasPrefix.length
    if (this.isPut) layout.binary(filler(contentBytes))
    this.contentAt = layout.length - contentBytes
    if (this.isPut) layout.raw(0)
    const request = Buffer.from(layout.parts)
    request.writeUInt32LE(request.length - headerBytes, 0)
    this.stride = request.length
    this.bytes = Buffer.concat(Array.from({ length: size }, () => request))
  }

  setAlias(index: number, aliasNumber: number): void {
    const start = index * this.stride
    writeDigits(this.bytes, start + this.aliasAt, aliasNumber)
    if (this.isPut) writeDigits(this.bytes, start + this.contentAt, aliasNumber)
  }

  seal(): void {
    this.answered = 0
    this.seen.fill(0)
    const first = this.nextNumber
    for (let index = 0; index < this.size; index++) {
      const start = index * this.stride
      writeUint32(this.bytes, start + this.requestIdAt, first + index)
      if (!this.isPut) continue
      writeUint32(this.bytes, start + this.numberAt, first + index)
      writeUint32(this.bytes, start + this.floorAt, first)
    }
    this.firstId = first
    this.nextNumber = first + this.size
  }

  read(chunk: Uint8Array, from: number, to: number): number {
    let at = from
    const replies = this.replies
    while (this.answered < this.size && to - at >= headerBytes) {
      const end = at + headerBytes + uint32LittleEndian(chunk, at)
      if (end > to) break
      replies.read(chunk, at + headerBytes, end, this.isPut)
      const index = replies.requestId - this.firstId
      if (!(index >= 0 && index < this.size) || this.seen[index] === 1) {
        throw new Error(`qdb: a reply to request ${replies.requestId}, which is not open`)
      }
      this.seen[index] = 1
      if (
        !this.isPut &&
        !sameDigits(chunk, replies.contentAt, this.bytes, index * this.stride + this.aliasAt)
      ) {
        throw new Error("qdb: the content of another alias")
      }
      at = end
      this.answered += 1
    }
    return at
  }
}

/** Reads `[0, requestId]` and `[0, requestId, content]`; anything else is an error. */
class ReplyCursor {
  requestId = 0
  contentAt = 0
  private readonly contentBytes: number

  constructor(contentBytes: number) {
    this.contentBytes = contentBytes
  }

  read(chunk: Uint8Array, from: number, to: number, isPut: boolean): void {
    if (chunk[from] !== (isPut ? 0x92 : 0x93) || chunk[from + 1] !== 0) throw refusal(chunk, from, to)
    const idEnd = this.readId(chunk, from + 2)
    if (isPut) {
      if (idEnd !== to) throw new Error("qdb: a reply with more than its elements")
      return
    }
    const form = chunk[idEnd]
    const headLength = form === 0xc4 ? 2 : form === 0xc5 ? 3 : form === 0xc6 ? 5 : 0
    this.contentAt = idEnd + headLength
    if (headLength === 0 || to - this.contentAt !== this.contentBytes)
      throw new Error("qdb: a content of another length")
  }

  private readId(chunk: Uint8Array, at: number): number {
    const form = chunk[at] as number
    if (form < 0x80) {
      this.requestId = form
      return at + 1
    }
    const width = form === 0xcc ? 1 : form === 0xcd ? 2 : form === 0xce ? 4 : 0
    if (width === 0) throw new Error("qdb: a request id in a form that is none")
    let value = 0
    for (let offset = 1; offset <= width; offset++) value = value * 256 + (chunk[at + offset] as number)
    this.requestId = value
    return at + 1 + width
  }
}

function refusal(chunk: Uint8Array, from: number, to: number): Error {
  return new Error(`qdb: answered with an error: ${printable(chunk.subarray(from, to))}`)
}

function printable(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("latin1")
    .replace(/[^ -~]+/g, " ")
    .trim()
}

function uint32LittleEndian(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = (value >>> 16) & 255
  bytes[at + 2] = (value >>> 8) & 255
  bytes[at + 3] = value & 255
}

/** `["qdb", [1, 1], "client", "bench", nil, nil, nil, clockMs]` */
function hello(): Uint8Array {
  const text = (value: string) => [0xa0 | value.length, ...Buffer.from(value)]
  const layout = new Layout().raw(
    0,
    0,
    0,
    0,
    0x98,
    ...text("qdb"),
    0x92,
    1,
    1,
    ...text("client"),
    ...text("bench"),
  )
  layout.raw(0xc0, 0xc0, 0xc0, 0xcf, 0, 0, 0, 0, 0, 0, 0, 0)
  const bytes = Buffer.from(layout.parts)
  bytes.writeBigUInt64BE(BigInt(Date.now()), bytes.length - 8)
  bytes.writeUInt32LE(bytes.length - headerBytes, 0)
  return bytes
}

export const qdbProtocol: LoadProtocol = {
  name: "qdb",
  greeting: hello,
  readGreeting(chunk, from, to) {
    if (to - from < headerBytes) return -1
    const end = from + headerBytes + uint32LittleEndian(chunk, from)
    if (end > to) return -1
    // An array whose first element is the text "qdb"; a refusal begins with a code.
    const isHello = [0xa3, 0x71, 0x64, 0x62].every(
      (byte, index) => chunk[from + headerBytes + 1 + index] === byte,
    )
    if (!isHello) throw new Error(`qdb: refused: ${printable(chunk.subarray(from + headerBytes, end))}`)
    return end
  },
  batch: (operation, size, contentBytes) => new QdbBatch(operation, size, contentBytes),
}
