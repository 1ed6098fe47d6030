/**
 * Slab, index and the lists that run through the blocks, kept in step: an entry is always in all of them or in none. It
 * knows what an entry is; what should be resident is decided above (`table.ts`, `clock-hand.ts`, `compactor.ts`).
 *
 * References come and go as plain numbers; nothing here allocates on the heap except segments.
 */
import { assert } from "../../core/lib/assert.ts"
import { aliasBytesMax, contentBytesMax, partitionFiles } from "../../core/lib/limits.ts"
import type { AliasHash } from "./alias-hash.ts"
import { BlockLists } from "./block-lists.ts"
import {
  EntryBlocks,
  expiryFlag,
  indexBytesPerEntry,
  tombstoneFlag,
  tombstoneLink,
  unitsFor,
} from "./entry-block.ts"
import { EntryIndex } from "./entry-index.ts"
import { ExpiryWheel } from "./expiry-wheel.ts"
import type { FlushProgress } from "./flush-progress.ts"
import { Slab, unitBytes } from "./slab.ts"

/** Removals in slots of each file of the table, in the order of the log, and remembered misses, oldest first. */
export const removalListOf = (slot: number): number => slot % partitionFiles
export const missList = partitionFiles

export class EntryStore {
  readonly slab = new Slab()
  readonly blocks = new EntryBlocks(this.slab)
  readonly index = new EntryIndex(this.blocks)
  readonly wheel = new ExpiryWheel(this.slab, this.blocks)
  readonly tombstoneLists = new BlockLists(this.slab, tombstoneLink, partitionFiles + 1)
  readonly flush: FlushProgress
  tombstones = 0
  /** Those of them that are remembered misses. */
  misses = 0
  private readonly hash: AliasHash
  private readonly transient: boolean

  constructor(hash: AliasHash, transient: boolean, flush: FlushProgress) {
    this.hash = hash
    this.transient = transient
    this.flush = flush
  }

  /** What the limiter counts. */
  get bytes(): number {
    return this.slab.usedUnits * unitBytes + this.index.count * indexBytesPerEntry
  }
  get liveCount(): number {
    return this.index.count - this.tombstones
  }
  isClean(reference: number): boolean {
    const { blocks } = this
    return this.transient || this.flush.holds(blocks.slot(reference), blocks.position(reference))
  }

  /** @returns the block of an alias (also a tombstone's), 0 = none; leaves the alias's hash in `hash` */
  lookup(bytes: Uint8Array, start: number, length: number): number {
    return this.index.find(this.hash.compute(bytes, start, start + length), bytes, start, length) >>> 0
  }

  /** Whether a live entry's block takes this content without being looked up in the index again. */
  fitsInPlace(reference: number, aliasLength: number, contentLength: number, expiresAtMs: number): boolean {
    const flags = this.blocks.flags(reference)
    if ((flags & tombstoneFlag) !== 0) return false
    return this.blocks.fits(reference, unitsFor(expiresAtMs > 0 ? expiryFlag : 0, aliasLength, contentLength))
  }

  /**
   * Writes an entry or a tombstone in place of `present`, the block that the `lookup` just before found, or as a new one.
   * @param flags `tombstoneFlag` and `referencedFlag`; the expiry's is set here
   * @param list of a tombstone, where it waits
   */
  put(
    present: number,
    flags: number,
    list: number,
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
    assert(aliasLength > 0 && aliasLength <= aliasBytesMax, "an alias has 1 to 1024 bytes")
    assert(contentLength <= contentBytesMax, "a content has at most 64 MiB")
    const allFlags = expiresAtMs > 0 ? flags | expiryFlag : flags
    const units = unitsFor(allFlags, aliasLength, contentLength)
    let reference = present
    if (present === 0) {
      const hash = this.hash.low
      reference = this.slab.allocate(units)
      this.index.insert(hash, reference | 0)
    } else {
      this.leaveLists(present)
      if (!this.blocks.fits(present, units)) {
        // First the old one: the new one may take its place, and a table at its limit does not grow for a moment.
        this.slab.free(present, this.blocks.units(present))
        reference = this.slab.allocate(units)
        this.index.replaceFound(reference | 0)
      }
    }
    this.blocks.write(
      reference,
      allFlags,
      slot,
      alias,
      aliasStart,
      aliasLength,
      content,
      contentStart,
      contentLength,
      expiresAtMs,
      position,
    )
    this.enterLists(reference, allFlags, list, slot, position)
  }

  /** Whether a block is a remembered miss. */
  isMiss(reference: number): boolean {
    return this.blocks.isTombstone(reference) && this.blocks.position(reference) === 0
  }

  /** Takes an entry or a tombstone out of memory. */
  discard(reference: number): void {
    if (this.isMiss(reference)) this.misses--
    this.locate(reference)
    this.index.removeFound()
    this.leaveLists(reference)
    this.slab.free(reference, this.blocks.units(reference))
  }

  /** Moves a block of a segment to another place. */
  relocate(reference: number): void {
    const units = this.blocks.units(reference)
    const target = this.slab.allocate(units)
    this.blocks.copy(reference, target, units)
    this.locate(reference)
    this.index.replaceFound(target | 0)
    if (this.blocks.hasExpiry(target)) this.wheel.moved(target)
    else if (this.blocks.isTombstone(target)) this.tombstoneLists.moved(target)
    this.slab.free(reference, units)
  }

  /** Finds a block's place in the index; leaves the hash of its alias in `hash`. */
  private locate(reference: number): void {
    const start = this.blocks.aliasOffset(reference)
    const end = start + this.blocks.aliasLength(reference)
    const hash = this.hash.compute(this.blocks.bytes(reference), start, end)
    assert(this.index.locate(hash, reference), "every block is in the index")
  }

  private enterLists(reference: number, flags: number, list: number, slot: number, position: number): void {
    if ((flags & expiryFlag) !== 0) this.wheel.add(reference)
    if ((flags & tombstoneFlag) !== 0) {
      this.tombstones++
      this.tombstoneLists.append(list, reference)
    }
    if (!this.transient) this.flush.add(slot, position, this.blocks.cost(reference))
  }

  private leaveLists(reference: number): void {
    const flags = this.blocks.flags(reference)
    if ((flags & expiryFlag) !== 0) this.wheel.remove(reference)
    if ((flags & tombstoneFlag) !== 0) {
      this.tombstones--
      this.tombstoneLists.unlink(reference)
    }
    const { blocks } = this
    if (!this.transient)
      this.flush.drop(blocks.slot(reference), blocks.position(reference), blocks.cost(reference))
  }
}
