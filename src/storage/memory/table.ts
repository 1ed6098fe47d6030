/**
 * The entries in memory: `EntryMemory` for the core, and for the storage engine what comes in from disk, what may leave and
 * what is dirty.
 *
 * A `Map` of objects takes 334 to 722 bytes for an entry of 116 and stops the process for half a second at each full
 * collection of a million. Here entries are bytes in a few large buffers (`slab.ts`, `entry-block.ts`) behind an index of
 * plain numbers (`entry-index.ts`): some 150 bytes, and the collector sees nothing. Whatever grows, grows by pieces: there
 * is no call that takes time in proportion to the table.
 *
 * An entry is *dirty* until its file of the table holds it (`flush-progress.ts`), then *clean*: a copy of what the disk has, which
 * may be evicted. A removal leaves a *tombstone* until it is flushed: without it, a look-up would bring the old row back from
 * disk. `find` answers for what is not resident: certainly absent if memory is complete or the filter says so, else unknown.
 *
 * Upkeep (evictions, flushed tombstones, compaction) is done in bounded steps by the calls that change the table, and by
 * `maintain`, which the storage engine calls once per turn while it returns true.
 *
 * Handles are references into the slab. They are good until the next call that changes the table.
 */
import { assert } from "../../core/lib/assert.ts"
import { absent, unknown, type EntryMemory } from "../../core/entry/memory.ts"
import { AliasHash } from "./alias-hash.ts"
import { copyBytes, equalBytes } from "./bytes.ts"
import { Clearing } from "./clearing.ts"
import type { DirtyLedger } from "./dirty-ledger.ts"
import { referencedFlag, tombstoneFlag } from "./entry-block.ts"
import { scanPieceSteps } from "./entry-index.ts"
import { EntryStore, missList, removalListOf } from "./entry-store.ts"
import type { EntryTableFigures } from "./figures.ts"
import { FlushProgress } from "./flush-progress.ts"
import type { KeyFilter } from "./filter.ts"
import { Upkeep } from "./upkeep.ts"

export interface EntryTableOptions {
  /** Two random 32-bit numbers per process: whoever does not know them cannot make aliases collide. */
  readonly seed: readonly [number, number]
  /** Bytes of entries, 0 = no limit. */
  readonly bytesMax: number
  /** Resident entries, 0 = no limit. */
  readonly entriesMax: number
  /** No disk behind: everything counts as clean, an eviction loses the entry. */
  readonly transient: boolean
  /** Memory holds every entry there is (a new directory), until the first eviction. */
  readonly complete: boolean
  readonly filter?: KeyFilter
  /** For tests: ledgers with finer ranges. */
  readonly ledger?: () => DirtyLedger
}

const slotsMax = 65_536

/** The cursor behind the last piece of a walk. */
export const scanEnd = 2 ** 32

/** Remembered misses. They live for a moment: from the end of a load to the operation that waited for it. */
const missesMax = 4096

const nothing = new Uint8Array(0)

export class EntryTable implements EntryMemory {
  /** Hash of aliases, for those who fill the filter. Good until the next call of the table. */
  readonly hash: AliasHash
  private readonly options: EntryTableOptions
  private readonly entries: EntryStore
  private readonly upkeep: Upkeep
  private readonly clearing: Clearing
  private readonly lastApplied = new Float64Array(slotsMax)
  /** The highest log position of all that was applied. */
  appliedPosition = 0

  constructor(options: EntryTableOptions) {
    this.options = options
    this.hash = new AliasHash(options.seed)
    this.entries = new EntryStore(this.hash, options.transient, new FlushProgress(options.ledger))
    this.clearing = new Clearing(this.entries)
    this.upkeep = new Upkeep(this.entries, this.hash, this.clearing, options)
  }

  /** True while memory holds every entry there is, so that what is not resident does not exist. */
  get complete(): boolean {
    return this.upkeep.complete
  }

  find(bytes: Uint8Array, start: number, end: number): number {
    const { blocks } = this.entries
    const reference = this.entries.lookup(bytes, start, end - start)
    if (reference === 0) return this.absence()
    if (blocks.isTombstone(reference)) return absent
    if (this.clearing.active && this.clearing.isVoid(reference)) return absent
    blocks.markReferenced(reference)
    return reference
  }
  /** What is known about the alias that was just looked up and is not resident. */
  private absence(): number {
    if (this.complete) return absent
    const { filter } = this.options
    if (filter === undefined || !filter.ready) return unknown
    return filter.mightContain(this.hash.low, this.hash.high()) ? unknown : absent
  }

  get aliasHash(): number {
    return this.hash.low
  }

  get version(): number {
    return this.entries.slab.version
  }

