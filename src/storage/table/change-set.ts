/**
 * The last state of each key among the records of a stretch of log, found by walking it *backwards*: the first state that
 * is met of a key is its last, and everything older is only looked up and passed by. So a record costs a hash of its alias
 * and a probe, and only a key costs a copy; forwards, each record would cost a string, an object and a copy of its content.
 *
 * Keys lie in typed arrays under an open-addressing table; aliases and contents in an arena of chunks.
 */
import { recordEffect, type RecordView } from "../../core/entry/record.ts"

const chunkBytes = 1024 * 1024
const keysMin = 4096
/** In the arrays and the table, beside alias and content. */
const keyBytes = 48

export class ChangeSet {
  /** Keys found. */
  count = 0
  /** What they take. */
  bytes = 0
  private hashes = new Int32Array(keysMin)
  private chunks = new Int32Array(keysMin)
  private offsets = new Int32Array(keysMin)
  private aliasLengths = new Uint16Array(keysMin)
  /** -1: removed. */
  private contentLengths = new Int32Array(keysMin)
  private expiries = new Float64Array(keysMin)
  /** The key found before it in the same slot, -1 = none. */
  private nexts = new Int32Array(keysMin)
  /** Index of a key plus one; 0 = free. */
  private table = new Int32Array(2 * keysMin)
  private readonly arena: Uint8Array<ArrayBuffer>[] = []
  private used = chunkBytes

  /**
   * Takes up a record's effect if nothing newer was seen of its key.
   * @param next the key found before in the record's slot, -1 = none
   * @returns the new key's index, or -1 where a newer state is known
   */
  add(record: RecordView, next: number): number {
    const { bytes, aliasOffset, aliasLength } = record
    const hash = hashOf(bytes, aliasOffset, aliasLength)
    const mask = this.table.length - 1
    let place = hash & mask
    for (let found = this.table[place] as number; found !== 0; found = this.table[place] as number) {
      if (this.hashes[found - 1] === hash && this.isAlias(found - 1, bytes, aliasOffset, aliasLength))
        return -1
      place = (place + 1) & mask
    }
    const index = this.count++
    if (index === this.hashes.length) this.grow()
    const stored = record.effect === recordEffect.store
    const contentLength = stored ? record.contentLength : 0
    this.hashes[index] = hash
    this.aliasLengths[index] = aliasLength
    this.contentLengths[index] = stored ? contentLength : -1
    this.expiries[index] = stored ? record.expiresAtMs : 0
    this.nexts[index] = next
    this.keep(index, bytes, aliasOffset, aliasLength + contentLength)
    if (2 * this.count > this.table.length) this.rehash()
    else this.table[place] = index + 1
    return index
  }

  next(index: number): number {
    return this.nexts[index] as number
  }

  alias(index: number): Uint8Array {
    const offset = this.offsets[index] as number
    return this.chunk(index).subarray(offset, offset + (this.aliasLengths[index] as number))
  }

  /** @returns undefined where the key was removed */
  content(index: number): Uint8Array | undefined {
    const length = this.contentLengths[index] as number
    if (length < 0) return undefined
    const start = (this.offsets[index] as number) + (this.aliasLengths[index] as number)
    return this.chunk(index).subarray(start, start + length)
  }

  expiresAtMs(index: number): number {
    return this.expiries[index] as number
  }

  /** Gives the memory back now, and not when a collector comes to it: it is large. Nothing may be asked afterwards. */
  free(): void {
    for (const chunk of this.arena) chunk.buffer.transfer(0)
    this.arena.length = 0
  }

  private chunk(index: number): Uint8Array {
    return this.arena[this.chunks[index] as number] as Uint8Array
  }

  private isAlias(index: number, bytes: Uint8Array, start: number, length: number): boolean {
    if (this.aliasLengths[index] !== length) return false
    const chunk = this.chunk(index)
    const offset = this.offsets[index] as number
    for (let i = 0; i < length; i++) if (chunk[offset + i] !== bytes[start + i]) return false
    return true
  }

  private keep(index: number, bytes: Uint8Array, start: number, length: number): void {
    let chunk = this.arena[this.arena.length - 1]
    if (chunk === undefined || this.used + length > chunk.length) {
      chunk = new Uint8Array(Math.max(chunkBytes, length))
      this.arena.push(chunk)
      this.used = 0
    }
    const offset = this.used
    if (length < 256) for (let i = 0; i < length; i++) chunk[offset + i] = bytes[start + i] as number
    else chunk.set(bytes.subarray(start, start + length), offset)
    this.used += length
    this.bytes += keyBytes + length
    this.chunks[index] = this.arena.length - 1
    this.offsets[index] = offset
  }

  private grow(): void {
    const length = 2 * this.hashes.length
    const grown = <A extends Int32Array | Uint16Array | Float64Array>(from: A, to: A): A => {
      to.set(from as never)
      return to
    }
    this.hashes = grown(this.hashes, new Int32Array(length))
    this.chunks = grown(this.chunks, new Int32Array(length))
    this.offsets = grown(this.offsets, new Int32Array(length))
    this.aliasLengths = grown(this.aliasLengths, new Uint16Array(length))
    this.contentLengths = grown(this.contentLengths, new Int32Array(length))
    this.expiries = grown(this.expiries, new Float64Array(length))
    this.nexts = grown(this.nexts, new Int32Array(length))
  }

  private rehash(): void {
    const table = new Int32Array(2 * this.table.length)
    const mask = table.length - 1
    for (let index = 0; index < this.count; index++) {
      let place = (this.hashes[index] as number) & mask
      while (table[place] !== 0) place = (place + 1) & mask
      table[place] = index + 1
    }
    this.table = table
  }
}

/** MurmurHash3's finish over FNV-1a's steps: good enough where a collision only costs a comparison. */
function hashOf(bytes: Uint8Array, start: number, length: number): number {
  let hash = 0x811c9dc5 ^ length
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
