/**
 * The storage engine: a log that acknowledges, memory that answers, a table that remembers (`docs/storage.md`). This puts
 * the workers together as the one object that the driver calls; the work is theirs.
 */
import { randomBytes } from "node:crypto"
import { cpus } from "node:os"
import {
  flushGatheredBytesMax,
  flushStepBytes,
  logBytesMax,
  logFlushBytes,
  logTailBytes,
  logTailShareOfQuota,
  slotCountDefault,
} from "../core/lib/limits.ts"
import type { RecordSink } from "../core/replication/sink.ts"
import type { FlushedSlot, SlotPiece, TailPiece, TailWanted } from "../core/replication/transfer.ts"
import type { DataDirectory } from "./directory/data-directory.ts"
import { DiskUse } from "./disk-use.ts"
import { buildFilter } from "./filter-build.ts"
import { FlushedGate } from "./flushed-gate.ts"
import { IntakeBrake } from "./intake-brake.ts"
import { CommitClient } from "./log/commit-client.ts"
import { LogHelper } from "./log/helper-client.ts"
import { automaticMemoryBytes } from "./memory-limit.ts"
import { KeyFilter } from "./memory/filter.ts"
import { EntryTable } from "./memory/table.ts"
import { Replay } from "./replay.ts"
import {
  type Identity,
  type LoadResult,
  type Meta,
  type RecoveryTarget,
  type ScanPiece,
  type Storage,
  type StorageFigures,
  StorageError,
  type StorageOptions,
} from "./storage.ts"
import { TableReads } from "./table-reads.ts"
import { Flushers } from "./table/flushers.ts"
import type { LoadAnswer } from "./table/reader-worker.ts"
import { Readers } from "./table/readers.ts"
import { UpkeepTurns } from "./upkeep-turns.ts"

export class DiskStorage implements Storage {
  readonly identity: Identity
  readonly memory: EntryTable
  readonly log: RecordSink
  readonly meta: Meta
  private readonly options: StorageOptions
  private readonly data: DataDirectory
  private readonly commit: CommitClient
  private readonly flushers: Flushers
  private readonly readers: Readers
  private readonly filter: KeyFilter
  private readonly gate: FlushedGate
  private readonly helper: LogHelper
  private readonly reads: TableReads
  private readonly upkeep: UpkeepTurns
  /** Asked again a moment later, whoever was refused may go on. */
  private readonly brake = new IntakeBrake(() => this.notify())
  private disk: DiskUse | undefined
  private loads: LoadResult[] = []
  private notified = false
  private opened = false
  private closing = false
  private failed = false
  private closingError: Error | undefined

  constructor(options: StorageOptions, data: DataDirectory) {
    this.options = options
    this.data = data
    this.identity = data.identity
    this.meta = data.meta
    data.meta.start()
    this.filter = new KeyFilter(0)
    this.filter.ready = data.fresh
    const seed = randomBytes(8)
    this.memory = new EntryTable({
      seed: [seed.readInt32LE(0), seed.readInt32LE(4)],
      bytesMax: options.memoryBytesMax === 0 ? automaticMemoryBytes() : options.memoryBytesMax,
      entriesMax: options.memoryEntriesMax,
      transient: false,
      complete: data.fresh,
      filter: this.filter,
    })
    const onFatal = (error: Error) => this.fatal(error)
    this.commit = new CommitClient(data.directory, {
      onProgress: () => this.notify(),
      onFileWanted: (number) => this.helper.makeFile(number),
      onFatal,
    })
    this.log = this.commit.ring
    this.flushers = new Flushers({ onProgress: (isRoundOver) => this.flushed(isRoundOver), onFatal })
    this.readers = new Readers({ onLoaded: (answers) => this.loaded(answers), onFatal })
    this.gate = new FlushedGate(this.memory, this.readers)
    this.upkeep = new UpkeepTurns(this.memory, this.gate, {
      onFull: () => this.flushers.urgent(),
      onRoom: () => this.notify(),
    })
    this.helper = new LogHelper({ directory: data.directory, control: this.commit.control.shared }, onFatal)
    this.reads = new TableReads(this.memory, this.flushers, this.readers)
  }

