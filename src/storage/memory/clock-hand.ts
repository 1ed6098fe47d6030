/**
 * Which entry leaves memory when it is full: the clock with a second chance (Corbató, 1968), an approximation of LRU that
 * costs one bit. A hit sets the bit; the hand walks all blocks, clears set bits, and evicts clean entries whose bit it
 * finds cleared: those not used since its last round.
 *
 * The hand walks the slab in the order of addresses, not the index: the memory it reads comes in sequence, and what it
 * evicts lies side by side, so that freed blocks merge. A sampled LRU needs a time stamp for each entry and a cache miss for
 * each sample; a list needs 8 bytes and three cache misses for each hit.
 *
 * Tombstones and dirty entries stay: the flusher makes them clean.
 */
import { referencedFlag, tombstoneFlag } from "./entry-block.ts"
import type { EntryStore } from "./entry-store.ts"
import { freeFlag, segmentUnits } from "./slab.ts"

const cursor = 0

export class ClockHand {
  private readonly store: EntryStore

  constructor(store: EntryStore) {
    this.store = store
    store.slab.cursors[cursor] = store.slab.firstOf(0)
  }

  /** Looks at one block. @returns a clean entry to evict, where the hand stays until it is gone, or 0 */
  step(): number {
    const { slab } = this.store
    const reference = slab.cursors[cursor] as number
    return slab.isLarge(reference) ? this.stepLarge(reference) : this.stepSmall(reference)
  }

  private stepSmall(reference: number): number {
    const { slab, blocks } = this.store
    const segment = slab.segmentOf(reference)
    if (segment >= slab.segmentEnd) {
      this.move(slab.largeEnd > 0 ? slab.largeOf(1) : slab.firstOf(0))
      return 0
    }
    if (!slab.exists(segment)) {
      this.move(slab.firstOf(segment + 1))
      return 0
    }
    const words = slab.words[segment] as Int32Array
    const unit = slab.unitOf(reference)
    const flags = words[unit * 2] as number
    const isFree = (flags & freeFlag) !== 0
    if (!isFree && this.mayGo(reference, flags)) return reference
    const next = unit + (isFree ? slab.freeUnitsAt(words, unit) : blocks.units(reference))
    this.move(next < segmentUnits ? reference + (next - unit) : slab.firstOf(segment + 1))
    return 0
  }

  private stepLarge(reference: number): number {
    const { slab } = this.store
    const number = reference - slab.largeOf(0)
    if (number > slab.largeEnd) {
      this.move(slab.firstOf(0))
      return 0
    }
    if (slab.exists(slab.segmentOf(reference)) && this.mayGo(reference, this.store.blocks.flags(reference))) {
      return reference
    }
    this.move(reference + 1)
    return 0
  }

  private mayGo(reference: number, flags: number): boolean {
    if ((flags & tombstoneFlag) !== 0) return false
    if ((flags & referencedFlag) !== 0) {
      this.store.blocks.clearReferenced(reference)
      return false
    }
    return this.store.isClean(reference)
  }

  private move(reference: number): void {
    this.store.slab.cursors[cursor] = reference
  }
}
