/**
 * A node's storage in the simulated world, with the product's contract (`src/storage/storage.ts`): a log of records and
 * notes, a table that follows what is settled, entries that leave memory, and answers that come later.
 */
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import { recordKind, RecordView } from "../../../src/core/entry/record.ts"
import type { Recovery } from "../../../src/core/replication/recovery.ts"
import type { RecordSink } from "../../../src/core/replication/sink.ts"
import type {
  FlushedSlot,
  SlotEntry,
  SlotPiece,
  TailPiece,
  TailWanted,
} from "../../../src/core/replication/transfer.ts"
import { type ScanPiece, StorageError } from "../../../src/storage/storage.ts"
import { ForgetfulMemory } from "../../support/data-rig.ts"
import { latin1 } from "../../support/map-memory.ts"
import { bytesOf } from "../data/message.ts"
import { type ClusterContents, LogRecord, textOfContent } from "./contents.ts"
import { flushed, live } from "./table.ts"
import type { TableEntry } from "./table.ts"

/** Records share buffers of this size, or of their own where one needs more. */
const bufferBytes = 16 * 1024
/** What nobody has written yet; between records some stays, where it must not be written to. */
const garbage = 0xee
const gapBytes = 8
/** What one look at the log gives; there is one a tick. */
const tailReadBytes = [1_000, 30_000] as const

export class SimulatedLog implements RecordSink {
  bytes = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  /** Where the next record begins in `bytes`. */
  private free = 0
  position: number
  released = 0
  /** Where this process began: what it found in front of it is not in its ring. */
  private readonly begun: number
  /** Reserved in this turn, not yet handed to the disk. */
  fresh: LogRecord[] = []

  constructor(position: number) {
    this.position = this.begun = position
  }

  reserve(length: number): number {
    if (this.free + length + gapBytes > this.bytes.length) {
      const buffer = new ArrayBuffer(Math.max(bufferBytes, length + 2 * gapBytes))
      // Garbage all over: whoever reads must have written.
      this.bytes = new Uint8Array(buffer).fill(garbage)
      this.view = new DataView(buffer)
      this.free = gapBytes
    }
    const offset = this.free
    this.free += length + gapBytes
    this.position += length
    this.fresh.push(new LogRecord(this.bytes, offset, this.position))
    return offset
  }

  /** The turn's records, in the hands of the disk from here on. */
  take(): readonly LogRecord[] {
    const { fresh } = this
    this.fresh = []
    for (const { bytes, offset } of fresh) {
      const end = offset + written.at(bytes, offset).length
      if (bytes[offset - 1] !== garbage || bytes[end] !== garbage || end > bytes.length)
        throw new Error("a record is written within its place")
    }
    return fresh
  }

  /** Of records that keep their place. */
  get heldBytes(): number {
    return this.position - Math.max(this.released, this.begun)
  }

  release(position: number): void {
    if (position < this.released) throw new Error("released twice")
    this.released = position
  }
}

/** Entries of a slot can be dropped, as the product's memory does it. */
const written = new RecordView()

export class SimulatedMemory extends ForgetfulMemory {
  override dropSlot(slot: number): void {
    for (const [alias, entry] of this.entries) {
      if (entry.slot !== slot) continue
      this.entries.delete(alias)
      this.onDisk.delete(alias)
    }
  }

