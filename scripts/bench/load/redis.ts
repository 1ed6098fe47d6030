/** RESP2, as much as SET and GET need: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
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

const lineFeed = 10
const plus = 43
const minus = 45
const dollar = 36

class RedisBatch implements Batch {
  readonly bytes: Uint8Array
  readonly size: number
  answered = 0
  private readonly stride: number
  private readonly aliasAt: number
  private readonly contentAt: number
  private readonly contentBytes: number
  private readonly isPut: boolean

  constructor(operation: LoadOperation, size: number, contentBytes: number) {
    this.size = size
    this.isPut = operation === "put"
    this.contentBytes = contentBytes
    const alias = aliasPrefix + "0".repeat(12)
    const head = this.isPut
      ? `*3\r\n$3\r\nSET\r\n$${aliasBytes}\r\n`
      : `*2\r\n$3\r\nGET\r\n$${aliasBytes}\r\n`
    const content = Buffer.from(filler(contentBytes)).toString()
    const request = this.isPut
      ? `${head}${alias}\r\n$${contentBytes}\r\n${content}\r\n`
      : `${head}${alias}\r\n`
    this.stride = request.length
    this.aliasAt = head.length + aliasPrefix.length
    this.contentAt = request.length - 2 - contentBytes
    this.bytes = Buffer.from(request.repeat(size))
  }

  setAlias(index: number, aliasNumber: number): void {
    const start = index * this.stride
    writeDigits(this.bytes, start + this.aliasAt, aliasNumber)
    if (this.isPut) writeDigits(this.bytes, start + this.contentAt, aliasNumber)
  }

  seal(): void {
    this.answered = 0
  }

  read(chunk: Uint8Array, from: number, to: number): number {
    let at = from
    while (at < to && this.answered < this.size) {
      const next = this.isPut ? this.readStatus(chunk, at, to) : this.readContent(chunk, at, to)
      if (next < 0) break
      at = next
      this.answered += 1
    }
    return at
  }

  private readStatus(chunk: Uint8Array, at: number, to: number): number {
    if (chunk[at] !== plus) return failure(chunk, at, to)
    return at + 5 <= to ? expectOk(chunk, at) : -1
  }

  private readContent(chunk: Uint8Array, at: number, to: number): number {
    if (chunk[at] !== dollar) return failure(chunk, at, to)
    let length = 0
    let cursor = at + 1
    for (; cursor < to && chunk[cursor] !== lineFeed; cursor++) {
      const byte = chunk[cursor] as number
      if (byte === minus) throw new Error("redis: an alias that was put is not there")
      if (byte >= 48) length = length * 10 + byte - 48
    }
    const end = cursor + 1 + length + 2
    if (end > to) return -1
    if (length !== this.contentBytes) throw new Error(`redis: a content of ${length} bytes`)
    const digitsAt = this.answered * this.stride + this.aliasAt
    if (!sameDigits(chunk, cursor + 1, this.bytes, digitsAt))
      throw new Error("redis: the content of another alias")
    return end
  }
}

function expectOk(chunk: Uint8Array, at: number): number {
  const isOk = chunk[at + 1] === 79 && chunk[at + 2] === 75 && chunk[at + 4] === lineFeed
  if (!isOk) throw new Error("redis: an answer that is not OK")
  return at + 5
}

function failure(chunk: Uint8Array, at: number, to: number): number {
  const end = chunk.indexOf(lineFeed, at)
  if (end < 0 || end >= to) return -1
  throw new Error(`redis: ${Buffer.from(chunk.subarray(at, end)).toString().trim()}`)
}

export const redisProtocol: LoadProtocol = {
  name: "redis",
  greeting: () => undefined,
  readGreeting: (_chunk, from) => from,
  batch: (operation, size, contentBytes) => new RedisBatch(operation, size, contentBytes),
}
