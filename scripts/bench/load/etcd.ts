/**
 * etcd's gRPC interface (etcdserverpb: KV/Put and KV/Range) over HTTP/2, as much as a load needs. The calls have a constant
 * shape, so the protobuf is written by hand and a batch is filled in place: key, value, and the number of the stream.
 *
 * A call that succeeds answers with one DATA frame and ends with trailers; one that fails ends without DATA. Gets are
 * linearizable, which is etcd's default for a Range. https://etcd.io/docs/v3.4/learning/api/
 */
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
import { callHeaders, clientPreface, flag, frame, frameHeaderBytes, frameType } from "./http2.ts"

const grpcPrefixBytes = 5
/** Field 1 (key) and field 2 (value), length-delimited; in an answer `kvs` is field 2 and a value field 5. */
const keyTag = 0x0a
const valueTag = 0x12
const entriesTag = 0x12
const storedValueTag = 0x2a

class EtcdBatch implements Batch {
  readonly bytes: Uint8Array
  readonly size: number
  answered = 0
  private readonly stride: number
  private readonly dataAt: number
  private readonly aliasAt: number
  private readonly contentAt: number
  private readonly contentBytes: number
  private readonly isPut: boolean
  /** Streams of a client are odd. */
  private nextStream = 1
  private firstStream = 1
  /** 1: its DATA has come; 2: answered. */
  private readonly state: Uint8Array
  private pongs: Uint8Array[] = []

  constructor(operation: LoadOperation, size: number, contentBytes: number) {
    this.size = size
    this.state = new Uint8Array(size)
    this.isPut = operation === "put"
    this.contentBytes = contentBytes
    const key = Buffer.concat([Buffer.of(keyTag, aliasBytes), Buffer.from(aliasPrefix + "0".repeat(12))])
    const value = this.isPut
      ? Buffer.concat([Buffer.of(valueTag), varint(contentBytes), filler(contentBytes)])
      : new Uint8Array(0)
    const message = Buffer.concat([key, value])
    const prefix = Buffer.alloc(grpcPrefixBytes)
    prefix.writeUInt32BE(message.length, 1)
    const path = `/etcdserverpb.KV/${this.isPut ? "Put" : "Range"}`
    const head = frame(frameType.headers, flag.endHeaders, 0, callHeaders(path, "etcd"))
    const body = frame(frameType.data, flag.endStream, 0, Buffer.concat([prefix, message]))
    const request = Buffer.concat([head, body])
    this.stride = request.length
    this.dataAt = head.length
    this.aliasAt = head.length + frameHeaderBytes + grpcPrefixBytes + key.length - 12
    this.contentAt = request.length - contentBytes
    this.bytes = Buffer.concat(Array.from({ length: size }, () => request))
  }

  setAlias(index: number, aliasNumber: number): void {
    const start = index * this.stride
    writeDigits(this.bytes, start + this.aliasAt, aliasNumber)
    if (this.isPut) writeDigits(this.bytes, start + this.contentAt, aliasNumber)
  }

  seal(): void {
    this.answered = 0
    this.state.fill(0)
    this.firstStream = this.nextStream
    for (let index = 0; index < this.size; index++) {
      const start = index * this.stride
      writeUint32(this.bytes, start + 5, this.nextStream)
      writeUint32(this.bytes, start + this.dataAt + 5, this.nextStream)
      this.nextStream += 2
    }
  }

  takeControl(): Uint8Array | undefined {
    if (this.pongs.length === 0) return undefined
    const bytes = Buffer.concat(this.pongs)
    this.pongs = []
    return bytes
  }

  read(chunk: Uint8Array, from: number, to: number): number {
    let at = from
    while (to - at >= frameHeaderBytes) {
      const length =
        ((chunk[at] as number) << 16) | ((chunk[at + 1] as number) << 8) | (chunk[at + 2] as number)
      const end = at + frameHeaderBytes + length
      if (end > to) break
      this.readFrame(chunk, at, end)
      at = end
    }
    return at
  }

