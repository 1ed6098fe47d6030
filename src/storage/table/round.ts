/**
 * What one round of the flusher will write into one file: the last state of each key, slot and client that a stretch of
 * the log names. Its records are handed in *newest first* (`change-set.ts` argues why), so of everything the first that
 * comes counts.
 */
import { noResult, recordEffect, recordKind, type RecordView } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { partitionFiles } from "../../core/lib/limits.ts"
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

export interface SlotChange {
  readonly sequence: number
  readonly slotEpoch: number
  clockMs: number
  /** The key of this slot that was found last, in `changes`; -1 = none. */
  first: number
}

export class Round {
  readonly file: number
  readonly slots = new Map<number, SlotChange>()
  readonly changes = new ChangeSet()
  /** By client id, latin1. */
  readonly clients = new Map<string, ClientChange>()

  constructor(file: number) {
    this.file = file
  }

  /** Takes up a record of this file's slots, or one that forgets clients, which concerns every file. */
  add(record: RecordView): void {
    const { kind, slot } = record
    if (kind === recordKind.forgetClients) return this.forget(record)
    if (kind === recordKind.padding) return
    assert(slot % partitionFiles === this.file, "a record goes to its slot's file")
    const state = this.slot(slot, record)
    if (record.effect !== recordEffect.none) {
      const index = this.changes.add(record, state.first)
      if (index >= 0) state.first = index
    }
    if (record.number !== 0) this.result(slot, record)
  }

  private slot(slot: number, record: RecordView): SlotChange {
    let state = this.slots.get(slot)
    if (state === undefined) {
      const { sequence, slotEpoch, slotClockMs } = record
      state = { sequence, slotEpoch, clockMs: slotClockMs, first: -1 }
      this.slots.set(slot, state)
    } else assert(record.sequence < state.sequence, "records come newest first")
    return state
  }

  private client(client: string): ClientChange {
    let change = this.clients.get(client)
    if (change === undefined) {
      change = { client, floor: 0, forgotten: false, results: new Map() }
      this.clients.set(client, change)
    }
    return change
  }

  private result(slot: number, record: RecordView): void {
    const { bytes, clientOffset, resultLength, resultOffset, floor, number, code } = record
    const change = this.client(latin1(bytes, clientOffset, clientOffset + 16))
    if (change.forgotten) return
    if (floor > change.floor) change.floor = floor
    if (number < change.floor || change.results.has(number)) return
    const content =
      resultLength === noResult ? undefined : bytes.slice(resultOffset, resultOffset + resultLength)
    change.results.set(number, { slot, code, content })
  }

  private forget(record: RecordView): void {
    for (let at = record.aliasOffset; at < record.contentOffset; at += 16)
      this.client(latin1(record.bytes, at, at + 16)).forgotten = true
  }
}

/** Drops the results that the client has declared answered. */
export function dropAnswered(change: ClientChange): void {
  for (const known of change.results.keys()) if (known < change.floor) change.results.delete(known)
}
