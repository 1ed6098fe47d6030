/**
 * Memory for blocks of any size: segments of 4 MiB, cut up by segregated fit with immediate coalescing (TLSF: Masmano et
 * al., 2004). Allocating and freeing take a bounded number of steps, whatever was allocated before.
 *
 * Entries come in all sizes and live for very different times. Lists of free blocks by size alone strand memory when the
 * sizes change; a log-structured slab (RAMCloud) needs its cleaner for every overwrite of another length. Here a freed
 * block merges with free neighbours at once and large free blocks are cut for small entries, so that compaction only has
 * to return memory after the table has shrunk. There is no slack in a block: its length follows from the entry in it.
 *
 * A *reference* is a place in units of 8 bytes, 32 bits: 13 bits of segment and 19 of unit, 32 GiB in all. Unit 0 of a
 * segment is never used, so reference 0 is "none" and `segment << 19` is free for use as a list's end (`BlockLists`).
 * Blocks above 256 KiB have an ArrayBuffer of their own; they are numbered under the last segment number.
 *
 * The first word of a block holds its flags. Of a free block: its units, then the links of its list; its last word repeats
 * the units, so that the block behind it, which has `prevFreeFlag` set, finds its start. Free blocks below 3 units are in
 * no list (no entry is that small) and wait for a neighbour.
 */
import { assert } from "../../core/lib/assert.ts"

export const unitBytes = 8
const unitBits = 19
const unitMask = 2 ** unitBits - 1
export const segmentUnits = 2 ** unitBits
/** Units of an empty segment. */
const wholeUnits = segmentUnits - 1
const largeSegment = 2 ** (32 - unitBits) - 1
const largeCountMax = unitMask
/** A block with more units has a buffer of its own. */
export const smallUnitsMax = 2 ** 15

export const freeFlag = 1 << 31
export const prevFreeFlag = 1 << 30
const listedFlag = 1 << 29
const sizeMask = (1 << 27) - 1

/** Below this, one list for each size. */
const exactUnits = 64
const listedUnitsMin = 3
/** How many blocks of the request's own class are tried before a larger class is cut. */
const tries = 4
const listCount = exactUnits + (unitBits - 6 + 1) * 16

/** Who walks over the slab, each with a cursor of its own. */
export const walkCursors = { clockHand: 0, compactor: 1, clearing: 2 } as const
const walkCount = 3

const noWords = new Int32Array(0)
const noFloats = new Float64Array(0)
const noBytes = new Uint8Array(0)

/** The number of the list for free blocks of this size. */
function listOf(units: number): number {
  if (units < exactUnits) return units
  const power = 31 - Math.clz32(units)
  return exactUnits + (power - 6) * 16 + ((units >>> (power - 4)) & 15)
}

export class Slab {
  // Views of the segments; behind `largeSegment` those of the large blocks. Empty views where there is no segment.
  readonly words: Int32Array[] = []
  readonly floats: Float64Array[] = []
  readonly bytes: Uint8Array[] = []
  /** Used units of each segment. */
  private readonly used: number[] = []
  private readonly heads = new Int32Array(listCount)
  private readonly listed = new Int32Array(Math.ceil(listCount / 32))
  private readonly vacant: number[] = []
  private readonly vacantLarge: number[] = []
  private emptySegments = 0
  /** Segment numbers in use lie below this. */
  segmentEnd = 0
  largeEnd = 0
  segmentCount = 0
  largeCount = 0
  largeBytes = 0
  /** Units of free blocks in segments. */
  freeUnits = 0
  /** Units in use, large blocks included. */
  usedUnits = 0
  /** The segment that is being emptied: its free blocks are in no list. -1 = none. */
  victim = -1
  /** Places of walks, each at the start of a block; moved when that block is swallowed by a free one. */
  readonly cursors = new Uint32Array(walkCount)

  /** Rises whenever a block is given back: until then every reference is good. */
  version = 0

  constructor() {
    // Without holes, so that the arrays stay plain although the large blocks' part begins late.
    for (let i = 0; i <= largeSegment; i++) {
      this.words.push(noWords)
      this.floats.push(noFloats)
      this.bytes.push(noBytes)
    }
  }

