/**
 * What one round of the flusher will write into one file: the last state of each key, slot and client that a stretch of
 * the log names. Its records are handed in *newest first* (`change-set.ts` argues why), so of everything the first that
 * comes counts, and a note that voids what is older comes before it:
 *
 * - behind a `cut`, records of the slot above its sequence are passed by;
 * - behind a `reset`, everything of the slot is, and so are the rows that the file has of it;
 * - behind an `installed`, which says the whole state, only what was installed counts.
 */
import { noResult, recordEffect, recordKind, type RecordView } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { partitionFiles, slotCountDefault } from "../../core/lib/limits.ts"
import { RecentIds } from "../../core/lib/recent-ids.ts"
import { latin1 } from "../../platform/latin1.ts"
import { ChangeSet } from "./change-set.ts"
import type { ClientResult } from "./results.ts"

export interface ClientChange {
  /** latin1 */
  readonly client: string
  floor: number
  /** What the file holds of this client is to be dropped first, and what is older in the log does not count. */
  forgotten: boolean
  readonly results: Map<number, ClientResult>
}

export interface SlotState {
  /** -1: incomplete. */
  readonly sequence: number
  readonly slotEpoch: number
  readonly clockMs: number
}

export interface SlotChange {
  /** The state afterwards; undefined: the file's. */
  state: SlotState | undefined
  /** What the file holds of this slot is to be dropped first, and what is older in the log does not count. */
  reset: boolean
  /** What is older in the log is of the snapshot, or does not count. */
  installed: boolean
  /** Higher sequences do not count. */
  kept: number
  /** The sequence of the oldest record so far. */
  oldest: number
  /** The key of this slot that was found last, in `changes`; -1 = none. */
  first: number
}

/** Of an object and its place in a map, about. */
const resultKeptBytes = 128

const incomplete: SlotState = { sequence: -1, slotEpoch: 0, clockMs: 0 }

export class Round {
  readonly file: number
  readonly slots = new Map<number, SlotChange>()
  /** The same, of the file's n-th slot: each record asks. */
  private readonly bySlot: (SlotChange | undefined)[] = new Array(slotCountDefault / partitionFiles).fill(
    undefined,
  )
  readonly changes = new ChangeSet()
  /** By client id, latin1. */
  readonly clients = new Map<string, ClientChange>()
  private readonly recent = new RecentIds<ClientChange>()

  /** Of results, with what keeping one takes. */
  private resultBytes = 0
  /** The file holds everything up to this batch. */
  private readonly applied: number

  constructor(file: number, applied: number) {
    this.file = file
    this.applied = applied
  }

  /** What is gathered takes so much memory. */
  get bytes(): number {
    return this.changes.bytes + this.resultBytes
  }

  /** Takes up a record if it is of this file's slots, or if it forgets clients, which concerns every file. */
  add(record: RecordView, batch: number): void {
    if (batch <= this.applied) return
    const { kind } = record
    if (kind === recordKind.forgetClients) return this.forget(record)
    if (kind === recordKind.padding || record.slot % partitionFiles !== this.file) return
    const change = this.slot(record.slot)
    if (change.reset) return
    if (kind === recordKind.entry) this.entry(change, record)
    else this.note(change, record)
  }

  private entry(change: SlotChange, record: RecordView): void {
    const { sequence } = record
    if (change.installed || sequence > change.kept) return
    assert(sequence < change.oldest, "records come newest first")
    change.oldest = sequence
    change.state ??= stateOf(record)
    if (record.effect !== recordEffect.none) this.change(change, record)
    if (record.number !== 0) this.result(record)
  }

  private note(change: SlotChange, record: RecordView): void {
    switch (record.kind) {
      case recordKind.cut:
        change.kept = Math.min(change.kept, record.sequence)
        return
      case recordKind.reset:
        change.reset = true
        change.state ??= incomplete
        return
      case recordKind.installed:
        change.installed = true
        change.state ??= stateOf(record)
        return
      case recordKind.install:
        return this.change(change, record)
      case recordKind.installResult:
        return this.result(record)
      default:
        assert(false, `a record of an unknown kind, ${record.kind}`)
    }
  }

  private change(change: SlotChange, record: RecordView): void {
    const index = this.changes.add(record, change.first)
    if (index >= 0) change.first = index
  }

  private slot(slot: number): SlotChange {
    const place = (slot / partitionFiles) | 0
    let change = this.bySlot[place]
    if (change === undefined) {
      change = {
        state: undefined,
        reset: false,
        installed: false,
        kept: Infinity,
        oldest: Infinity,
        first: -1,
      }
      this.slots.set(slot, change)
      this.bySlot[place] = change
    }
    return change
  }

  private client(client: string): ClientChange {
    let change = this.clients.get(client)
    if (change === undefined) {
      change = { client, floor: 0, forgotten: false, results: new Map() }
      this.clients.set(client, change)
    }
    return change
  }

  private clientOf({ bytes, clientOffset }: RecordView): ClientChange {
    let change = this.recent.find(bytes, clientOffset)
    if (change === undefined) {
      change = this.client(latin1(bytes, clientOffset, clientOffset + 16))
      this.recent.keep(bytes, clientOffset, change)
    }
    return change
  }

  private result(record: RecordView): void {
    const { bytes, resultLength, resultOffset, slot, floor, number, code } = record
    const change = this.clientOf(record)
    if (change.forgotten) return
    if (floor > change.floor) change.floor = floor
    // A floor may come alone.
    if (number === 0 || number < change.floor || change.results.has(number)) return
    const content =
      resultLength === noResult ? undefined : bytes.slice(resultOffset, resultOffset + resultLength)
    change.results.set(number, { slot, code, content })
    this.resultBytes += resultKeptBytes + (content?.length ?? 0)
  }

  private forget(record: RecordView): void {
    for (let at = record.aliasOffset; at < record.contentOffset; at += 16)
      this.client(latin1(record.bytes, at, at + 16)).forgotten = true
  }
}

function stateOf({ sequence, slotEpoch, slotClockMs }: RecordView): SlotState {
  return { sequence, slotEpoch, clockMs: slotClockMs }
}

/** Drops the results that the client has declared answered. */
export function dropAnswered(change: ClientChange): void {
  for (const known of change.results.keys()) if (known < change.floor) change.results.delete(known)
}