  slotOf(handle: number): number {
    return this.entries.blocks.slot(handle)
  }
  expiresAtMs(handle: number): number {
    return this.entries.blocks.expiresAtMs(handle)
  }
  contentLength(handle: number): number {
    return this.entries.blocks.contentLength(handle)
  }
  copyContent(handle: number, target: Uint8Array, offset: number): void {
    const { blocks } = this.entries
    const start = blocks.contentOffset(handle)
    copyBytes(blocks.bytes(handle), start, start + blocks.contentLength(handle), target, offset)
  }
  contentEquals(handle: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { blocks } = this.entries
    if (blocks.contentLength(handle) !== end - start) return false
    return equalBytes(blocks.bytes(handle), blocks.contentOffset(handle), bytes, start, end - start)
  }
  aliasLength(handle: number): number {
    return this.entries.blocks.aliasLength(handle)
  }
  copyAlias(handle: number, target: Uint8Array, offset: number): void {
    const { blocks } = this.entries
    const start = blocks.aliasOffset(handle)
    copyBytes(blocks.bytes(handle), start, start + blocks.aliasLength(handle), target, offset)
  }
  /** Log position of the last write; 0 of an entry that was read from disk. */
  positionOf(handle: number): number {
    return this.entries.blocks.position(handle)
  }

  store(
    slot: number,
    bytes: Uint8Array,
    aliasOffset: number,
    aliasLength: number,
    contentOffset: number,
    contentLength: number,
    expiresAtMs: number,
    position: number,
    known: number = absent,
  ): void {
    const { version } = this
    this.applied(slot, position)
    this.upkeep.beforeChange(contentLength)
    // A block that is overwritten in its place needs no place in the index.
    const inPlace =
      known >= 0 &&
      version === this.version &&
      this.entries.fitsInPlace(known, aliasLength, contentLength, expiresAtMs)
    const present = inPlace ? known : this.lookupForChange(bytes, aliasOffset, aliasLength)
    // Before `put`, which may not use the hash's second half. A tombstone's key may be new to the filter, too.
    const { filter } = this.options
    const isLive = present !== 0 && !this.entries.blocks.isTombstone(present)
    if (filter !== undefined && !isLive) filter.add(this.hash.low, this.hash.high())
    this.entries.put(
      present,
      referencedFlag,
      removalListOf(slot),
      slot,
      bytes,
      aliasOffset,
      aliasLength,
      bytes,
      contentOffset,
      contentLength,
      expiresAtMs,
      position,
    )
  }

  remove(slot: number, bytes: Uint8Array, aliasOffset: number, aliasLength: number, position: number): void {
    assert(position > 0, "a removal has a place in the log")
    this.applied(slot, position)
    this.upkeep.beforeChange(0)
    const present = this.lookupForChange(bytes, aliasOffset, aliasLength)
    if (this.options.transient) {
      if (present !== 0) this.entries.discard(present)
      return
    }
    this.putTombstone(present, removalListOf(slot), slot, bytes, aliasOffset, aliasLength, position)
  }

  /** Looks an alias up whose block is about to be overwritten: if it is a remembered miss, it is one no more. */
  private lookupForChange(bytes: Uint8Array, aliasOffset: number, aliasLength: number): number {
    const present = this.entries.lookup(bytes, aliasOffset, aliasLength)
    if (present !== 0 && this.entries.isMiss(present)) this.entries.misses--
    return present
  }

  /** Void entries leave in bounded steps: `maintain` is to be called until it returns false. */
  dropSlot(slot: number, position: number): void {
    this.applied(slot, position)
    this.clearing.clear(slot, position)
  }
  /** Whether memory holds all there is of a slot, since it was reset and the table has not caught up with that. */
  isWhole(slot: number): boolean {
    return this.clearing.isWhole(slot)
  }
  /** No file may be said to be flushed up to this: the first reset of the log whose void entries may still be resident. */
  get firstPendingReset(): number {
    return this.clearing.firstPending
  }

  private applied(slot: number, position: number): void {
    if (position > this.appliedPosition) this.appliedPosition = position
    this.lastApplied[slot] = position
  }
  /** Log position of the last change of a slot since the start; 0 = none. */
  lastAppliedOf(slot: number): number {
    return this.lastApplied[slot] as number
  }

  private putTombstone(
    present: number,
    list: number,
    slot: number,
    alias: Uint8Array,
    aliasOffset: number,
    aliasLength: number,
    position: number,
  ): void {
    this.entries.put(
      present,
      tombstoneFlag,
      list,
      slot,
      alias,
      aliasOffset,
      aliasLength,
      nothing,
      0,
      0,
      0,
      position,
    )
  }

  /**
   * Inserts a clean entry that was read from disk, unless the entry or its tombstone is resident (which is newer).
   *
   * No file's progress must have been told since that read began: else an entry could be stored, flushed and evicted in
   * between, and this would bring the older state back. So the flusher's progress is held back until the reads are in
   * that were under way when it was made.
   * @returns whether it was inserted
   */
  insertLoaded(
    slot: number,
    alias: Uint8Array,
    aliasOffset: number,
    aliasLength: number,
    content: Uint8Array,
    contentOffset: number,
    contentLength: number,
    expiresAtMs: number,
  ): boolean {
    this.upkeep.beforeChange(contentLength)
    if (this.entries.lookup(alias, aliasOffset, aliasLength) !== 0) return false
    this.entries.put(
      0,
      referencedFlag,
      removalListOf(slot),
      slot,
      alias,
      aliasOffset,
      aliasLength,
      content,
      contentOffset,
      contentLength,
      expiresAtMs,
      0,
    )
    return true
  }

