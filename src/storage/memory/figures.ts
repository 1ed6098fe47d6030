/** What the table in memory tells about itself: plain numbers, put together when asked for. */
export interface EntryTableFigures {
  /** Live entries, dirty or clean. */
  readonly residentEntries: number
  /** What the limiter counts: alias, content and overhead of entries and tombstones. */
  readonly residentBytes: number
  /** Removals that are not yet in the table on disk, and remembered misses. */
  readonly tombstones: number
  /** Entries and tombstones that the table on disk does not hold yet. Never too small, see `DirtyLedger`. */
  readonly dirtyEntries: number
  readonly dirtyBytes: number
  readonly evictions: number
  /** Entries that compaction moved. */
  readonly movedEntries: number
  /** ArrayBuffers that hold entries, and their bytes. */
  readonly segments: number
  readonly segmentBytes: number
  /** Bytes of segments that hold nothing. */
  readonly freeBytes: number
  readonly indexBytes: number
  /** Entries with an expiry. */
  readonly expiringEntries: number
}
