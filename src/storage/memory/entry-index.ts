/**
 * From an alias to its block: extendible hashing (Fagin et al., 1979) over segments of 10 KiB that are open-addressing
 * tables of pairs (hash, reference).
 *
 * One large open-addressing table has to be copied when it is full: twice the memory for a moment and a pause of a second
 * at ten million entries, or two tables and twice the look-ups while the copy creeps. Here the top bits of the hash choose a
 * segment through a directory, and a full segment alone is split in two: some µs of work and 10 KiB at a time. Two
 * segments that have become nearly empty are joined again, so that the index shrinks with the table. Low and middle bits
 * choose the place within a segment; linear probing, with the hash beside the reference so that a probe stays in one cache
 * line and an alias is compared only when 32 bits agree; removal shifts back, so there are no deleted marks.
 *
 * Each segment covers a range of hashes and a hash never changes, which also gives walks: in the order of hashes, whatever
 * is split or joined in between.
 *
 * A directory that would become much larger than its segments (thousands of equal hashes: someone knows the seed) does not
 * grow: the segment overflows into a chain. Slow for those aliases, right for all.
 *
 * Segment: word 0 depth, 1 entries, 2 whether it overflows, then pairs. An empty pair has reference 0.
 */
import type { EntryBlocks } from "./entry-block.ts"

const segmentWords = 2560
const headerWords = 4
const placeCount = (segmentWords - headerWords) / 2
/** 7/8: at the fullest, a look-up of what is not there reads some thirty places, 250 bytes. */
export const segmentEntriesMax = Math.floor((placeCount * 7) / 8)
const joinedEntriesMax = Math.floor(placeCount / 3)
/** Directory places per segment before it counts as degenerate. */
const directoryPlacesPerSegment = 16
const directoryPlacesMin = 1024
const depthMax = 26
/** A walk takes a segment in this many pieces, each a range of hashes. */
const piecesPerSegment = 16

/** The place where the search for a hash begins. */
const homeOf = (hash: number) => ((hash & 0xffff) * placeCount) >>> 16

export class EntryIndex {
  /** Entries in the index. */
  count = 0
  private readonly blocks: EntryBlocks
  private depth = 1
  private directory: Int32Array[]
  private readonly overflow = new Map<Int32Array, Int32Array[]>()
  private segments = 2
  private readonly scratch = new Int32Array(segmentWords)
  // Where the last search ended.
  private found: Int32Array
  private foundAt = 0

  constructor(blocks: EntryBlocks) {
    this.blocks = blocks
    this.directory = [makeSegment(1), makeSegment(1)]
    this.found = this.directory[0] as Int32Array
  }

  get bytes(): number {
    return this.segments * segmentWords * 4 + this.directory.length * 8
  }

  /** @returns the reference (signed) of the entry with this alias, or 0 */
  find(hash: number, bytes: Uint8Array, start: number, length: number): number {
    const segment = this.directory[hash >>> (32 - this.depth)] as Int32Array
    let at = headerWords + homeOf(hash) * 2
    for (;;) {
      const reference = segment[at + 1] as number
      if (reference === 0) break
      if (segment[at] === hash && this.blocks.aliasEquals(reference, bytes, start, length)) {
        this.found = segment
        this.foundAt = at
        return reference
      }
      at += 2
      if (at === segmentWords) at = headerWords
    }
    return segment[2] === 0 ? 0 : this.findOverflow(segment, hash, bytes, start, length)
  }

  private findOverflow(
    segment: Int32Array,
    hash: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): number {
    for (const chained of this.overflow.get(segment) as Int32Array[]) {
      for (let at = headerWords + homeOf(hash) * 2; chained[at + 1] !== 0;) {
        const reference = chained[at + 1] as number
        if (chained[at] === hash && this.blocks.aliasEquals(reference, bytes, start, length)) {
          this.found = chained
          this.foundAt = at
          return reference
        }
        at += 2
        if (at === segmentWords) at = headerWords
      }
    }
    return 0
  }

  /** Finds the place of a known reference, for `replaceFound` and `removeFound`. @returns whether it is there */
  locate(hash: number, reference: number): boolean {
    const segment = this.directory[hash >>> (32 - this.depth)] as Int32Array
    if (this.locateIn(segment, hash, reference)) return true
    if (segment[2] === 0) return false
    for (const chained of this.overflow.get(segment) as Int32Array[]) {
      if (this.locateIn(chained, hash, reference)) return true
    }
    return false
  }

  private locateIn(segment: Int32Array, hash: number, reference: number): boolean {
    const signed = reference | 0
    for (let at = headerWords + homeOf(hash) * 2; segment[at + 1] !== 0;) {
      if (segment[at + 1] === signed) {
        this.found = segment
        this.foundAt = at
        return true
      }
      at += 2
      if (at === segmentWords) at = headerWords
    }
    return false
  }

  replaceFound(reference: number): void {
    this.found[this.foundAt + 1] = reference
  }

  /** Adds an entry whose alias is not in the index. */
  insert(hash: number, reference: number): void {
    let segment = this.directory[hash >>> (32 - this.depth)] as Int32Array
    while ((segment[1] as number) >= segmentEntriesMax) {
      if (!this.split(segment, hash)) {
        segment = this.chained(segment)
        break
      }
      segment = this.directory[hash >>> (32 - this.depth)] as Int32Array
    }
    place(segment, hash, reference)
    this.count++
  }

