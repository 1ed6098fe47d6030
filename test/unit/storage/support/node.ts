/**
 * The least that a node does with storage: numbers records, applies them when they are durable, loads what is not in
 * memory. Tests use it in place of the core, so that a fault found here is the storage engine's.
 */
import { absent, unknown } from "../../../../src/core/entry/memory.ts"
import {
  noResult,
  recordBytes,
  recordEffect,
  recordHeaderBytes,
  recordKind,
  RecordView,
  writeRecordHeader,
} from "../../../../src/core/entry/record.ts"
import { openStorage } from "../../../../src/storage/open.ts"
import type { SlotState, Storage, StorageOptions, StoredResult } from "../../../../src/storage/storage.ts"

const latin1 = (text: string) => Buffer.from(text, "latin1")

export interface Write {
  readonly alias: string
  /** undefined: remove */
  readonly content: Uint8Array | undefined
  readonly expiresAtMs?: number
  readonly client?: {
    readonly id: string
    readonly number: number
    readonly floor: number
    readonly result?: Uint8Array
  }
}

interface Pending {
  readonly position: number
  readonly bytes: Uint8Array
  readonly offset: number
  readonly resolve: () => void
}

export const slotOf = (alias: string) => {
  let hash = 7
  for (let i = 0; i < alias.length; i++) hash = (Math.imul(hash, 31) + alias.charCodeAt(i)) | 0
  return (Math.imul(hash, 0x9e3779b1) >>> 20) & 4095
}

export class TestNode {
  storage!: Storage
  readonly slots = new Map<number, SlotState>()
  readonly results: StoredResult[] = []
  readonly recovered: { alias: string; position: number }[] = []
  readonly notices: string[] = []
  readonly fatal: Error[] = []
  readonly metaTokens: number[] = []
  private readonly pending: Pending[] = []
  private readonly loads = new Map<string, ((error: Error | undefined) => void)[]>()
  private readonly record = new RecordView()
  private readonly sequences = new Map<number, number>()
  private readonly progressWaiters: (() => void)[] = []

  static async open(directory: string, options: Partial<StorageOptions> = {}): Promise<TestNode> {
    const node = new TestNode()
    node.storage = await openStorage(
      {
        directory,
        sync: true,
        transient: false,
        memoryBytesMax: 256 * 1024 * 1024,
        memoryEntriesMax: 0,
        diskBytesMax: 0,
        diskWarnShare: 0.9,
        diskWarnIntervalMs: 3_600_000,
        partitions: 1,
        onProgress: () => node.progress(),
        onMeta: (token) => void node.metaTokens.push(token),
        onFatal: (error) => {
          node.fatal.push(error)
          node.wakeAll()
        },
        onNotice: (_level, text) => void node.notices.push(text),
        ...options,
      },
      (storage) => ({
        slot: (state) => {
          node.slots.set(state.slot, state)
          node.sequences.set(state.slot, state.sequence)
        },
        result: (result) => void node.results.push(result),
        record: (record, position) => {
          if (record.kind !== recordKind.entry) return
          if (record.sequence <= (node.sequences.get(record.slot) ?? 0)) return
          if (record.sequence !== (node.sequences.get(record.slot) ?? 0) + 1)
            throw new Error(`gap in slot ${record.slot}`)
          node.sequences.set(record.slot, record.sequence)
          node.recovered.push({
            alias: Buffer.from(record.bytes.subarray(record.aliasOffset, record.contentOffset)).toString(
              "latin1",
            ),
            position,
          })
          apply(storage, record, position)
        },
      }),
    )
    return node
  }

  /** Appends one record; resolves when it is durable and applied. Handed over at once. */
  async write(write: Write): Promise<void> {
    const done = this.append(write)
    this.storage.publish()
    await done
  }

  /** Appends without handing over: the caller publishes. */
  append(write: Write): Promise<void> {
    const alias = latin1(write.alias)
    const content = write.content ?? new Uint8Array(0)
    const result = write.client?.result
    const slot = slotOf(write.alias)
    const sequence = (this.sequences.get(slot) ?? 0) + 1
    this.sequences.set(slot, sequence)
    const resultLength = result === undefined ? noResult : result.length
    const { log } = this.storage
    const offset = log.reserve(recordBytes(alias.length, content.length, resultLength))
    const { bytes, view, position } = log
    const effect = write.content === undefined ? recordEffect.remove : recordEffect.store
    const { client } = write
    writeRecordHeader(
      view,
      offset,
      recordKind.entry,
      effect,
      slot,
      1,
      0,
      sequence,
      1_795_000_000_000 + sequence,
      write.expiresAtMs ?? 0,
      client?.number ?? 0,
      client?.floor ?? 0,
      3,
      alias.length,
      content.length,
      resultLength,
    )
    bytes.fill(0, offset + 40, offset + 56)
    if (client !== undefined) bytes.set(latin1(client.id), offset + 40)
    bytes.set(alias, offset + recordHeaderBytes)
    bytes.set(content, offset + recordHeaderBytes + alias.length)
    if (result !== undefined) bytes.set(result, offset + recordHeaderBytes + alias.length + content.length)
    return new Promise((resolve) => this.pending.push({ position, bytes, offset, resolve }))
  }