  /** Where the views of a reference's segment are. */
  segmentOf(reference: number): number {
    const segment = reference >>> unitBits
    return segment === largeSegment ? largeSegment + (reference & unitMask) : segment
  }
  /** The unit within the segment. */
  unitOf(reference: number): number {
    return reference >>> unitBits === largeSegment ? 0 : reference & unitMask
  }
  isLarge(reference: number): boolean {
    return reference >>> unitBits === largeSegment
  }
  /** Reference of the first block of a segment. */
  firstOf(segment: number): number {
    return ((segment << unitBits) | 1) >>> 0
  }
  /** Reference of a large block, whether there is one or not, for 0 < number < `largeEnd`. */
  largeOf(number: number): number {
    return ((largeSegment << unitBits) | number) >>> 0
  }
  usedUnitsOf(segment: number): number {
    return this.used[segment] as number
  }
  exists(segment: number): boolean {
    return (this.words[segment] as Int32Array).length > 0
  }
  /** Units of a free block. */
  freeUnitsAt(words: Int32Array, unit: number): number {
    return (words[unit * 2] as number) & sizeMask
  }
  /** Units of a large block. */
  largeUnits(reference: number): number {
    return (this.floats[this.segmentOf(reference)] as Float64Array).length
  }
  get segmentBytes(): number {
    return this.segmentCount * segmentUnits * unitBytes + this.largeBytes
  }

  /**
   * @returns a reference to `units` units; the first word holds flags of the slab's own, the rest is undefined. Views of
   *   earlier references stay valid.
   */
  allocate(units: number): number {
    if (units > smallUnitsMax) return this.allocateLarge(units)
    let reference = this.fitting(units)
    if (reference === 0) reference = this.addSegment()
    const segment = reference >>> unitBits
    const words = this.words[segment] as Int32Array
    const unit = reference & unitMask
    const size = (words[unit * 2] as number) & sizeMask
    if (size === wholeUnits) this.emptySegments--
    this.unlist(words, unit, size)
    if (size > units) this.makeFree(segment, words, unit + units, size - units)
    else if (unit + size < segmentUnits) (words[(unit + size) * 2] as number) &= ~prevFreeFlag
    words[unit * 2] = 0
    this.used[segment] = (this.used[segment] as number) + units
    this.usedUnits += units
    this.freeUnits -= units
    return reference
  }

  /** @param units what it was allocated with (of a large block: any) */
  free(reference: number, units: number): void {
    this.version++
    if (this.isLarge(reference)) return this.freeLarge(reference)
    const segment = reference >>> unitBits
    const words = this.words[segment] as Int32Array
    let unit = reference & unitMask
    let size = units
    this.used[segment] = (this.used[segment] as number) - units
    this.usedUnits -= units
    this.freeUnits += units
    const next = unit + units
    if (((words[unit * 2] as number) & prevFreeFlag) !== 0) {
      const before = words[unit * 2 - 1] as number
      unit -= before
      size += before
      this.unlist(words, unit, before)
    }
    if (next < segmentUnits && ((words[next * 2] as number) & freeFlag) !== 0) {
      const behind = (words[next * 2] as number) & sizeMask
      size += behind
      this.unlist(words, next, behind)
    }
    this.makeFree(segment, words, unit, size)
    this.moveCursors(segment, unit, size)
    if (size === wholeUnits) this.emptied(segment, words)
  }

  /** A walk that stands inside of what is now one free block goes back to its start. */
  private moveCursors(segment: number, unit: number, size: number): void {
    const start = ((segment << unitBits) | unit) >>> 0
    for (let i = 0; i < walkCount; i++) {
      const cursor = this.cursors[i] as number
      if (cursor > start && cursor < start + size) this.cursors[i] = start
    }
  }

  /** Takes the free blocks of a segment, one after another, out of the lists. For use while it is the victim. */
  unlistAt(words: Int32Array, unit: number): void {
    this.unlist(words, unit, (words[unit * 2] as number) & sizeMask)
  }

  /** A free block that can hold `units`, or 0. */
  private fitting(units: number): number {
    const own = listOf(units)
    if (units >= exactUnits) {
      // Blocks of this list may be smaller or larger than the request.
      let candidate = this.heads[own] as number
      for (let i = 0; i < tries && candidate !== 0; i++) {
        const words = this.words[candidate >>> unitBits] as Int32Array
        const at = (candidate & unitMask) * 2
        if (((words[at] as number) & sizeMask) >= units) return candidate >>> 0
        candidate = words[at + 1] as number
      }
    }
    let list = units >= exactUnits ? own + 1 : own
    if (list >= listCount) return 0
    let row = list >>> 5
    let bits = (this.listed[row] as number) & (-1 << (list & 31))
    while (bits === 0) {
      if (++row === this.listed.length) return 0
      bits = this.listed[row] as number
    }
    list = row * 32 + 31 - Math.clz32(bits & -bits)
    return (this.heads[list] as number) >>> 0
  }

