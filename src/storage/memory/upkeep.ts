/**
 * What keeps the table in bounds: the limiter with its evictions, the dropping of flushed tombstones, compaction. Each call
 * does a bounded number of steps, in proportion to what comes in, so that no single put pays for all.
 */
import { partitionFiles } from "../../core/lib/limits.ts"
import type { AliasHash } from "./alias-hash.ts"
import type { Clearing } from "./clearing.ts"
import { ClockHand } from "./clock-hand.ts"
import { Compactor } from "./compactor.ts"
import { indexBytesPerEntry } from "./entry-block.ts"
import { type EntryStore, removalListOf } from "./entry-store.ts"
import type { EntryTableOptions } from "./table.ts"

/** Blocks that one change of the table looks at to find some to evict, and one more for each KiB that comes in. */
const evictionStepsPerChange = 48
const evictionBytesPerStep = 1024
const tombstonesPerChange = 4
const compactionBlocksPerChange = 8
/** The walk that clears slots looks at this many places for a block of other upkeep: it mostly passes by. */
const clearingStepsPerStep = 16

/** What of the limit may be dirty. */
const dirtyShareMax = 0.75
const flushedFromDirtiness = 1 / 3

export class Upkeep {
  complete: boolean
  evictions = 0
  private readonly entries: EntryStore
  private readonly hash: AliasHash
  private readonly clearing: Clearing
  private readonly options: EntryTableOptions
  private readonly hand: ClockHand
  private readonly compactor: Compactor

  constructor(entries: EntryStore, hash: AliasHash, clearing: Clearing, options: EntryTableOptions) {
    this.clearing = clearing
    this.entries = entries
    this.hash = hash
    this.options = options
    this.complete = options.complete || options.transient
    this.hand = new ClockHand(entries)
    this.compactor = new Compactor(entries, clearing)
  }

  /** Entries that compaction moved. */
  get moved(): number {
    return this.compactor.moved
  }

  /** How much is dirty, of what may be. */
  get dirtiness(): number {
    const { bytesMax, entriesMax } = this.options
    const { flush } = this.entries
    const ofBytes = bytesMax > 0 ? flush.dirtyBytes / bytesMax : 0
    const ofEntries = entriesMax > 0 ? flush.dirtyEntries / entriesMax : 0
    return Math.max(ofBytes, ofEntries) / dirtyShareMax
  }

  get overDirty(): boolean {
    const { bytesMax, entriesMax } = this.options
    const { bytes, liveCount } = this.entries
    if (this.dirtiness > 1 || (bytesMax > 0 && bytes > bytesMax * 1.125)) return true
    return entriesMax > 0 && liveCount > entriesMax * 1.125
  }

  /**
   * A quarter is dirty: time to flush. A round takes seconds, and writers are stopped at three quarters: begun only then, it
   * would stop them for all of its time, however small the log still is.
   */
  get wantsFlush(): boolean {
    return this.dirtiness > flushedFromDirtiness
  }

  private overLimit(comingBytes: number, comingEntries: number): boolean {
    const { bytesMax, entriesMax } = this.options
    if (bytesMax > 0 && this.entries.bytes + comingBytes > bytesMax) return true
    return entriesMax > 0 && this.entries.liveCount + comingEntries > entriesMax
  }

  /** Makes room for an entry that may come. */
  beforeChange(contentLength: number): void {
    this.dropFlushedTombstones(tombstonesPerChange)
    const coming = contentLength + indexBytesPerEntry
    if (this.overLimit(coming, 1)) {
      this.evict(evictionStepsPerChange + Math.ceil(contentLength / evictionBytesPerStep), coming, 1)
    }
    if (this.compactor.needed) this.compactor.step(compactionBlocksPerChange)
  }

  maintain(steps: number): boolean {
    this.dropFlushedTombstones(steps)
    if (this.clearing.active) this.clearing.step(steps * clearingStepsPerStep)
    this.evict(steps, 0, 0)
    if (this.compactor.needed) this.compactor.step(steps)
    const busy = this.entries.wheel.spread(steps)
    return (
      busy ||
      this.clearing.active ||
      this.compactor.needed ||
      this.flushedTombstone() !== 0 ||
      this.canEvict()
    )
  }

  /** Over the limit, and not all that is resident is dirty. */
  private canEvict(): boolean {
    const { index, misses, flush } = this.entries
    return this.overLimit(0, 0) && flush.dirtyEntries < index.count - misses
  }

  /** One of the oldest tombstones, if its file of the table has it, else 0. */
  private flushedTombstone(): number {
    const { entries } = this
    if (entries.tombstones === entries.misses) return 0
    for (let file = 0; file < partitionFiles; file++) {
      const reference = entries.tombstoneLists.first(removalListOf(file))
      if (reference !== 0 && entries.isClean(reference)) return reference
    }
    return 0
  }

  private dropFlushedTombstones(max: number): void {
    for (let i = 0; i < max; i++) {
      const reference = this.flushedTombstone()
      if (reference === 0) return
      this.entries.discard(reference)
      this.options.filter?.noteRemoved()
    }
  }

  private evict(steps: number, comingBytes: number, comingEntries: number): void {
    const { filter } = this.options
    for (let i = 0; i < steps && this.overLimit(comingBytes, comingEntries); i++) {
      const reference = this.hand.step()
      if (reference === 0) continue
      this.entries.discard(reference)
      if (filter?.rebuilding === true) filter.addRebuilt(this.hash.low, this.hash.high())
      this.evictions++
      if (!this.options.transient) this.complete = false
    }
  }
}
