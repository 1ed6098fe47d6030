/**
 * The storage engine as the driver sees it. Nothing here blocks: what waits for a disk is done by worker threads and
 * announced by one call of `onProgress` per turn of the event loop, after which `durablePosition` and the finished loads
 * are read. See `docs/storage.md`.
 */
import type { EntryMemory } from "../core/entry/memory.ts"
import type { RecordView } from "../core/entry/record.ts"
import type { RecordSink } from "../core/replication/sink.ts"
import type { FlushedSlot, SlotPiece, TailPiece, TailWanted } from "../core/replication/transfer.ts"

/** Who this directory is; written when it is made, except `boot`, which is raised and fsynced at each open. */
export interface Identity {
  readonly nodeId: string
  readonly storageId: string
  readonly boot: number
}

export interface StorageOptions {
  readonly directory: string
  /** Node id for a new directory (`hex-hex-hex-hex`). An existing one keeps its own, and a different one is an error. */
  readonly nodeId?: string
  readonly sync: boolean
  readonly transient: boolean
  /** Memory for entries, bytes; 0 = half of the smaller of RAM and the control group's limit. */
  readonly memoryBytesMax: number
  /** Resident entries; 0 = no limit but memory. */
  readonly memoryEntriesMax: number
  /** Disk quota, bytes; 0 = none. */
  readonly diskBytesMax: number
  /** Share of the quota above which a warning is logged, no sooner than after the interval again. */
  readonly diskWarnShare: number
  readonly diskWarnIntervalMs: number
  /** Flusher and reader workers; 0 = cores minus one, at least one. */
  readonly partitions: number
  /** Called once per turn in which something finished. */
  readonly onProgress: () => void
  /** What `meta.write` was given under this token, and everything before it, is durable. */
  readonly onMeta: (token: number) => void
  /** fsync or append failed, or data is corrupt beyond serving: the node must stop (it never retries an fsync). */
  readonly onFatal: (error: Error) => void
  /** A line for the log (recovery, quota warnings, corruption found by a read). */
  readonly onNotice: (level: "info" | "warning" | "error", text: string) => void
}

/** What recovery found for one slot, before the log's tail is replayed. */
export interface SlotState {
  readonly slot: number
  /** -1: the slot is incomplete (a `reset` without `installed`). */
  readonly sequence: number
  readonly slotEpoch: number
  readonly slotClockMs: number
}

/** One stored result of the exactly-once table, before the log's tail is replayed. */
export interface StoredResult {
  readonly slot: number
  /** 16 bytes, latin1. */
  readonly client: string
  readonly floor: number
  readonly number: number
  readonly code: number
  readonly content: Uint8Array | undefined
}

/** The recovered state is told to the core through these calls, in this order: slots, results, then records. */
export interface RecoveryTarget {
  slot(state: SlotState): void
  result(result: StoredResult): void
  /**
   * A record of the log, notes included, behind what the table holds of its slot (of several files with their own applied
   * positions, that of the slot's file). The core decides what of it is committed. `position` is its end. The bytes are
   * good during the call.
   */
  record(record: RecordView, position: number): void
}

export interface LoadResult {
  readonly alias: string
  /** False: there certainly is no such entry. */
  readonly found: boolean
  /** An error is a bad checksum or an unreadable page: the operation fails with `data_corrupt`. */
  readonly error: Error | undefined
}

export interface ScanPiece {
  readonly aliases: readonly Uint8Array[]
  /** Slot and alias to go on behind, or undefined at the end. */
  readonly next: { readonly slot: number; readonly after: Uint8Array } | undefined
}

/** Plain numbers, read on demand. Times in µs. */
export interface StorageFigures {
  readonly residentEntries: number
  readonly residentBytes: number
  readonly persistedEntries: number
  readonly persistedBytes: number
  readonly pageIns: number
  readonly evictions: number
  readonly logBytes: number
  readonly dirtyBytes: number
  readonly commits: number
  readonly commitMicrosP50: number
  readonly commitMicrosP99: number
  readonly commitMicrosMax: number
  /** Records that are not durable yet. */
  readonly uncommittedBytes: number
  /** Sizes of the files. */
  readonly logFileBytes: number
  readonly tableFileBytes: number
  readonly diskBytesUsed: number
  readonly diskBytesMax: number
  readonly filterBytes: number
}