  /**
   * Remembers that the disk has no such entry, so that `find` answers `absent`: for the operations that waited for the
   * load. Only the newest few thousand are kept. The condition is that of `insertLoaded`.
   */
  insertAbsent(slot: number, alias: Uint8Array, aliasOffset: number, aliasLength: number): boolean {
    this.upkeep.beforeChange(0)
    if (this.entries.misses >= missesMax) {
      this.entries.discard(this.entries.tombstoneLists.first(missList))
    }
    if (this.entries.lookup(alias, aliasOffset, aliasLength) !== 0) return false
    this.putTombstone(0, missList, slot, alias, aliasOffset, aliasLength, 0)
    this.entries.misses++
    return true
  }

  /** The file holds everything of its slots up to here. */
  flushedPosition(file: number): number {
    return this.entries.flush.positionOf(file)
  }
  /** Raises it. See `insertLoaded` for when that may be. */
  flushedTo(file: number, position: number): void {
    assert(position >= this.flushedPosition(file), "the flushed position never falls")
    assert(position < this.clearing.firstPending, "void entries have left before the table is asked again")
    this.entries.flush.flushedTo(file, position)
  }

  /** Changes that are not in the table, of those that may be: at 1 writers are stopped. */
  get dirtiness(): number {
    return this.upkeep.dirtiness
  }
  /**
   * Writers are to be stopped: three quarters of what memory may hold are dirty, or eviction (which goes on in `maintain`)
   * lags an eighth behind.
   */
  get overDirty(): boolean {
    return this.upkeep.overDirty
  }
  /** A round of the flusher is due, well before writers would have to be stopped. */
  get wantsFlush(): boolean {
    return this.upkeep.wantsFlush
  }
  /**
   * A piece of upkeep for a turn that has time left.
   * @param steps blocks looked at, at most, for each kind of work
   * @returns whether there is more to do that can be done now
   */
  maintain(steps: number): boolean {
    return this.upkeep.maintain(steps)
  }

  /**
   * Calls `visit` with handles of resident entries whose expiry has passed, in turns: those of one call come again only
   * after all others. `visit` must not change the table. A call looks at a bounded number of entries, so it may find fewer
   * than there are. Call it once before the first entry comes (with any `max`), so that the wheel stands at the present.
   * @returns how many were visited, at most `max`
   */
  expired(nowMs: number, max: number, visit: (handle: number) => void): number {
    return this.entries.wheel.expired(nowMs, max, (reference) => {
      if (!this.clearing.active || !this.clearing.isVoid(reference)) visit(reference)
    })
  }

  /**
   * Walks the live resident entries in pieces. Whatever is resident during the whole walk is visited exactly once, even
   * when the table changes between the pieces. `visit` must not change the table.
   * @param cursor 0, then what the last call returned
   * @param maxSteps places of the index looked at, but at least one piece of some hundred
   * @returns the next cursor; `scanEnd` at the end
   */
  scanStep(cursor: number, maxSteps: number, visit: (handle: number) => void): number {
    const { index, blocks } = this.entries
    const visitLive = (reference: number) => {
      if (blocks.isTombstone(reference)) return
      if (!this.clearing.active || !this.clearing.isVoid(reference)) visit(reference)
    }
    let next = cursor
    let steps = 0
    do {
      next = index.scanPiece(next, visitLive)
      steps += scanPieceSteps
    } while (next < scanEnd && steps < maxSteps)
    return next
  }

  /** Adds resident entries to a filter that is being rebuilt; cursor as for `scanStep`. */
  scanIntoFilter(cursor: number, maxSteps: number): number {
    const { blocks } = this.entries
    return this.scanStep(cursor, maxSteps, (handle) => {
      const start = blocks.aliasOffset(handle)
      this.hash.compute(blocks.bytes(handle), start, start + blocks.aliasLength(handle))
      this.options.filter?.addRebuilt(this.hash.low, this.hash.high())
    })
  }

  figures(): EntryTableFigures {
    const { slab, index, wheel, flush } = this.entries
    return {
      residentEntries: this.entries.liveCount,
      residentBytes: this.entries.bytes,
      tombstones: this.entries.tombstones,
      dirtyEntries: flush.dirtyEntries,
      dirtyBytes: flush.dirtyBytes,
      evictions: this.upkeep.evictions,
      movedEntries: this.upkeep.moved,
      segments: slab.segmentCount + slab.largeCount,
      segmentBytes: slab.segmentBytes,
      freeBytes: slab.freeUnits * 8,
      indexBytes: index.bytes,
      expiringEntries: wheel.count,
    }
  }
}