  ofSlot(slot: number): [string, { readonly content: Uint8Array; readonly expiresAtMs: number }][] {
    return [...this.entries].filter(([, entry]) => entry.slot === slot).sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

export class SimulatedStorage {
  readonly memory = new SimulatedMemory()
  readonly log: SimulatedLog
  settled = 0
  private readonly prng: Prng
  /** Log kept behind the table, bytes. */
  private readonly tailBytes: number

  constructor(contents: ClusterContents, tailBytes: number, prng: Prng) {
    this.prng = prng
    this.tailBytes = tailBytes
    this.log = new SimulatedLog(contents.records.at(-1)?.end ?? contents.table.position)
  }

  recover({ table, records }: ClusterContents, recovery: Recovery): void {
    for (const [alias, { slot, content, expiresAtMs }] of table.entries)
      this.load(alias, slot, content, expiresAtMs)
    for (const [slot, state] of table.slots) recovery.slot({ slot, ...state })
    for (const [client, { floor, results }] of table.clients) {
      recovery.result({ slot: 0, client, floor, number: 0, code: 0, content: undefined })
      for (const [number, result] of results) recovery.result({ ...result, client, floor, number })
    }
    const view = new RecordView()
    for (const { bytes, offset, end } of records)
      if (end > table.position) recovery.record(view.at(bytes, offset), end)
  }

  /** For a test of the test. */
  loseOne(): void {
    for (const alias of this.memory.entries.keys()) {
      this.memory.entries.delete(alias)
      return
    }
  }

  private load(alias: string, slot: number, content: Uint8Array, expiresAtMs: number): void {
    this.memory.entries.set(alias, { alias, slot, content, expiresAtMs, position: 0 })
    this.memory.onDisk.add(alias)
  }

  /** The table follows, now and then. @returns the write to hand to the disk */
  flush(): ((contents: ClusterContents) => ClusterContents) | undefined {
    const { settled, tailBytes } = this
    if (!this.prng.chance(1, 30)) return undefined
    return (contents) => {
      if (contents.table.position >= settled) return contents
      const table = flushed(contents.table, contents.records, settled)
      const records = contents.records.filter(({ end }) => end > settled - tailBytes)
      return { ...contents, table, records }
    }
  }

  /** Some entries leave memory. */
  forgetSome(mayForget: (alias: string) => boolean): number {
    let count = 0
    for (const alias of this.memory.entries.keys()) {
      if (!this.prng.chance(1, 60) || !mayForget(alias)) continue
      this.memory.onDisk.add(alias)
      count++
    }
    return count
  }

  /** Whether the entry, where it lies on disk as memory had it, cannot be read. */
  isDamaged({ table }: ClusterContents, alias: string): boolean {
    const stored = table.entries.get(alias)
    const held = this.memory.entries.get(alias)
    if (stored?.isDamaged !== true || held === undefined) return false
    return stored.expiresAtMs === held.expiresAtMs && Buffer.compare(stored.content, held.content) === 0
  }

  /** @returns undefined where something of it cannot be read */
  readSlot(
    contents: ClusterContents,
    slot: number,
    after: Uint8Array | undefined,
    bytesMax: number,
  ): SlotPiece | undefined {
    const from = after === undefined ? "" : String.fromCharCode(...after)
    const left = this.memory.ofSlot(slot).filter(([alias]) => after === undefined || alias > from)
    const entries: SlotEntry[] = []
    let bytes = 0
    for (const [alias, { content, expiresAtMs }] of left) {
      const size = alias.length + content.length
      if (entries.length > 0 && bytes + size > bytesMax) break
      if (this.isDamaged(contents, alias)) return undefined
      entries.push({ alias: bytesOf(alias), content, expiresAtMs })
      bytes += size
    }
    return { entries, next: entries.length < left.length ? entries.at(-1)?.alias : undefined }
  }

  /** In the order of slots and aliases; an error where something in them cannot be read. */
  scan(
    contents: ClusterContents,
    prefix: Uint8Array,
    from: { readonly slot: number; readonly after: Uint8Array } | undefined,
    bytesMax: number,
    slots: readonly number[],
  ): ScanPiece | StorageError {
    const begins = latin1(prefix)
    const after = from === undefined ? undefined : latin1(from.after)
    const aliases: Uint8Array[] = []
    let bytes = 0
    for (const slot of slots) {
      if (from !== undefined && slot < from.slot) continue
      for (const [alias] of this.memory.ofSlot(slot)) {
        if (slot === from?.slot && after !== undefined && after !== "" && alias <= after) continue
        if (this.isDamaged(contents, alias)) return new StorageError(`${alias} cannot be read`, slot)
        if (!alias.startsWith(begins)) continue
        aliases.push(bytesOf(alias))
        bytes += alias.length
        if (bytes >= bytesMax) return { aliases, next: { slot, after: bytesOf(alias) } }
      }
    }
    return { aliases, next: undefined }
  }

  /** Short pieces, that there be several; but on the whole more than clients write meanwhile, as with a real log. */
  readTail(contents: ClusterContents, wanted: readonly TailWanted[]): TailPiece {
    const bytesMax = this.prng.between(...tailReadBytes)
    const view = new RecordView()
    const missing: number[] = []
    const found: Uint8Array[] = []
    let bytes = 0
    let more = false
    const records = live(contents.records)
    for (const { slot, afterSequence } of wanted) {
      let next = afterSequence + 1
      let seen = false
      for (const each of records) {
        const { kind, slot: of, sequence } = each.head
        if (of !== slot || kind !== recordKind.entry || sequence < next) continue
        if (sequence > next) break
        seen = true
        const { length } = view.at(each.bytes, each.offset)
        if (bytes > 0 && bytes + length > bytesMax) {
          more = true
          break
        }
        found.push(each.bytes.slice(each.offset, each.offset + length))
        bytes += length
        next++
      }
      if (!seen) missing.push(slot)
    }
    const joined = new Uint8Array(bytes)
    let at = 0
    for (const part of found) {
      joined.set(part, at)
      at += part.length
    }
    return { records: joined, more, missing }
  }

  static flushedSlot({ table }: ClusterContents, slot: number): FlushedSlot | undefined {
    const state = table.slots.get(slot)
    if (state === undefined || state.sequence < 0) return undefined
    let hash = 0
    let count = 0
    for (const [alias, entry] of table.entries) {
      if (entry.slot !== slot) continue
      hash = (hash + hashOf(alias, entry)) >>> 0
      count++
    }
    return { sequence: state.sequence, count, hash }
  }

  /** Aliases whose expiry has passed by this clock, of these slots. */
  expired(now: Now, serves: (slot: number) => boolean): string[] {
    const found: string[] = []
    for (const [alias, { slot, expiresAtMs }] of this.memory.entries)
      if (expiresAtMs !== 0 && expiresAtMs <= now.wallMs && serves(slot)) found.push(alias)
    return found
  }
}

export function hashOf(alias: string, { content, expiresAtMs }: Omit<TableEntry, "slot">): number {
  let hash = 0x811c9dc5
  const mix = (value: number) => (hash = Math.imul(hash ^ value, 0x01000193))
  for (let i = 0; i < alias.length; i++) mix(alias.charCodeAt(i))
  mix(0x100)
  if (content.length < 65_536) for (const byte of content) mix(byte)
  else for (const letter of textOfContent(content)) mix(letter.charCodeAt(0))
  mix(expiresAtMs % 0x7fffffff)
  return hash >>> 0
}