/** What a node must not forget of its cluster, under a few keys; the values are the caller's. */
export interface Meta {
  /** As found at the start. */
  readonly recovered: ReadonlyMap<string, Uint8Array>
  /** Whether the last process that had the directory stopped cleanly; true for a new one. */
  readonly clean: boolean
  /** All of them or none, fsynced whatever `sync` says, after what was written before; `onMeta` follows. */
  write(token: number, records: readonly { readonly key: string; readonly value: Uint8Array }[]): void
}

export interface Storage {
  readonly identity: Identity
  readonly meta: Meta
  readonly memory: EntryMemory
  readonly log: RecordSink
  /**
   * False while ring, log or dirty memory are at their bounds, or for a moment where writers are slowed: the driver then stops reading
   * sockets, and asks again at the next progress.
   */
  hasRoom(bytes: number): boolean
  /** True while the disk or the quota is full: writes that add data are refused with `disk_full`. */
  readonly diskFull: boolean
  /** Hands everything reserved so far over to be committed. Once per turn. */
  publish(): void
  /** Everything up to here is durable (with `sync`: fsynced; else: written). */
  readonly durablePosition: number
  /**
   * Everything in the log up to here is applied or void, and where it is void, its `cut` or `reset` ends up to here, too. The
   * table takes over whole batches up to it and no more.
   */
  settle(position: number): void
  /** Brings an entry into memory from disk. Ends with an entry in the next `takeLoads()`. `alias` is latin1. */
  load(slot: number, alias: string): void
  /**
   * Loads finished since the last call; what they found is resident now.
   *
   * What a load read may be outdated: the entry may have been changed, flushed and evicted while the load was under way,
   * and then nothing in memory shows it. So a read takes its row and the flushed position from one snapshot, and one whose
   * snapshot is older than the memory table's present flushed position is repeated.
   */
  takeLoads(): readonly LoadResult[]
  /**
   * Aliases with this prefix, a bounded piece in (slot, alias) order, from all that was applied when the call was made.
   * It waits until that is settled.
   * @param prefix may be empty
   * @param slots which slots to walk, ascending; undefined = all
   */
  scan(
    prefix: Uint8Array,
    from: { readonly slot: number; readonly after: Uint8Array } | undefined,
    bytesMax: number,
    slots?: readonly number[],
  ): Promise<ScanPiece>
  /** Resident or stored aliases (latin1) whose expiry has passed, a bounded number. @param slots undefined = all */
  expired(
    nowMs: number,
    slots?: readonly number[],
  ): Promise<readonly { readonly slot: number; readonly alias: string }[]>
  /**
   * Entries of one slot in the order of aliases, a bounded piece (at least one), from a state that holds at least
   * everything applied when the call was made. It waits until that is settled.
   * @param after the alias to go on behind; undefined = from the start
   */
  readSlot(slot: number, after: Uint8Array | undefined, bytesMax: number): Promise<SlotPiece>
  /**
   * Durable records of the log, prepared ones included and void ones left out: of each slot from `afterSequence + 1` on, in
   * order and without gaps; a bounded piece (at least one).
   */
  readTail(wanted: readonly TailWanted[], bytesMax: number): Promise<TailPiece>
  /**
   * As of the last flush; undefined while unknown: after a crash until the table holds all that was found in the log. Equal
   * sequences mean equal counts and hashes on all replicas.
   */
  flushedSlot(slot: number): FlushedSlot | undefined
  /** Whether somebody waits until the table has followed what is applied. */
  readonly isTableAwaited: boolean
  figures(): StorageFigures
  /** Waits for what was published, flushes the table, checkpoints, releases the lock. */
  close(): Promise<void>
}

/**
 * Opens or creates a data directory and recovers it into what `recover` returns. `recover` is called once, before anything
 * is replayed, with the storage itself: its `memory`, `identity` and `log` are ready, the rest is after the promise.
 * @throws StorageError, one clear line
 */
export type OpenStorage = (
  options: StorageOptions,
  recover: (storage: Storage) => RecoveryTarget,
) => Promise<Storage>

/** An error of a data directory that an operator can act upon: one line that names the file and, where known, the place. */
export class StorageError extends Error {
  override readonly name = "StorageError"
  /** The slot that could not be read, where it concerns one. */
  readonly slot: number | undefined

  constructor(message: string, slot?: number) {
    super(message)
    this.slot = slot
  }
}