  private readFrame(chunk: Uint8Array, at: number, end: number): void {
    const type = chunk[at + 3] as number
    const flags = chunk[at + 4] as number
    const stream = readUint32(chunk, at + 5) & 0x7fffffff
    const payloadAt = at + frameHeaderBytes
    switch (type) {
      case frameType.data:
        return this.readData(chunk, stream, flags, payloadAt, end)
      case frameType.headers:
        if ((flags & flag.endStream) !== 0) this.endStream(chunk, stream, payloadAt, end)
        return
      case frameType.ping:
        if ((flags & flag.acknowledge) === 0)
          this.pongs.push(frame(frameType.ping, flag.acknowledge, 0, chunk.slice(payloadAt, end)))
        return
      case frameType.resetStream:
        throw new Error(`etcd: stream ${stream} was reset, error ${readUint32(chunk, payloadAt)}`)
      case frameType.goAway:
        throw new Error(`etcd: it ends the connection: ${printable(chunk.subarray(payloadAt, end))}`)
    }
  }

  private readData(chunk: Uint8Array, stream: number, flags: number, at: number, end: number): void {
    const index = this.indexOf(stream)
    if (this.state[index] !== 0 || (flags & flag.padded) !== 0)
      throw new Error("etcd: more than one message in an answer")
    if (chunk[at] !== 0 || readUint32(chunk, at + 1) !== end - at - grpcPrefixBytes)
      throw new Error("etcd: an answer that is no whole message")
    this.state[index] = 1
    if (!this.isPut) this.checkEntry(chunk, at + grpcPrefixBytes, end, index)
  }

  private endStream(chunk: Uint8Array, stream: number, at: number, end: number): void {
    const index = this.indexOf(stream)
    if (this.state[index] !== 1) throw new Error(`etcd: a call failed: ${printable(chunk.subarray(at, end))}`)
    this.state[index] = 2
    this.answered += 1
  }

  private indexOf(stream: number): number {
    const index = (stream - this.firstStream) / 2
    if (!(Number.isInteger(index) && index >= 0 && index < this.size))
      throw new Error(`etcd: an answer on stream ${stream}, which is not open`)
    return index
  }

  /** The message's `kvs` holds one entry, whose value is that of the alias that was asked for. */
  private checkEntry(chunk: Uint8Array, from: number, end: number, index: number): void {
    const entry = fieldOf(chunk, from, end, entriesTag)
    if (entry === undefined) throw new Error("etcd: an alias that was put is not there")
    const value = fieldOf(chunk, entry.at, entry.end, storedValueTag)
    if (value === undefined || value.end - value.at !== this.contentBytes)
      throw new Error("etcd: a content of another length")
    if (!sameDigits(chunk, value.at, this.bytes, index * this.stride + this.aliasAt))
      throw new Error("etcd: the content of another alias")
  }
}

/** @returns where the first field with this tag (length-delimited) lies, or undefined */
function fieldOf(
  bytes: Uint8Array,
  from: number,
  end: number,
  tag: number,
): { readonly at: number; readonly end: number } | undefined {
  let at = from
  while (at < end) {
    const found = bytes[at++] as number
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] as number
      value += (byte & 127) * scale
      if (byte < 128) break
      if (at >= end) return undefined
    }
    const wire = found & 7
    if (wire === 0) continue
    if (wire !== 2) throw new Error("etcd: a field of a kind that it does not have")
    if (found === tag) return { at, end: at + value }
    at += value
  }
  return undefined
}

function varint(value: number): Buffer {
  const bytes: Array<number> = []
  let left = value
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 128)
  return Buffer.of(...bytes, left)
}

function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16)
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = (value >>> 16) & 255
  bytes[at + 2] = (value >>> 8) & 255
  bytes[at + 3] = value & 255
}

function printable(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("latin1")
    .replace(/[^ -~]+/g, " ")
    .trim()
}

export const etcdProtocol: LoadProtocol = {
  name: "etcd",
  speaksUnasked: true,
  greeting: clientPreface,
  readGreeting(chunk, from, to) {
    if (to - from < frameHeaderBytes) return -1
    // The server's first frame is its settings.
    if (chunk[from + 3] !== frameType.settings)
      throw new Error(`etcd: no HTTP/2: ${printable(chunk.subarray(from, to))}`)
    const length =
      ((chunk[from] as number) << 16) | ((chunk[from + 1] as number) << 8) | (chunk[from + 2] as number)
    const end = from + frameHeaderBytes + length
    return end > to ? -1 : end
  },
  batch: (operation, size, contentBytes) => new EtcdBatch(operation, size, contentBytes),
}
