/**
 * How an entry lies in a block of the slab. 16 bytes and what it holds, no object:
 *
 * ```
 *  0 u32 content length (27 bits) and flags        4 u16 alias length      6 u16 slot
 *  8 f64 log position of the last write (0 = read from disk)
 * 16 with an expiry: f64 ms since the epoch, then 8 bytes of links of the expiry wheel
 * 16 of a tombstone: 8 bytes of links of the list of tombstones
 *    alias, content
 * ```
 *
 * The length of a block follows from its header, so that the slab can be walked from block to block. Words are in the
 * machine's order: the slab never leaves the process.
 */
import { copyBytes, equalBytes } from "./bytes.ts"
import { freeFlag, prevFreeFlag, type Slab, smallUnitsMax, unitBytes } from "./slab.ts"

export const tombstoneFlag = 1 << 29
export const expiryFlag = 1 << 28
/** Was used since the eviction's clock hand passed. */
export const referencedFlag = 1 << 27
const contentLengthMask = (1 << 27) - 1

const headerUnits = 2
const expiryUnits = 2
const tombstoneUnits = 1
/** First word of the links in a block with an expiry, and in a tombstone. */
export const expiryLink = 6
export const tombstoneLink = 4

/** Memory of an entry besides its block: its places in the index, at the index's usual load. */
export const indexBytesPerEntry = 16

/** @returns the units that such an entry needs; `flags` holds `tombstoneFlag` and `expiryFlag` */
export function unitsFor(flags: number, aliasLength: number, contentLength: number): number {
  const links = (flags & expiryFlag) !== 0 ? expiryUnits : (flags & tombstoneFlag) !== 0 ? tombstoneUnits : 0
  return headerUnits + links + ((aliasLength + contentLength + unitBytes - 1) >>> 3)
}

/** Units of the entry at this unit of a segment. */
export function unitsAt(words: Int32Array, unit: number): number {
  const flags = words[unit * 2] as number
  return unitsFor(flags, (words[unit * 2 + 1] as number) & 0xffff, flags & contentLengthMask)
}

export class EntryBlocks {
  private readonly slab: Slab

  constructor(slab: Slab) {
    this.slab = slab
  }

  private words(reference: number): Int32Array {
    return this.slab.words[this.slab.segmentOf(reference)] as Int32Array
  }
  private at(reference: number): number {
    return this.slab.unitOf(reference) * 2
  }

  flags(reference: number): number {
    return this.words(reference)[this.at(reference)] as number
  }
  isTombstone(reference: number): boolean {
    return (this.flags(reference) & tombstoneFlag) !== 0
  }
  hasExpiry(reference: number): boolean {
    return (this.flags(reference) & expiryFlag) !== 0
  }
  markReferenced(reference: number): void {
    const words = this.words(reference)
    const at = this.at(reference)
    const flags = words[at] as number
    if ((flags & referencedFlag) === 0) words[at] = flags | referencedFlag
  }
  clearReferenced(reference: number): void {
    ;(this.words(reference)[this.at(reference)] as number) &= ~referencedFlag
  }
  contentLength(reference: number): number {
    return this.flags(reference) & contentLengthMask
  }
  aliasLength(reference: number): number {
    return (this.words(reference)[this.at(reference) + 1] as number) & 0xffff
  }
  slot(reference: number): number {
    return (this.words(reference)[this.at(reference) + 1] as number) >>> 16
  }
  position(reference: number): number {
    return (this.slab.floats[this.slab.segmentOf(reference)] as Float64Array)[
      this.slab.unitOf(reference) + 1
    ] as number
  }
  expiresAtMs(reference: number): number {
    if (!this.hasExpiry(reference)) return 0
    const floats = this.slab.floats[this.slab.segmentOf(reference)] as Float64Array
    return floats[this.slab.unitOf(reference) + headerUnits] as number
  }
  bytes(reference: number): Uint8Array {
    return this.slab.bytes[this.slab.segmentOf(reference)] as Uint8Array
  }
  /** Where in `bytes` the alias begins. */
  aliasOffset(reference: number): number {
    const flags = this.flags(reference)
    const links =
      (flags & expiryFlag) !== 0 ? expiryUnits : (flags & tombstoneFlag) !== 0 ? tombstoneUnits : 0
    return (this.slab.unitOf(reference) + headerUnits + links) * unitBytes
  }
  contentOffset(reference: number): number {
    return this.aliasOffset(reference) + this.aliasLength(reference)
  }
  /** Units that the block takes up. */
  units(reference: number): number {
    if (this.slab.isLarge(reference)) return this.slab.largeUnits(reference)
    return unitsAt(this.words(reference), this.slab.unitOf(reference))
  }
  /** What the limiter counts for it. */
  cost(reference: number): number {
    return this.units(reference) * unitBytes + indexBytesPerEntry
  }
  aliasEquals(reference: number, bytes: Uint8Array, start: number, length: number): boolean {
    if (this.aliasLength(reference) !== length) return false
    return equalBytes(this.bytes(reference), this.aliasOffset(reference), bytes, start, length)
  }

  /** Whether `units` may be written in place of what is in the block. */
  fits(reference: number, units: number): boolean {
    const present = this.units(reference)
    if (!this.slab.isLarge(reference)) return units === present
    return units <= present && units > smallUnitsMax && units > present / 2
  }

  /** Fills a block. `alias` and `content` may be the same bytes; they are never the slab's own. */
  write(
    reference: number,
    flags: number,
    slot: number,
    alias: Uint8Array,
    aliasStart: number,
    aliasLength: number,
    content: Uint8Array,
    contentStart: number,
    contentLength: number,
    expiresAtMs: number,
    position: number,
  ): void {
    const segment = this.slab.segmentOf(reference)
    const unit = this.slab.unitOf(reference)
    const words = this.slab.words[segment] as Int32Array
    const floats = this.slab.floats[segment] as Float64Array
    const bytes = this.slab.bytes[segment] as Uint8Array
    words[unit * 2] = ((words[unit * 2] as number) & prevFreeFlag) | flags | contentLength
    words[unit * 2 + 1] = aliasLength | (slot << 16)
    floats[unit + 1] = position
    let offset = (unit + headerUnits) * unitBytes
    if ((flags & expiryFlag) !== 0) {
      floats[unit + headerUnits] = expiresAtMs
      offset += expiryUnits * unitBytes
    } else if ((flags & tombstoneFlag) !== 0) offset += tombstoneUnits * unitBytes
    copyBytes(alias, aliasStart, aliasStart + aliasLength, bytes, offset)
    copyBytes(content, contentStart, contentStart + contentLength, bytes, offset + aliasLength)
  }

  /** Copies a whole block to another that has as many units. */
  copy(source: number, target: number, units: number): void {
    const from = this.slab.unitOf(source) * unitBytes
    const words = this.words(target)
    const at = this.at(target)
    const ownFlags = (words[at] as number) & prevFreeFlag
    copyBytes(
      this.bytes(source),
      from,
      from + units * unitBytes,
      this.bytes(target),
      this.slab.unitOf(target) * unitBytes,
    )
    words[at] = ((words[at] as number) & ~(prevFreeFlag | freeFlag)) | ownFlags
  }
}
