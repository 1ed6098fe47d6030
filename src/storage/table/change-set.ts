/**
 * The last state of each key among the records of a stretch of log, found by walking it *backwards*: the first state that
 * is met of a key is its last, and everything older is only looked up and passed by. So a record costs a hash of its alias
 * and a probe, and only a key costs a copy; forwards, each record would cost a string, an object and a copy of its content.
 *
 * All that is known of a key lies in one place, with its alias and content behind it, so that a look at a key that is not in the
 * processor's cache waits for memory twice (the table, the place) and not once for each field. Places are numbered by units of
 * eight bytes, through chunks of a megabyte; one that is longer than a chunk has a longer one.
 */
import { recordEffect, type RecordView } from "../../core/entry/record.ts"

const unit = 8
const chunkBytes = 1024 * 1024
const chunkUnits = chunkBytes / unit
/** Of a key's place, in words of four bytes; its expiry is the second pair of them. */
const word = { hash: 0, next: 1, contentLength: 4, aliasLength: 5 } as const
const expiryUnit = 1
const headBytes = 24
const tableMin = 8192
/** Of a key in the table. */
const tableBytes = 12
const removed = -1

class Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly words: Int32Array<ArrayBuffer>
  readonly floats: Float64Array<ArrayBuffer>
  /** The number of its first unit. */
  readonly start: number

  constructor(length: number, start: number) {
    const buffer = new ArrayBuffer(length)
    this.bytes = new Uint8Array(buffer)
    this.words = new Int32Array(buffer)
    this.floats = new Float64Array(buffer)
    this.start = start
  }
}

export class ChangeSet {
  /** Keys found. */
  count = 0
  /** What they take. */
  bytes = 0
  /** A key's place plus one; 0 = free. */
  private table = new Int32Array(tableMin)
  /** One for each `chunkUnits`; a long one is there several times. */
  private readonly chunks: Chunk[] = []
  private used = 0

  /**
   * Takes up a record's effect if nothing newer was seen of its key.
   * @param next the key found before in the record's slot, -1 = none
   * @returns the new key's place, or -1 where a newer state is known
   */
  add(record: RecordView, next: number): number {
    const { bytes, aliasOffset, aliasLength } = record
    const hash = hashOf(bytes, aliasOffset, aliasLength)
    const { table } = this
    const mask = table.length - 1
    let slot = hash & mask
    for (let found = table[slot] as number; found !== 0; found = table[slot] as number) {
      if (this.isKey(found - 1, hash, bytes, aliasOffset, aliasLength)) return -1
      slot = (slot + 1) & mask
    }
    const stored = record.effect === recordEffect.store
    const contentLength = stored ? record.contentLength : 0
    const place = this.reserve(headBytes + aliasLength + contentLength)
    const chunk = this.chunk(place)
    const { words } = chunk
    const at = 2 * (place - chunk.start)
    words[at + word.hash] = hash
    words[at + word.next] = next
    words[at + word.contentLength] = stored ? contentLength : removed
    words[at + word.aliasLength] = aliasLength
    chunk.floats[place - chunk.start + expiryUnit] = stored ? record.expiresAtMs : 0
    copy(bytes, aliasOffset, chunk.bytes, 4 * at + headBytes, aliasLength + contentLength)
    table[slot] = place + 1
    this.count++
    if (2 * this.count > table.length) this.rehash()
    return place
  }

  private chunk(place: number): Chunk {
    return this.chunks[Math.floor(place / chunkUnits)] as Chunk
  }

  private isKey(place: number, hash: number, bytes: Uint8Array, start: number, length: number): boolean {
    const chunk = this.chunk(place)
    const at = 2 * (place - chunk.start)
    if (chunk.words[at + word.hash] !== hash || chunk.words[at + word.aliasLength] !== length) return false
    const alias = 4 * at + headBytes
    for (let i = 0; i < length; i++) if (chunk.bytes[alias + i] !== bytes[start + i]) return false
    return true
  }

  /** @returns the first of so many bytes that are free, by units */
  private reserve(length: number): number {
    const units = Math.ceil(length / unit)
    const room = this.chunks.length * chunkUnits - this.used
    if (room < units) {
      this.used = this.chunks.length * chunkUnits
      const count = Math.ceil(units / chunkUnits)
      const chunk = new Chunk(count * chunkBytes, this.used)
      for (let i = 0; i < count; i++) this.chunks.push(chunk)
    }
    const place = this.used
    this.used += units
    this.bytes += units * unit + tableBytes
    return place
  }

  private word(place: number, which: number): number {
    const chunk = this.chunk(place)
    return chunk.words[2 * (place - chunk.start) + which] as number
  }

  next(place: number): number {
    return this.word(place, word.next)
  }

  alias(place: number): Uint8Array {
    return this.part(place, 0, this.word(place, word.aliasLength))
  }

  /** @returns undefined where the key was removed */
  content(place: number): Uint8Array | undefined {
    const length = this.word(place, word.contentLength)
    return length === removed ? undefined : this.part(place, this.word(place, word.aliasLength), length)
  }

  private part(place: number, from: number, length: number): Uint8Array {
    const chunk = this.chunk(place)
    const start = unit * (place - chunk.start) + headBytes + from
    return chunk.bytes.subarray(start, start + length)
  }

  expiresAtMs(place: number): number {
    const chunk = this.chunk(place)
    return chunk.floats[place - chunk.start + expiryUnit] as number
  }

  /** Gives the memory back now, and not when a collector comes to it: it is large. Nothing may be asked afterwards. */
  free(): void {
    for (const { bytes } of new Set(this.chunks)) bytes.buffer.transfer(0)
    this.chunks.length = 0
    this.table.buffer.transfer(0)
  }

  private rehash(): void {
    const old = this.table
    const table = new Int32Array(2 * old.length)
    const mask = table.length - 1
    for (const found of old) {
      if (found === 0) continue
      let slot = this.word(found - 1, word.hash) & mask
      while (table[slot] !== 0) slot = (slot + 1) & mask
      table[slot] = found
    }
    this.table = table
    old.buffer.transfer(0)
  }
}

function copy(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  if (length >= 256) to.set(from.subarray(start, start + length), at)
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number
}

/** MurmurHash3's finish over FNV-1a's steps: good enough where a collision only costs a comparison. */
function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5 ^ length
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
