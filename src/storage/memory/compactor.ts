/**
 * Returns memory after the table has shrunk or the sizes of its entries have changed: empties the segment that holds least
 * into the holes of the others, a few blocks at a time, as long as more than a fifth of the segments is free.
 *
 * Two walks over the segment: the first takes its free blocks out of the slab's lists, so that nothing new is put there,
 * the second moves its entries. What is freed in it meanwhile merges and is in no list either. When the last block is gone
 * the slab drops the segment by itself.
 *
 * A fifth: emptying a segment that is f free moves (1 - f) / f bytes for each byte won, so a lower bound would copy most of
 * memory for little. Free blocks are used again without any of this.
 */
import { assert } from "../../core/lib/assert.ts"
import type { Clearing } from "./clearing.ts"
import type { EntryStore } from "./entry-store.ts"
import { freeFlag, segmentUnits, unitBytes, walkCursors } from "./slab.ts"

const cursor = walkCursors.compactor
/** That many segments may always be free. */
const segmentsSpare = 2
const freeShare = 5
/** Bytes moved in one call; the block that exceeds it is the last (256 KiB at most). */
const movedBytesMax = 16 * 1024

export class Compactor {
  /** Entries moved so far. */
  moved = 0
  private readonly store: EntryStore
  private readonly clearing: Clearing
  private moving = false

  constructor(store: EntryStore, clearing: Clearing) {
    this.store = store
    this.clearing = clearing
  }

  /** Whether a call of `step` would do something. */
  get needed(): boolean {
    const { slab } = this.store
    if (slab.victim >= 0) return true
    const units = slab.segmentCount * segmentUnits
    return slab.freeUnits > units / freeShare + segmentsSpare * segmentUnits
  }

  /** Looks at up to `blocksMax` blocks and moves those of entries. */
  step(blocksMax: number): void {
    const { slab } = this.store
    let bytes = 0
    for (let i = 0; i < blocksMax && bytes < movedBytesMax; i++) {
      if (slab.victim < 0) {
        if (!this.needed) return
        this.choose()
      }
      bytes += this.stepBlock()
    }
  }

  private choose(): void {
    const { slab } = this.store
    let best = -1
    for (let segment = 0; segment < slab.segmentEnd; segment++) {
      if (!slab.exists(segment) || slab.usedUnitsOf(segment) === 0) continue
      if (best < 0 || slab.usedUnitsOf(segment) < slab.usedUnitsOf(best)) best = segment
    }
    assert(best >= 0, "more than one segment is free, so some other is in use")
    slab.victim = best
    slab.cursors[cursor] = slab.firstOf(best)
    this.moving = false
  }

  /** @returns bytes moved */
  private stepBlock(): number {
    const { slab, blocks } = this.store
    const reference = slab.cursors[cursor] as number
    const segment = reference >>> 19
    if (segment !== slab.victim) {
      assert(!this.moving, "a segment whose entries were moved is gone")
      this.moving = true
      slab.cursors[cursor] = slab.firstOf(slab.victim)
      return 0
    }
    const words = slab.words[segment] as Int32Array
    const unit = slab.unitOf(reference)
    let units: number
    if (((words[unit * 2] as number) & freeFlag) !== 0) {
      slab.unlistAt(words, unit)
      units = slab.freeUnitsAt(words, unit)
    } else {
      units = blocks.units(reference)
      // The cursor stays: what it points at is free then.
      if (this.moving) {
        // What is void is not moved, also because the walk that takes it out would not meet it any more.
        if (this.clearing.isVoid(reference)) {
          this.store.discard(reference)
          return 0
        }
        this.moved++
        this.store.relocate(reference)
        return units * unitBytes
      }
    }
    const next = unit + units
    slab.cursors[cursor] = next < segmentUnits ? reference + units : slab.firstOf(segment + 1)
    return 0
  }
}
