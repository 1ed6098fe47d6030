/**
 * The committed entries that are in memory, as the core sees them: its only way to entries. The product's is an off-heap
 * table (`src/storage/memory`), a simulation's a `Map`.
 *
 * `find` answers with a handle, or with one of two words. A handle is good until the next call that changes the table.
 * A removed entry whose removal is not yet in the table on disk is a *tombstone*: resident, and says "absent".
 */
export interface EntryMemory {
  /** Rises whenever some handle may have become invalid: as long as it is the same, all are good that `find` gave. */
  readonly version: number
  /**
   * @param bytes holds the alias from `start` to `end`
   * @returns a handle ≥ 0 of a live entry; `absent` where there certainly is none; `unknown` where only the disk knows
   */
  find(bytes: Uint8Array, start: number, end: number): number
  /** 32 bits, of the alias that `find` was asked for last. */
  readonly aliasHash: number
  /** Slot of a resident entry (so that SHA3 need not be computed again). */
  slotOf(handle: number): number
  /** Milliseconds since the epoch, 0 = never. */
  expiresAtMs(handle: number): number
  contentLength(handle: number): number
  /** Copies the content into `target` at `offset`, which has room for it. */
  copyContent(handle: number, target: Uint8Array, offset: number): void
  /** @returns whether the content equals `bytes[start, end)` */
  contentEquals(handle: number, bytes: Uint8Array, start: number, end: number): boolean
  /**
   * Applies a committed store. Parts lie in `bytes`; `position` is where the record ends in the log, so that the entry
   * counts as dirty until the table on disk holds everything up to there.
   * @param known a handle that `find` gave for this alias and that is still good, or `absent` if there is none: saves
   *   looking the alias up once more
   */
  store(
    slot: number,
    bytes: Uint8Array,
    aliasOffset: number,
    aliasLength: number,
    contentOffset: number,
    contentLength: number,
    expiresAtMs: number,
    position: number,
    known: number,
  ): void
  /** Applies a committed removal. */
  remove(slot: number, bytes: Uint8Array, aliasOffset: number, aliasLength: number, position: number): void
  /**
   * Applies a `reset`: nothing that was applied for the slot before exists any more, neither what is resident nor what the
   * disk holds. Until the table on disk holds everything up to `position`, an alias of the slot that is not resident
   * counts as absent, also for a load that is under way.
   */
  dropSlot(slot: number, position: number): void
}

export const absent = -1
export const unknown = -2
