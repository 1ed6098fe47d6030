/**
 * The least that a replica does with storage: slots with prepared records that are committed, cut, carried forward and
 * replaced by snapshots, in one log. It stands for the core, so that a fault found here is the storage engine's.
 */
import { absent, unknown } from "../../../../src/core/entry/memory.ts"
import { recordKind, RecordView } from "../../../../src/core/entry/record.ts"
import type { DiskStorage } from "../../../../src/storage/disk-storage.ts"
import { openStorage } from "../../../../src/storage/open.ts"
import type { Storage, StorageOptions } from "../../../../src/storage/storage.ts"
import { decode, type Pending, writeRecord } from "./record-bytes.ts"
import type { ModelRecord, RecordModel } from "./record-model.ts"

interface SlotState {
  sequence: number
  committed: number
  prepared: Pending[]
}

const latin1 = (text: string) => Buffer.from(text, "latin1")

export class Replica {
  storage!: Storage
  /** Everything that was appended, and survived. */
  readonly model: RecordModel
  readonly fatal: Error[] = []
  readonly slots = new Map<number, SlotState>()
  /** `client/number` to slot. */
  readonly results = new Map<string, number>()
  /** Sequences of the slots in the table when it was opened. */
  readonly opened = new Map<number, number>()
  private readonly resets: {
    readonly slot: number
    readonly position: number
    readonly committed: number
  }[] = []
  private readonly floors = new Map<string, number>()
  /** Notes that are not durable yet. */
  private notes: Pending[] = []
  /** Void records that are not settled: where they end, and where the note ends that voids them. */
  private readonly voided = new Map<number, number>()
  private readonly view = new RecordView()
  private waiting: (() => void)[] = []
  private loads = new Map<string, (() => void)[]>()

  constructor(model: RecordModel) {
    this.model = model
  }

  static async open(
    directory: string,
    model: RecordModel,
    options: Partial<StorageOptions> = {},
  ): Promise<Replica> {
    const replica = new Replica(model)
    replica.storage = await openStorage(
      {
        directory,
        sync: true,
        transient: false,
        memoryBytesMax: 64 * 1024 * 1024,
        memoryEntriesMax: 0,
        diskBytesMax: 0,
        diskWarnShare: 0.9,
        diskWarnIntervalMs: 1_000,
        partitions: 1,
        onProgress: () => replica.progress(),
        onFatal: (error) => {
          replica.fatal.push(error)
          replica.wake()
        },
        onMeta: () => undefined,
        onNotice: () => undefined,
        ...options,
      },
      (storage) => {
        replica.storage = storage
        return {
          slot: ({ slot, sequence }) => {
            replica.opened.set(slot, sequence)
            Object.assign(replica.slot(slot), { sequence, committed: sequence })
          },
          result: ({ client, floor, number, slot }) => replica.keepResult(client, floor, number, slot),
          record: (record, position) => replica.recovered(record, position),
        }
      },
    )
    return replica
  }

  slot(slot: number): SlotState {
    let state = this.slots.get(slot)
    if (state === undefined) {
      state = { sequence: 0, committed: 0, prepared: [] }
      this.slots.set(slot, state)
    }
    return state
  }

  // Recovery

  private recovered(view: RecordView, position: number): void {
    const bytes = view.bytes.slice(view.offset, view.offset + view.length)
    const record = decode(new RecordView().at(bytes, 0), position)
    const state = this.slot(record.slot)
    const pending = { record, bytes, offset: 0 }
    if (record.kind === recordKind.forgetClients) return this.forgetResults(record.client as string)
    const { kind, sequence } = record
    if (kind === recordKind.cut) this.voidAbove(state, sequence, position)
    if (kind === recordKind.reset) {
      this.voidAbove(state, -1, position)
      Object.assign(state, { sequence: -1, committed: -1 })
    }
    if (kind === recordKind.installed) Object.assign(state, { sequence, committed: sequence })
    if (kind !== recordKind.entry) return this.applyNote(pending)
    if (record.sequence !== state.sequence + 1)
      throw new Error(`slot ${record.slot}: ${record.sequence} follows ${state.sequence}`)
    state.sequence = record.sequence
    state.prepared.push(pending)
    this.commit(record.slot, record.sequence - record.uncommitted)
  }

  // Writing

  private append(part: Partial<ModelRecord> & { kind: number; slot: number }): Pending {
    const pending = writeRecord(this.storage.log, part)
    this.model.log.push(pending.record)
    return pending
  }

