/**
 * A node's table on disk, as a value: what the log held up to a position, applied. Written a second time and in another way
 * than the core does it: backwards first, to learn what is void, and then forwards.
 */
import { noResult, recordEffect, recordKind, RecordView } from "../../../src/core/entry/record.ts"
import { latin1 } from "../../support/map-memory.ts"
import type { LogRecord } from "./contents.ts"

export interface TableEntry {
  readonly slot: number
  readonly content: Uint8Array
  readonly expiresAtMs: number
  /** Its bytes do not match their checksum: it cannot be read, until it is written again. */
  readonly isDamaged?: boolean
}

export interface TableClient {
  readonly floor: number
  readonly results: ReadonlyMap<
    number,
    { readonly slot: number; readonly code: number; readonly content: Uint8Array | undefined }
  >
}

export interface TableSlot {
  readonly sequence: number
  readonly slotEpoch: number
  readonly slotClockMs: number
}

export interface Table {
  readonly position: number
  readonly slots: ReadonlyMap<number, TableSlot>
  readonly entries: ReadonlyMap<string, TableEntry>
  readonly clients: ReadonlyMap<string, TableClient>
}

export const emptyTable: Table = Object.freeze({
  position: 0,
  slots: new Map(),
  entries: new Map(),
  clients: new Map(),
})

/** Those that no `cut` or `reset` further on makes void; the notes themselves stay. */
export function live(records: readonly LogRecord[]): LogRecord[] {
  const kept: LogRecord[] = []
  const cutBehind = new Map<number, number>()
  const reset = new Set<number>()
  for (let i = records.length - 1; i >= 0; i--) {
    const each = records[i] as LogRecord
    const { kind, slot, sequence } = each.head
    if (kind === recordKind.forgetClients) kept.push(each)
    else if (reset.has(slot)) continue
    else if (kind === recordKind.reset) {
      reset.add(slot)
      kept.push(each)
    } else if (kind === recordKind.cut) {
      cutBehind.set(slot, Math.min(sequence, cutBehind.get(slot) ?? Infinity))
      kept.push(each)
    } else if (kind !== recordKind.entry || sequence <= (cutBehind.get(slot) ?? Infinity)) kept.push(each)
  }
  return kept.reverse()
}

/** @returns the table with the log up to `position` */
export function flushed(table: Table, records: readonly LogRecord[], position: number): Table {
  const slots = new Map(table.slots)
  const entries = new Map(table.entries)
  const clients = new Map(table.clients)
  /** Those that this table shares with no other yet. */
  const own = new Map<string, { floor: number; readonly results: Map<number, TableResult> }>()
  const set = (client: string, floor: number, number: number, result: TableResult | undefined) => {
    let row = own.get(client)
    if (row === undefined || clients.get(client) !== row) {
      const before = clients.get(client)
      row = { floor: before?.floor ?? 0, results: new Map(before?.results) }
      own.set(client, row)
      clients.set(client, row)
    }
    if (floor > row.floor) {
      row.floor = floor
      for (const n of row.results.keys()) if (n < floor) row.results.delete(n)
    }
    if (result !== undefined && number >= row.floor) row.results.set(number, result)
  }
  for (const each of live(records.filter(({ end }) => end > table.position && end <= position))) {
    const record = new RecordView().at(each.bytes, each.offset)
    const { bytes, slot, kind, number, floor, code, resultLength, resultOffset } = record
    const alias = latin1(bytes, record.aliasOffset, record.contentOffset)
    const client = latin1(bytes, record.clientOffset, record.clientOffset + 16)
    const content =
      resultLength === noResult ? undefined : bytes.slice(resultOffset, resultOffset + resultLength)
    const stored = {
      slot,
      content: bytes.slice(record.contentOffset, record.contentOffset + record.contentLength),
      expiresAtMs: record.expiresAtMs,
    }
    switch (kind) {
      case recordKind.entry: {
        if (record.effect === recordEffect.store) entries.set(alias, stored)
        else if (record.effect === recordEffect.remove) entries.delete(alias)
        if (number !== 0) set(client, floor, number, { slot, code, content })
        const before = slots.get(slot)
        if ((before?.sequence ?? 0) + 1 !== record.sequence)
          throw new Error(`flushes ${record.sequence} of slot ${slot} behind ${before?.sequence}`)
        const slotClockMs = Math.max(record.slotClockMs, before?.slotClockMs ?? 0)
        slots.set(slot, { sequence: record.sequence, slotEpoch: record.slotEpoch, slotClockMs })
        break
      }
      case recordKind.forgetClients:
        for (let at = 0; at < alias.length; at += 16) clients.delete(alias.slice(at, at + 16))
        break
      case recordKind.reset: {
        for (const [key, entry] of entries) if (entry.slot === slot) entries.delete(key)
        for (const [id, row] of clients) {
          const results = new Map([...row.results].filter(([, result]) => result.slot !== slot))
          clients.set(id, { floor: row.floor, results })
        }
        slots.set(slot, { sequence: -1, slotEpoch: 0, slotClockMs: 0 })
        break
      }
      case recordKind.install:
        entries.set(alias, stored)
        break
      case recordKind.installResult:
        set(client, floor, number, number === 0 ? undefined : { slot, code, content })
        break
      case recordKind.installed: {
        const { sequence, slotEpoch, slotClockMs } = record
        slots.set(slot, { sequence, slotEpoch, slotClockMs })
        break
      }
      default:
    }
  }
  return { position, slots, entries, clients }
}

type TableResult = {
  readonly slot: number
  readonly code: number
  readonly content: Uint8Array | undefined
}