  /** The note in the node's own log that forgets clients. */
  async forget(clients: readonly string[]): Promise<void> {
    const { log } = this.storage
    const offset = log.reserve(recordBytes(clients.length * 16, 0, noResult))
    const { bytes, view, position } = log
    writeRecordHeader(
      view,
      offset,
      recordKind.forgetClients,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      clients.length * 16,
      0,
      noResult,
    )
    bytes.fill(0, offset + 40, offset + 56)
    bytes.set(latin1(clients.join("")), offset + recordHeaderBytes)
    const done = new Promise<void>((resolve) => this.pending.push({ position, bytes, offset, resolve }))
    this.storage.publish()
    await done
  }

  private progress(): void {
    const durable = this.storage.durablePosition
    let released = -1
    while (this.pending[0] !== undefined && this.pending[0].position <= durable) {
      const next = this.pending.shift() as Pending
      apply(this.storage, this.record.at(next.bytes, next.offset), next.position)
      released = next.position
      next.resolve()
    }
    if (released >= 0) this.storage.log.release(released)
    this.storage.settle(durable)
    for (const { alias, error } of this.storage.takeLoads()) {
      const waiting = this.loads.get(alias) ?? []
      this.loads.delete(alias)
      for (const resolve of waiting) resolve(error)
    }
    this.wakeAll()
  }

  private wakeAll(): void {
    for (const wake of this.progressWaiters.splice(0)) wake()
  }

  /** Waits for progress until `done` says so. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.fatal[0] !== undefined) throw this.fatal[0]
      await new Promise<void>((resolve) => this.progressWaiters.push(resolve))
    }
  }

  private find(alias: string): Uint8Array | undefined | typeof unknown {
    const bytes = latin1(alias)
    const { memory } = this.storage
    const handle = memory.find(bytes, 0, bytes.length)
    if (handle === unknown) return unknown
    if (handle === absent) return undefined
    const content = new Uint8Array(memory.contentLength(handle))
    memory.copyContent(handle, content, 0)
    return content
  }

  /** @throws the load's error */
  async get(alias: string): Promise<Uint8Array | undefined> {
    const found = this.find(alias)
    if (found !== unknown) return found
    const error = await new Promise<Error | undefined>((resolve) => {
      const waiting = this.loads.get(alias)
      if (waiting !== undefined) return void waiting.push(resolve)
      this.loads.set(alias, [resolve])
      this.storage.load(slotOf(alias), alias)
    })
    if (error !== undefined) throw error
    const loaded = this.find(alias)
    return loaded === unknown ? undefined : loaded
  }

  async getText(alias: string): Promise<string | undefined> {
    const content = await this.get(alias)
    return content === undefined ? undefined : Buffer.from(content).toString("latin1")
  }

  put(alias: string, text: string, more: Partial<Write> = {}): Promise<void> {
    return this.write({ alias, content: latin1(text), ...more })
  }

  remove(alias: string): Promise<void> {
    return this.write({ alias, content: undefined })
  }

  /** All aliases with this prefix, in pieces. */
  async scan(prefix: string, bytesMax = 1024): Promise<string[]> {
    const aliases: string[] = []
    let from: { slot: number; after: Uint8Array } | undefined
    for (;;) {
      const piece = await this.storage.scan(latin1(prefix), from, bytesMax)
      for (const alias of piece.aliases) aliases.push(Buffer.from(alias).toString("latin1"))
      if (piece.next === undefined) return aliases
      from = piece.next
    }
  }
}

function apply(storage: Storage, record: RecordView, position: number): void {
  const { bytes, slot, aliasOffset, aliasLength, contentOffset, contentLength, expiresAtMs, effect } = record
  if (record.kind !== recordKind.entry) return
  if (effect === recordEffect.store)
    storage.memory.store(
      slot,
      bytes,
      aliasOffset,
      aliasLength,
      contentOffset,
      contentLength,
      expiresAtMs,
      position,
      absent,
    )
  else if (effect === recordEffect.remove)
    storage.memory.remove(slot, bytes, aliasOffset, aliasLength, position)
}