  /** A write that waits for its commit. */
  prepare(slot: number, alias: string, content: string | undefined, more: Partial<ModelRecord> = {}): void {
    const state = this.slot(slot)
    const sequence = ++state.sequence
    const uncommitted = sequence - state.committed
    const pending = this.append({
      kind: recordKind.entry,
      slot,
      sequence,
      alias,
      content,
      uncommitted,
      ...more,
    })
    state.prepared.push(pending)
  }

  /** Prepared records above `sequence` are void. */
  cut(slot: number, sequence: number): void {
    const note = this.append({ kind: recordKind.cut, slot, sequence })
    this.voidAbove(this.slot(slot), sequence, note.record.position)
    this.notes.push(note)
  }

  private voidAbove(state: SlotState, sequence: number, position: number): void {
    for (const { record } of state.prepared)
      if (record.sequence > sequence) this.voided.set(record.position, position)
    state.prepared = state.prepared.filter(({ record }) => record.sequence <= sequence)
    state.sequence = Math.min(state.sequence, sequence)
  }

  /** The same prepared records again at the end of the log: first all cuts, since what stands before them waits for them. */
  carryForward(slots: readonly number[]): void {
    const again: ModelRecord[] = []
    for (const slot of slots) {
      const { prepared, committed } = this.slot(slot)
      if (prepared.length === 0) continue
      again.push(...prepared.map(({ record }) => record))
      this.cut(slot, committed)
    }
    for (const { slot, alias, content, client, number, floor } of again)
      this.prepare(slot, alias, content, { client, number, floor })
  }

  reset(slot: number): void {
    const state = this.slot(slot)
    const { committed } = state
    const note = this.append({ kind: recordKind.reset, slot, sequence: -1 })
    this.voidAbove(state, -1, note.record.position)
    Object.assign(state, { sequence: -1, committed: -1 })
    this.resets.push({ slot, position: note.record.position, committed })
    this.notes.push(note)
  }
  /** What was committed of a slot, as far as the log goes that was found. */
  committedUpTo(slot: number, position: number): number {
    const lost = this.resets.find((reset) => reset.slot === slot && reset.position > position)
    return lost?.committed ?? this.slot(slot).committed
  }

  install(slot: number, alias: string, content: string): void {
    this.notes.push(this.append({ kind: recordKind.install, slot, alias, content }))
  }
  installResult(slot: number, client: string, number: number, floor: number): void {
    this.notes.push(this.append({ kind: recordKind.installResult, slot, client, number, floor }))
  }
  installed(slot: number, sequence: number): void {
    this.notes.push(this.append({ kind: recordKind.installed, slot, sequence }))
    Object.assign(this.slot(slot), { sequence, committed: sequence })
  }
  forget(client: string): void {
    this.notes.push(this.append({ kind: recordKind.forgetClients, slot: 0, client }))
  }

  // Progress

  /** Waits until all that was appended is durable. */
  async sync(): Promise<void> {
    this.storage.publish()
    await this.until(() => this.storage.durablePosition >= this.storage.log.position)
    this.progress()
  }

  private progress(): void {
    const durable = this.storage.durablePosition
    while (this.notes[0] !== undefined && this.notes[0].record.position <= durable)
      this.applyNote(this.notes.shift() as Pending)
    for (const { alias } of this.storage.takeLoads()) {
      const waiting = this.loads.get(alias) ?? []
      this.loads.delete(alias)
      for (const resolve of waiting) resolve()
    }
    this.wake()
  }

  private wake(): void {
    const { waiting } = this
    this.waiting = []
    for (const resolve of waiting) resolve()
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.fatal[0] !== undefined) throw this.fatal[0]
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  private applyNote(pending: Pending): void {
    const { kind, slot, position, client, number, floor } = pending.record
    if (kind === recordKind.reset) {
      for (const [key, of] of this.results) if (of === slot) this.results.delete(key)
      this.storage.memory.dropSlot(slot, position)
    } else if (kind === recordKind.install) this.store(pending)
    else if (kind === recordKind.installResult) this.keepResult(client as string, floor, number, slot)
    else if (kind === recordKind.forgetClients) this.forgetResults(client as string)
  }

  private keepResult(client: string, floor: number, number: number, slot: number): void {
    this.floors.set(client, Math.max(floor, this.floors.get(client) ?? 0))
    if (number !== 0) this.results.set(`${client}/${number}`, slot)
    const least = this.floors.get(client) as number
    for (const key of this.results.keys())
      if (key.startsWith(`${client}/`) && Number(key.slice(17)) < least) this.results.delete(key)
  }