  /** Starts the workers and replays the log. @throws StorageError */
  async open(target: RecoveryTarget): Promise<void> {
    const { options, data } = this
    const { directory } = data
    const workers = options.partitions === 0 ? Math.max(1, cpus().length - 1) : options.partitions
    const { control } = this.commit
    const memoryBytes = options.memoryBytesMax === 0 ? automaticMemoryBytes() : options.memoryBytesMax
    const roundBytes = Math.max(1024 * 1024, Math.min(logFlushBytes, Math.floor(memoryBytes / 8)))
    const stepBytes = Math.max(1024 * 1024, Math.min(flushStepBytes, memoryBytes))
    const gatheredBytes = Math.min(flushGatheredBytesMax, Math.floor(memoryBytes / 4))
    control.keptBytes = this.tailBytes
    this.commit.start(options.sync)
    const { files, applied } = await this.flushers.open({
      directory,
      workers,
      control: control.shared,
      sync: options.sync,
      roundBytes,
      stepBytes,
      gatheredBytes,
    })
    const replay = new Replay(target, files)
    for (const { file, position } of files) this.memory.flushedTo(file, position)
    const heldBatch = Math.max(...files.map(({ batch }) => batch))
    const notice = await this.commit.recover(applied, heldBatch, (record, position) =>
      replay.record(record, position),
    )
    this.flushers.slots.recoveredTo(this.log.position)
    if (notice !== undefined) options.onNotice("warning", notice)
    this.flushers.follow()
    this.readers.open({ directory, slotCount: slotCountDefault }, workers)
    this.disk = new DiskUse({
      directory,
      bytesMax: options.diskBytesMax,
      warnShare: options.diskWarnShare,
      warnIntervalMs: options.diskWarnIntervalMs,
      freeBytes: () => this.flushers.free + control.free,
      appendedBytes: () => this.commit.ring.position,
      noRoom: () => control.full || this.flushers.full || this.data.meta.full,
      pendingBytes: () => Math.max(0, this.durablePosition - this.flushers.applied),
      makeRoom: () => this.flushers.makeRoom(),
      onChange: () => {
        control.keptBytes = this.tailBytes
        this.notify()
      },
      onNotice: options.onNotice,
    })
    await this.disk.start().catch((error: Error) => {
      throw new StorageError(`${directory}: ${error.message}`)
    })
    if (!data.fresh) void this.fillFilter()
    // Not before the caller has this object.
    setImmediate(() => {
      this.opened = true
      this.notify()
    })
  }

  /** What the log keeps for replicas: nothing where room is short. */
  private get tailBytes(): number {
    if (this.diskFull) return 0
    const { diskBytesMax } = this.options
    return diskBytesMax === 0
      ? logTailBytes
      : Math.min(logTailBytes, Math.floor(diskBytesMax * logTailShareOfQuota))
  }

  private async fillFilter(): Promise<void> {
    try {
      await buildFilter(
        this.filter,
        this.memory,
        this.readers,
        this.flushers.count * 1.25,
        () => this.closing,
      )
    } catch (error) {
      if (!this.closing)
        this.options.onNotice("error", `the filter of existing keys: ${(error as Error).message}`)
    }
  }

  private fatal(error: Error): void {
    if (this.failed) return
    this.failed = true
    // Who closes is told by `close`.
    if (this.closing) this.closingError = error
    else this.options.onFatal(error)
  }

  /** One call per turn, however much has finished in it. */
  private notify(): void {
    if (this.notified || this.closing || !this.opened) return
    this.notified = true
    queueMicrotask(() => {
      this.notified = false
      if (!this.closing) this.options.onProgress()
    })
  }

  private flushed(isRoundOver: boolean): void {
    if (isRoundOver) this.upkeep.roundOver()
    this.gate.flushed(this.flushers.slots.positions)
    this.commit.control.keptBytes = this.tailBytes
    this.commit.control.cutBatch = this.flushers.durableBatch
    this.upkeep.take()
    this.notify()
  }

  private loaded(answers: readonly LoadAnswer[]): void {
    for (const { slot, alias, content, expiresAtMs, error } of answers) {
      const bytes = Buffer.from(alias, "latin1")
      // It was reset while the load was under way.
      if (this.memory.isWhole(slot)) {
        this.loadedNothing(slot, alias)
        continue
      }
      if (error !== undefined) this.options.onNotice("error", error)
      else if (content === undefined) this.memory.insertAbsent(slot, bytes, 0, bytes.length)
      else this.memory.insertLoaded(slot, bytes, 0, bytes.length, content, 0, content.length, expiresAtMs)
      const failure = error === undefined ? undefined : new StorageError(error)
      this.loads.push({ alias, found: content !== undefined, error: failure })
    }
    this.gate.check()
    this.notify()
  }

  private loadedNothing(slot: number, alias: string): void {
    const bytes = Buffer.from(alias, "latin1")
    this.memory.insertAbsent(slot, bytes, 0, bytes.length)
    this.loads.push({ alias, found: false, error: undefined })
  }

  // The driver's side

  settle(position: number): void {
    const { control } = this.commit
    if (position <= control.settled) return
    control.settled = position
    this.flushers.settled()
  }

  get durablePosition(): number {
    return this.commit.control.durable
  }