  removeFound(): void {
    const segment = this.found
    const hash = segment[this.foundAt] as number
    let hole = this.foundAt
    let at = hole
    for (;;) {
      at += 2
      if (at === segmentWords) at = headerWords
      if (segment[at + 1] === 0) break
      // The pair may fill the hole unless its home lies behind the hole, on the way to where it is.
      const home = headerWords + homeOf(segment[at] as number) * 2
      const homeBetween = hole < at ? home > hole && home <= at : home > hole || home <= at
      if (homeBetween) continue
      segment[hole] = segment[at] as number
      segment[hole + 1] = segment[at + 1] as number
      hole = at
    }
    segment[hole + 1] = 0
    ;(segment[1] as number)--
    this.count--
    this.join(hash)
  }

  /** Splits a segment in two by the next bit of the hash. @returns false if that would make the directory degenerate */
  private split(segment: Int32Array, hash: number): boolean {
    const depth = segment[0] as number
    if (segment[2] !== 0) return false
    if (depth === this.depth && !this.growDirectory()) return false
    const { scratch } = this
    scratch.set(segment)
    segment.fill(0)
    segment[0] = depth + 1
    const upper = makeSegment(depth + 1)
    this.segments++
    const bit = 31 - depth
    for (let at = headerWords; at < segmentWords; at += 2) {
      const reference = scratch[at + 1] as number
      if (reference === 0) continue
      const moved = scratch[at] as number
      place(((moved >>> bit) & 1) === 0 ? segment : upper, moved, reference)
    }
    const places = 2 ** (this.depth - depth - 1)
    const start = Math.floor((hash >>> (32 - this.depth)) / (places * 2)) * places * 2 + places
    this.directory.fill(upper, start, start + places)
    return true
  }

  private growDirectory(): boolean {
    const length = this.directory.length * 2
    if (length > Math.max(directoryPlacesMin, this.segments * directoryPlacesPerSegment)) return false
    if (this.depth === depthMax) return false
    const directory = new Array<Int32Array>(length)
    for (let i = 0; i < length; i++) directory[i] = this.directory[i >>> 1] as Int32Array
    this.directory = directory
    this.depth++
    return true
  }

  /** A segment with room in the chain behind a full one that cannot be split. */
  private chained(segment: Int32Array): Int32Array {
    const chain = this.overflow.get(segment) ?? []
    for (const candidate of chain) if ((candidate[1] as number) < segmentEntriesMax) return candidate
    const added = makeSegment(segment[0] as number)
    this.segments++
    chain.push(added)
    this.overflow.set(segment, chain)
    segment[2] = 1
    return added
  }

  /** Joins the segment of a hash with its other half if both together are far from full. */
  private join(hash: number): void {
    const place0 = hash >>> (32 - this.depth)
    const segment = this.directory[place0] as Int32Array
    if (segment[2] !== 0) return this.dropEmptyChained(segment)
    const depth = segment[0] as number
    if (depth <= 1 || (segment[1] as number) * 2 > joinedEntriesMax) return
    const places = 2 ** (this.depth - depth)
    const start = Math.floor(place0 / places) * places
    const buddyStart = Math.floor(place0 / places) % 2 === 0 ? start + places : start - places
    const buddy = this.directory[buddyStart] as Int32Array
    if (buddy[0] !== depth || buddy[2] !== 0) return
    if ((segment[1] as number) + (buddy[1] as number) > joinedEntriesMax) return
    for (let at = headerWords; at < segmentWords; at += 2) {
      const reference = buddy[at + 1] as number
      if (reference !== 0) place(segment, buddy[at] as number, reference)
    }
    segment[0] = depth - 1
    this.directory.fill(segment, buddyStart, buddyStart + places)
    this.segments--
  }

  private dropEmptyChained(segment: Int32Array): void {
    const chain = (this.overflow.get(segment) as Int32Array[]).filter((chained) => chained[1] !== 0)
    this.segments -= (this.overflow.get(segment) as Int32Array[]).length - chain.length
    if (chain.length > 0) this.overflow.set(segment, chain)
    else {
      this.overflow.delete(segment)
      segment[2] = 0
    }
  }

  /**
   * One piece of a walk in the order of hashes: calls `visit` for entries with hashes from `cursor` on.
   * @returns the next cursor, 2^32 at the end
   */
  scanPiece(cursor: number, visit: (reference: number, hash: number) => void): number {
    const segment = this.directory[Math.floor(cursor / 2 ** (32 - this.depth))] as Int32Array
    const width = 2 ** (32 - (segment[0] as number)) / piecesPerSegment
    const end = (Math.floor(cursor / width) + 1) * width
    scanSegment(segment, cursor, end, visit)
    if (segment[2] !== 0) {
      for (const chained of this.overflow.get(segment) as Int32Array[])
        scanSegment(chained, cursor, end, visit)
    }
    return end
  }
}

/** What one `scanPiece` costs at most, in steps of an entry looked at (a chain apart). */
export const scanPieceSteps = placeCount / 8

function makeSegment(depth: number): Int32Array {
  const segment = new Int32Array(segmentWords)
  segment[0] = depth
  return segment
}

function place(segment: Int32Array, hash: number, reference: number): void {
  let at = headerWords + homeOf(hash) * 2
  while (segment[at + 1] !== 0) {
    at += 2
    if (at === segmentWords) at = headerWords
  }
  segment[at] = hash
  segment[at + 1] = reference
  ;(segment[1] as number)++
}

function scanSegment(
  segment: Int32Array,
  start: number,
  end: number,
  visit: (reference: number, hash: number) => void,
): void {
  for (let at = headerWords; at < segmentWords; at += 2) {
    if (segment[at + 1] === 0) continue
    const hash = (segment[at] as number) >>> 0
    if (hash >= start && hash < end) visit((segment[at + 1] as number) >>> 0, hash | 0)
  }
}