  private forgetResults(client: string): void {
    this.floors.delete(client)
    for (const key of this.results.keys()) if (key.startsWith(`${client}/`)) this.results.delete(key)
  }

  /** Prepared records up to `sequence`, which are durable, are committed and applied. */
  commit(slot: number, sequence: number): void {
    const state = this.slot(slot)
    while (state.prepared[0] !== undefined && state.prepared[0].record.sequence <= sequence) {
      const pending = state.prepared.shift() as Pending
      const { record } = pending
      state.committed = record.sequence
      this.store(pending)
      if (record.number !== 0) this.keepResult(record.client as string, record.floor, record.number, slot)
    }
  }

  private store({ bytes, offset, record }: Pending): void {
    const view = this.view.at(bytes, offset)
    const { slot, aliasOffset, aliasLength, contentOffset, contentLength, expiresAtMs } = view
    const { memory } = this.storage
    if (record.content === undefined) memory.remove(slot, bytes, aliasOffset, aliasLength, record.position)
    else
      memory.store(
        slot,
        bytes,
        aliasOffset,
        aliasLength,
        contentOffset,
        contentLength,
        expiresAtMs,
        record.position,
        absent,
      )
  }

  /** Tells storage how far everything is applied or void; frees the ring up to there. */
  settle(): void {
    let settled = this.storage.durablePosition
    for (const { record, bytes, offset } of [...this.slots.values()].flatMap(({ prepared }) => prepared))
      settled = Math.min(settled, record.position - this.view.at(bytes, offset).length)
    // A void record is settled with the note that voids it.
    for (let before = Infinity; before !== settled;) {
      before = settled
      for (const [place, note] of this.voided) if (place <= settled && note > settled) settled = place - 1
    }
    for (const [place, note] of this.voided) if (note <= settled) this.voided.delete(place)
    this.storage.settle(settled)
    this.storage.log.release(settled)
  }

  // Reading

  async get(slot: number, alias: string): Promise<string | undefined> {
    const found = this.find(alias)
    if (found !== unknown) return found
    await new Promise<void>((resolve) => {
      const waiting = this.loads.get(alias)
      if (waiting !== undefined) return void waiting.push(resolve)
      this.loads.set(alias, [resolve])
      this.storage.load(slot, alias)
    })
    const loaded = this.find(alias)
    return loaded === unknown ? undefined : loaded
  }

  private find(alias: string): string | undefined | typeof unknown {
    const bytes = latin1(alias)
    const { memory } = this.storage
    const handle = memory.find(bytes, 0, bytes.length)
    if (handle === unknown) return unknown
    if (handle === absent) return undefined
    const content = Buffer.alloc(memory.contentLength(handle))
    memory.copyContent(handle, content, 0)
    return content.toString("latin1")
  }

  /** All entries of a slot, in pieces. */
  async readSlot(slot: number, bytesMax: number): Promise<Map<string, string>> {
    const entries = new Map<string, string>()
    for (let after: Uint8Array | undefined, first = true; first || after !== undefined; first = false) {
      const piece = await this.storage.readSlot(slot, after, bytesMax)
      const bytes = piece.entries.reduce((sum, { alias, content }) => sum + alias.length + content.length, 0)
      if (piece.entries.length > 1 && bytes > bytesMax) throw new Error(`a piece of ${bytes} bytes`)
      for (const { alias, content } of piece.entries)
        entries.set(Buffer.from(alias).toString("latin1"), Buffer.from(content).toString("latin1"))
      after = piece.next
    }
    return entries
  }

  /** Sequences behind `after`, in pieces, or "missing". */
  async readTail(slot: number, after: number, bytesMax: number): Promise<ModelRecord[] | "missing"> {
    const records: ModelRecord[] = []
    for (let more = true; more;) {
      const afterSequence = records.at(-1)?.sequence ?? after
      const piece = await this.storage.readTail([{ slot, afterSequence }], bytesMax)
      if (piece.missing.length > 0) return "missing"
      for (let at = 0; at < piece.records.length; at += this.view.length)
        records.push(decode(this.view.at(piece.records, at), 0))
      more = piece.more
    }
    return records
  }

  /** As a kill of the process: threads end wherever they are. */
  async crash(): Promise<void> {
    await (this.storage as DiskStorage).kill()
  }
}
