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
import { walkCursors } from "./slab.ts"
import { SlabWalk } from "./slab-walk.ts"

export class ClockHand {
  private readonly store: EntryStore
  private readonly walk: SlabWalk

  constructor(store: EntryStore) {
    this.store = store
    this.walk = new SlabWalk(store.slab, walkCursors.clockHand)
  }

  /** Looks at one block. @returns a clean entry to evict, where the hand stays until it is gone, or 0 */
  step(): number {
    const reference = this.walk.look()
    if (reference === 0 || this.mayGo(reference)) return reference
    this.walk.pass(reference)
    return 0
  }

  private mayGo(reference: number): boolean {
    const { blocks } = this.store
    const flags = blocks.flags(reference)
    if ((flags & tombstoneFlag) !== 0) return false
    if ((flags & referencedFlag) !== 0) {
      blocks.clearReferenced(reference)
      return false
    }
    return this.store.isClean(reference)
  }
}
