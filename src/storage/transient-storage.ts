/**
 * Storage without files but the identity: what is appended counts as durable at the end of the turn, and an eviction loses
 * the entry. It keeps the order of events that the disk has: nothing is durable within the call that appended it.
 */
import { randomBytes } from "node:crypto"
import { expiredEntriesMax, maintainStepsPerTurn, transientTailBytes } from "../core/lib/limits.ts"
import type { FlushedSlot, SlotPiece, TailPiece, TailWanted } from "../core/replication/transfer.ts"
import { latin1 } from "../platform/latin1.ts"
import type { DataDirectory } from "./directory/data-directory.ts"
import { MemoryLog } from "./log/memory-log.ts"
import { Tail } from "./log/tail.ts"
import { automaticMemoryBytes } from "./memory-limit.ts"
import { readSlotInMemory, scanMemory } from "./memory-scan.ts"
import { EntryTable } from "./memory/table.ts"
import {
  type Identity,
  type LoadResult,
  type Meta,
  type ScanPiece,
  type Storage,
  StorageError,
  type StorageFigures,
  type StorageOptions,
} from "./storage.ts"

export class TransientStorage implements Storage {
  readonly identity: Identity
  readonly memory: EntryTable
  readonly log: MemoryLog
  readonly meta: Meta
  readonly diskFull = false
  durablePosition = 0
  private readonly data: DataDirectory
  private readonly options: StorageOptions
  private readonly tail: Tail
  private loads: LoadResult[] = []
  private scheduled = false
  private closed = false

  constructor(options: StorageOptions, data: DataDirectory) {
    this.options = options
    this.data = data
    this.identity = data.identity
    // What it held is gone with the process that held it, however that ended.
    const { recovered } = data.meta
    data.meta.start()
    this.meta = { recovered, clean: data.fresh, write: (token, records) => data.meta.write(token, records) }
    const seed = randomBytes(8)
    this.memory = new EntryTable({
      seed: [seed.readInt32LE(0), seed.readInt32LE(4)],
      bytesMax: options.memoryBytesMax === 0 ? automaticMemoryBytes() : options.memoryBytesMax,
      entriesMax: options.memoryEntriesMax,
      transient: true,
      complete: true,
    })
    this.log = new MemoryLog(transientTailBytes)
    this.tail = new Tail(this.log)
  }

  hasRoom(bytes: number): boolean {
    return this.log.hasRoom(bytes)
  }

  publish(): void {
    if (this.log.mark()) this.schedule()
    if (this.memory.maintain(maintainStepsPerTurn)) this.schedule()
  }

  private schedule(): void {
    if (this.scheduled || this.closed) return
    this.scheduled = true
    setImmediate(() => {
      this.scheduled = false
      this.log.commit()
      this.durablePosition = this.log.position
      if (this.closed) return
      this.options.onProgress()
      if (this.memory.maintain(maintainStepsPerTurn)) this.schedule()
    })
  }

  /** There is no table. */
  settle(): void {}

  /** Memory knows every entry there is, so nobody should ask; who does is told the truth. */
  load(_slot: number, alias: string): void {
    const bytes = Buffer.from(alias, "latin1")
    const found = this.memory.find(bytes, 0, bytes.length) >= 0
    this.loads.push({ alias, found, error: undefined })
    this.schedule()
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
    if (this.closed) return closedError()
    return scanMemory(
      this.memory,
      prefix.slice(),
      from,
      bytesMax,
      slots === undefined ? undefined : new Set(slots),
    )
  }

  readSlot(slot: number, after: Uint8Array | undefined, bytesMax: number): Promise<SlotPiece> {
    if (this.closed) return closedError()
    return readSlotInMemory(this.memory, slot, after?.slice(), bytesMax)
  }

  readTail(wanted: readonly TailWanted[], bytesMax: number): Promise<TailPiece> {
    if (this.closed) return closedError()
    const known = wanted.map((each) => ({ ...each, flushed: this.log.sequenceOf(each.slot) }))
    return new Promise((resolve) => resolve(this.tail.read(known, bytesMax)))
  }

  /** There is none. */
  readonly isTableAwaited = false

  /** No replica compares what is not on a disk. */
  flushedSlot(): FlushedSlot | undefined {
    return undefined
  }

  expired(
    nowMs: number,
    slots?: readonly number[],
  ): Promise<readonly { readonly slot: number; readonly alias: string }[]> {
    const { memory } = this
    const wanted = slots === undefined ? undefined : new Set(slots)
    const found: { slot: number; alias: string }[] = []
    memory.expired(nowMs, expiredEntriesMax, (handle) => {
      if (wanted?.has(memory.slotOf(handle)) === false) return
      const alias = Buffer.alloc(memory.aliasLength(handle))
      memory.copyAlias(handle, alias, 0)
      found.push({ slot: memory.slotOf(handle), alias: latin1(alias, 0, alias.length) })
    })
    return Promise.resolve(found)
  }

  figures(): StorageFigures {
    const memory = this.memory.figures()
    const { residentEntries, residentBytes, evictions } = memory
    const none = {
      persistedEntries: 0,
      persistedBytes: 0,
      pageIns: 0,
      logBytes: 0,
      dirtyBytes: 0,
      commits: 0,
    }
    const noTimes = { commitMicrosP50: 0, commitMicrosP99: 0, commitMicrosMax: 0 }
    const noDisk = {
      uncommittedBytes: 0,
      logFileBytes: 0,
      tableFileBytes: 0,
      diskBytesUsed: 0,
      diskBytesMax: 0,
      filterBytes: 0,
    }
    return { residentEntries, residentBytes, evictions, ...none, ...noTimes, ...noDisk }
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    await this.data.meta.close().finally(() => this.data.lock.release())
  }
}

function closedError(): Promise<never> {
  return Promise.reject(new StorageError("the storage is closed"))
}