  /** Writes a free block and tells its successor; puts it into its list unless the segment is being emptied. */
  private makeFree(segment: number, words: Int32Array, unit: number, size: number): void {
    const at = unit * 2
    words[at] = freeFlag | size
    words[(unit + size) * 2 - 1] = size
    if (unit + size < segmentUnits) (words[(unit + size) * 2] as number) |= prevFreeFlag
    if (size < listedUnitsMin || segment === this.victim) return
    const list = listOf(size)
    const head = this.heads[list] as number
    const reference = (segment << unitBits) | unit
    words[at] = freeFlag | listedFlag | size
    words[at + 1] = head
    words[at + 2] = 0
    if (head !== 0) (this.words[head >>> unitBits] as Int32Array)[(head & unitMask) * 2 + 2] = reference
    this.heads[list] = reference
    ;(this.listed[list >>> 5] as number) |= 1 << (list & 31)
  }

  private unlist(words: Int32Array, unit: number, size: number): void {
    const at = unit * 2
    if (((words[at] as number) & listedFlag) === 0) return
    words[at] = freeFlag | size
    const next = words[at + 1] as number
    const prev = words[at + 2] as number
    if (next !== 0) (this.words[next >>> unitBits] as Int32Array)[(next & unitMask) * 2 + 2] = prev
    if (prev !== 0) {
      ;(this.words[prev >>> unitBits] as Int32Array)[(prev & unitMask) * 2 + 1] = next
      return
    }
    const list = listOf(size)
    this.heads[list] = next
    if (next === 0) (this.listed[list >>> 5] as number) &= ~(1 << (list & 31))
  }

  private addSegment(): number {
    const segment = this.vacant.pop() ?? this.segmentEnd++
    assert(segment < largeSegment, "entries in memory stay below 32 GiB")
    this.setViews(segment, new ArrayBuffer(segmentUnits * unitBytes))
    this.used[segment] = 0
    this.segmentCount++
    this.emptySegments++
    this.freeUnits += wholeUnits
    this.makeFree(segment, this.words[segment] as Int32Array, 1, wholeUnits)
    return this.firstOf(segment)
  }

  /** One empty segment is kept, so that a table that breathes does not allocate each time. */
  private emptied(segment: number, words: Int32Array): void {
    const wasVictim = segment === this.victim
    if (wasVictim) this.victim = -1
    if (this.emptySegments === 0) {
      this.emptySegments = 1
      if (wasVictim) this.makeFree(segment, words, 1, wholeUnits)
      return
    }
    this.unlist(words, 1, wholeUnits)
    this.dropViews(segment)
    this.vacant.push(segment)
    this.segmentCount--
    this.freeUnits -= wholeUnits
  }

  private allocateLarge(units: number): number {
    const number = this.vacantLarge.pop() ?? ++this.largeEnd
    assert(number < largeCountMax, "large entries in memory stay below their number")
    const pageUnits = 4096 / unitBytes
    const rounded = Math.ceil(units / pageUnits) * pageUnits
    this.setViews(largeSegment + number, new ArrayBuffer(rounded * unitBytes))
    this.largeCount++
    this.largeBytes += rounded * unitBytes
    this.usedUnits += rounded
    return this.largeOf(number)
  }

  private freeLarge(reference: number): void {
    const units = this.largeUnits(reference)
    this.dropViews(this.segmentOf(reference))
    this.vacantLarge.push(reference & unitMask)
    this.largeCount--
    this.largeBytes -= units * unitBytes
    this.usedUnits -= units
  }

  private setViews(segment: number, buffer: ArrayBuffer): void {
    this.words[segment] = new Int32Array(buffer)
    this.floats[segment] = new Float64Array(buffer)
    this.bytes[segment] = new Uint8Array(buffer)
  }

  private dropViews(segment: number): void {
    // Detaching returns the memory now and not at some later collection: a collector does not see how large this is.
    ;(this.words[segment] as Int32Array<ArrayBuffer>).buffer.transfer(0)
    this.words[segment] = noWords
    this.floats[segment] = noFloats
    this.bytes[segment] = noBytes
  }
}