  get diskFull(): boolean {
    return this.disk?.full ?? false
  }

  hasRoom(bytes: number): boolean {
    if (this.failed || this.memory.overDirty) return false
    if (!this.commit.ring.hasRoom(bytes) || this.logBytes >= logBytesMax) return false
    return this.brake.mayTake(this.memory.dirtiness, performance.now())
  }

  private get logBytes(): number {
    return this.durablePosition - this.flushers.durable
  }

  publish(): void {
    this.commit.publish()
    this.upkeep.take()
  }

  load(slot: number, alias: string): void {
    if (this.memory.isWhole(slot)) {
      this.loadedNothing(slot, alias)
      return this.notify()
    }
    this.readers.load(slot, alias)
  }

  takeLoads(): readonly LoadResult[] {
    const { loads } = this
    this.loads = []
    return loads
  }

  scan(
    prefix: Uint8Array,
    from: { readonly slot: number; readonly after: Uint8Array } | undefined,
    bytesMax: number,
    slots?: readonly number[],
  ): Promise<ScanPiece> {
    return this.reads.scan(prefix, from, bytesMax, slots)
  }

  readSlot(slot: number, after: Uint8Array | undefined, bytesMax: number): Promise<SlotPiece> {
    return this.reads.slot(slot, after, bytesMax)
  }

  readTail(wanted: readonly TailWanted[], bytesMax: number): Promise<TailPiece> {
    const { slots } = this.flushers
    const known = wanted.map((each) => ({ ...each, flushed: slots.sequenceOf(each.slot) }))
    return this.helper.read(known, bytesMax)
  }

  get isTableAwaited(): boolean {
    return this.flushers.isAwaited
  }

  flushedSlot(slot: number): FlushedSlot | undefined {
    return this.flushers.slots.get(slot)
  }

  expired(
    nowMs: number,
    slots?: readonly number[],
  ): Promise<readonly { readonly slot: number; readonly alias: string }[]> {
    return this.reads.expired(nowMs, slots)
  }

  figures(): StorageFigures {
    const { control } = this.commit
    const memory = this.memory.figures()
    return {
      residentEntries: memory.residentEntries,
      residentBytes: memory.residentBytes,
      persistedEntries: this.flushers.count,
      persistedBytes: this.disk?.bytesUsed ?? 0,
      pageIns: this.readers.loadsAnswered,
      evictions: memory.evictions,
      logBytes: this.logBytes,
      dirtyBytes: memory.dirtyBytes,
      commits: control.commits,
      commitMicrosP50: control.micros(0.5),
      commitMicrosP99: control.micros(0.99),
      commitMicrosMax: control.microsMax,
      uncommittedBytes: this.commit.ring.position - this.durablePosition,
      logFileBytes: this.disk?.logBytes ?? 0,
      tableFileBytes: this.disk?.tableBytes ?? 0,
      diskBytesUsed: this.disk?.bytesUsed ?? 0,
      diskBytesMax: this.options.diskBytesMax,
      filterBytes: this.filter.bytes,
    }
  }

  /**
   * Everything is in the table afterwards, unless a full disk forbids it: then it stays in the log for the next start.
   * @throws if something failed while closing; what was acknowledged is safe
   */
  async close(): Promise<void> {
    if (this.closing) return
    if (!this.failed) await this.drain()
    this.closing = true
    this.upkeep.end()
    await this.disk?.close()
    if (this.failed) return this.kill()
    await this.helper.close()
    await this.readers.close()
    await this.flushers.close()
    this.commit.control.keptBytes = 0
    this.commit.control.cutBatch = this.flushers.durableBatch
    await this.commit.close()
    // Not "clean" then: the next start finds everything all the same.
    await this.data.meta.close().catch((error: Error) => (this.closingError ??= error))
    this.data.lock.release()
    if (this.closingError !== undefined) throw this.closingError
  }

  /** Waits until what was published is durable, or the disk is full: then nobody was told that it is. */
  private async drain(): Promise<void> {
    this.commit.publish()
    const { control, ring } = this.commit
    while (control.durable < ring.position && !control.full && !this.failed) {
      const seen = control.progressCount
      if (control.durable < ring.position) await control.progress(seen)
    }
  }

  /** Ends all threads wherever they are; what was acknowledged is in the log. */
  async kill(): Promise<void> {
    this.closing = true
    this.upkeep.end()
    await this.disk?.close()
    // What measures the disk may be writing the reserve: a directory that was let go of must not change any more.
    const workers = [this.helper, this.readers, this.flushers, this.commit, this.data.meta]
    await Promise.all([this.disk?.close(), ...workers.map((worker) => worker.kill())])
    this.data.lock.release()
  }
}
