/**
 * What one round of the flusher will write into one file: the last state of each key and of each client that the log's
 * batches name, gathered record by record. Contents are copied out of the batches into an arena, so that batches need not
 * stay and no small buffers are made.
 */
import { noResult, recordEffect, recordKind, type RecordView } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { partitionFiles } from "../../core/lib/limits.ts"
import { latin1 } from "../../platform/latin1.ts"
import type { ClientResult } from "./results.ts"

/** The last effect on a key. */
export interface Change {
  readonly slot: number
  /** Alias, then content. */
  readonly bytes: Uint8Array
  readonly offset: number
  readonly aliasLength: number
  /** -1: removed. */
  readonly contentLength: number
  readonly expiresAtMs: number
}

export interface ClientChange {
  /** latin1 */
  readonly client: string
  floor: number
  /** What the file holds of this client is to be dropped first. */
  forgotten: boolean
  readonly results: Map<number, ClientResult>
  /** With so many, those below the floor are dropped. */
  resultsMax: number
}

const resultsMin = 64

/** Drops the results that the client has declared answered. */
export function dropAnswered(change: ClientChange): void {
  for (const known of change.results.keys()) if (known < change.floor) change.results.delete(known)
}

export interface SlotChange {
  sequence: number
  slotEpoch: number
  clockMs: number
  /** By alias, latin1. */
  readonly changes: Map<string, Change>
}

const chunkBytes = 4 * 1024 * 1024

export class Round {
  readonly file: number
  readonly slots = new Map<number, SlotChange>()
  /** By client id, latin1. */
  readonly clients = new Map<string, ClientChange>()
  private chunk = new Uint8Array(0)
  private used = 0

  constructor(file: number) {
    this.file = file
  }

  /** Takes up a record of this file's slots, or one that forgets clients, which concerns every file. */
  add(record: RecordView): void {
    const { kind, slot } = record
    if (kind === recordKind.forgetClients) return this.forget(record)
    if (kind === recordKind.padding) return
    assert(slot % partitionFiles === this.file, "a record goes to its slot's file")
    const state = this.slot(slot)
    state.sequence = record.sequence
    state.slotEpoch = record.slotEpoch
    state.clockMs = record.slotClockMs
    const { effect, number } = record
    if (effect !== recordEffect.none) this.change(state, slot, record, effect)
    if (number !== 0) this.result(slot, record, number)
  }

  private slot(slot: number): SlotChange {
    let state = this.slots.get(slot)
    if (state === undefined) {
      state = { sequence: 0, slotEpoch: 0, clockMs: 0, changes: new Map() }
      this.slots.set(slot, state)
    }
    return state
  }

  private change(state: SlotChange, slot: number, record: RecordView, effect: number): void {
    const { aliasLength, aliasOffset } = record
    const stored = effect === recordEffect.store
    const contentLength = stored ? record.contentLength : 0
    const offset = this.keep(record.bytes, aliasOffset, aliasLength + contentLength)
    state.changes.set(latin1(record.bytes, aliasOffset, aliasOffset + aliasLength), {
      slot,
      bytes: this.chunk,
      offset,
      aliasLength,
      contentLength: stored ? contentLength : -1,
      expiresAtMs: stored ? record.expiresAtMs : 0,
    })
  }

  private client(client: string): ClientChange {
    let change = this.clients.get(client)
    if (change === undefined) {
      change = { client, floor: 0, forgotten: false, results: new Map(), resultsMax: resultsMin }
      this.clients.set(client, change)
    }
    return change
  }

  private result(slot: number, record: RecordView, number: number): void {
    const { bytes, clientOffset, resultLength, resultOffset, floor, code } = record
    const change = this.client(latin1(bytes, clientOffset, clientOffset + 16))
    if (floor > change.floor) change.floor = floor
    // What the floor has passed is dropped now and then, and once more before it is written.
    if (change.results.size >= change.resultsMax) {
      dropAnswered(change)
      change.resultsMax = Math.max(resultsMin, 2 * change.results.size)
    }
    let content: Uint8Array | undefined
    if (resultLength !== noResult) {
      const offset = this.keep(bytes, resultOffset, resultLength)
      content = this.chunk.subarray(offset, offset + resultLength)
    }
    change.results.set(number, { slot, code, content })
  }

  private forget(record: RecordView): void {
    for (let at = record.aliasOffset; at < record.contentOffset; at += 16) {
      const change = this.client(latin1(record.bytes, at, at + 16))
      change.forgotten = true
      change.floor = 0
      change.results.clear()
    }
  }

  /** Copies into the arena. @returns where in `chunk` */
  private keep(bytes: Uint8Array, start: number, length: number): number {
    if (this.used + length > this.chunk.length) {
      this.chunk = new Uint8Array(Math.max(chunkBytes, length))
      this.used = 0
    }
    const offset = this.used
    if (length < 256) for (let i = 0; i < length; i++) this.chunk[offset + i] = bytes[start + i] as number
    else this.chunk.set(bytes.subarray(start, start + length), offset)
    this.used += length
    return offset
  }
}
