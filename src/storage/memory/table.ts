/**
 * The entries in memory. (First shape: a `Map` stands in for index and slab.)
 */
import { absent, unknown, type EntryMemory } from "../../core/entry/memory.ts"
import type { EntryTableFigures } from "./figures.ts"
import type { KeyFilter } from "./filter.ts"

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
}

interface Resident {
  handle: number
  slot: number
  alias: string
  content: Uint8Array | undefined
  expiresAtMs: number
  position: number
}

const latin1 = (bytes: Uint8Array, offset: number, length: number) =>
  String.fromCharCode(...bytes.subarray(offset, offset + length))

export class EntryTable implements EntryMemory {
  /** True while memory holds every entry there is, so that what is not resident does not exist. */
  complete: boolean
  private readonly entries = new Map<string, Resident>()
  private readonly handles: Resident[] = []
  private flushed = 0
  readonly options: EntryTableOptions

  constructor(options: EntryTableOptions) {
    this.options = options
    this.complete = options.complete || options.transient
  }

  find(bytes: Uint8Array, start: number, end: number): number {
    const entry = this.entries.get(latin1(bytes, start, end - start))
    if (entry !== undefined) return entry.content === undefined ? absent : entry.handle
    return this.complete ? absent : unknown // the filter comes here
  }
  private at(handle: number): Resident {
    return this.handles[handle] as Resident
  }
  slotOf(handle: number): number {
    return this.at(handle).slot
  }
  expiresAtMs(handle: number): number {
    return this.at(handle).expiresAtMs
  }
  contentLength(handle: number): number {
    return this.at(handle).content?.length ?? 0
  }
  copyContent(handle: number, target: Uint8Array, offset: number): void {
    target.set(this.at(handle).content as Uint8Array, offset)
  }
  contentEquals(handle: number, bytes: Uint8Array, start: number, end: number): boolean {
    const content = this.at(handle).content as Uint8Array
    return content.length === end - start && content.every((byte, i) => byte === bytes[start + i])
  }
  aliasLength(handle: number): number {
    return this.at(handle).alias.length
  }
  copyAlias(handle: number, target: Uint8Array, offset: number): void {
    const { alias } = this.at(handle)
    for (let i = 0; i < alias.length; i++) target[offset + i] = alias.charCodeAt(i)
  }
  /** Log position of the last write; 0 of an entry that was read from disk. */
  positionOf(handle: number): number {
    return this.at(handle).position
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
  ): void {
    const content = bytes.slice(contentOffset, contentOffset + contentLength)
    this.put(slot, latin1(bytes, aliasOffset, aliasLength), content, expiresAtMs, position)
  }
  remove(slot: number, bytes: Uint8Array, aliasOffset: number, aliasLength: number, position: number): void {
    this.put(slot, latin1(bytes, aliasOffset, aliasLength), undefined, 0, position)
  }
  private put(
    slot: number,
    alias: string,
    content: Uint8Array | undefined,
    expiresAtMs: number,
    position: number,
  ): void {
    const handle = this.handles.length
    const entry = { handle, slot, alias, content, expiresAtMs, position }
    this.handles.push(entry)
    this.entries.set(alias, entry)
  }

  /**
   * Inserts a clean entry that was read from disk, unless the entry or its tombstone is resident (which is newer).
   * The caller has not raised `flushedPosition` since that read began: else an entry could be stored, flushed and evicted
   * in between, and this would bring the older state back.
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
    const name = latin1(alias, aliasOffset, aliasLength)
    if (this.entries.has(name)) return false
    this.put(slot, name, content.slice(contentOffset, contentOffset + contentLength), expiresAtMs, 0)
    return true
  }
  /** Remembers that the disk has no such entry, so that `find` answers `absent`. Same condition; forgotten soon. */
  insertAbsent(slot: number, alias: Uint8Array, aliasOffset: number, aliasLength: number): boolean {
    const name = latin1(alias, aliasOffset, aliasLength)
    if (this.entries.has(name)) return false
    this.put(slot, name, undefined, 0, 0)
    return true
  }

  /** The table on disk holds everything up to here. Never falls. See `insertLoaded` for when it may be raised. */
  get flushedPosition(): number {
    return this.flushed
  }
  set flushedPosition(position: number) {
    this.flushed = position
  }
  /** More is dirty than memory may hold: writers are to be slowed until the flusher has caught up. */
  get overDirty(): boolean {
    return false
  }

  /**
   * Calls `visit` with handles of resident entries whose expiry has passed, in turns: those of one call come again only
   * after all others. `visit` must not change the table.
   * @returns how many were visited, at most `max`
   */
  expired(nowMs: number, max: number, visit: (handle: number) => void): number {
    let count = 0
    for (const entry of this.entries.values()) {
      if (count === max) break
      if (entry.content === undefined || entry.expiresAtMs === 0 || entry.expiresAtMs > nowMs) continue
      visit(entry.handle)
      count++
    }
    return count
  }
  /**
   * Walks the live resident entries in pieces. Whatever is resident during the whole walk is visited exactly once, even
   * when the table changes between the pieces. `visit` must not change the table.
   * @param cursor 0, then what the last call returned
   * @returns the next cursor; `scanEnd` at the end
   */
  scanStep(cursor: number, _maxSteps: number, visit: (handle: number) => void): number {
    if (cursor === 0)
      for (const entry of this.entries.values()) if (entry.content !== undefined) visit(entry.handle)
    return scanEnd
  }
  /** A bounded piece of upkeep (eviction, flushed tombstones, compaction). @returns whether there is more to do */
  maintain(_maxSteps: number): boolean {
    return false
  }
  figures(): EntryTableFigures {
    const residentEntries = this.entries.size
    return {
      residentEntries,
      residentBytes: 0,
      tombstones: 0,
      dirtyEntries: 0,
      dirtyBytes: 0,
      evictions: 0,
      segments: 0,
      segmentBytes: 0,
      freeBytes: 0,
      indexBytes: 0,
      expiringEntries: 0,
    }
  }
}

/** The cursor behind the last piece of a walk. */
export const scanEnd = 2 ** 32
