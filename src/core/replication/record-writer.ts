/**
 * Puts the records of a slot's log into the sink: numbers them, and copies alias, content and result behind the header.
 */
import type { CurrentEntry } from "../entry/current.ts"
import { type Outcome, source } from "../entry/evaluate.ts"
import {
  noResult,
  recordBytes,
  recordEffect,
  recordHeaderBytes,
  recordKind,
  recordOffset,
  writeRecordHeader,
} from "../entry/record.ts"
import type { Request } from "../entry/request.ts"
import type { ClientRow } from "./client-row.ts"
import { Prepared, type Requester } from "./prepared.ts"
import type { RecordSink } from "./sink.ts"
import type { SlotLog } from "./slot-log.ts"

export class RecordWriter {
  private readonly sink: RecordSink

  constructor(sink: RecordSink) {
    this.sink = sink
  }

  /** The record of a client's write. `alias` is latin1; `nowMs` the slot's clock. */
  write(
    slot: SlotLog,
    row: ClientRow,
    request: Request,
    current: CurrentEntry,
    outcome: Outcome,
    alias: string,
    requester: Requester,
    nowMs: number,
  ): Prepared {
    const { sink } = this
    const aliasLength = request.aliasEnd - request.aliasStart
    const contentLength = lengthOf(outcome.content, request, current)
    const resultLength = outcome.result === source.nothing ? noResult : current.length
    const sequence = slot.nextSequence()
    const offset = sink.reserve(recordBytes(aliasLength, contentLength, resultLength))
    const { bytes } = sink
    writeRecordHeader(
      sink.view,
      offset,
      recordKind.entry,
      outcome.effect,
      slot.slot,
      slot.slotEpoch,
      outcome.code,
      sequence,
      nowMs,
      outcome.expiresAtMs,
      request.number,
      request.floor,
      request.opcode,
      aliasLength,
      contentLength,
      resultLength,
    )
    copy(request.bytes, request.clientStart, bytes, offset + recordOffset.client, 16)
    let at = offset + recordHeaderBytes
    copy(request.bytes, request.aliasStart, bytes, at, aliasLength)
    at += aliasLength
    if (outcome.content === source.request)
      copy(request.bytes, request.contentStart, bytes, at, contentLength)
    else if (outcome.content === source.current) current.copy(bytes, at)
    at += contentLength
    if (resultLength !== noResult) current.copy(bytes, at)
    const changed = outcome.effect === recordEffect.none ? undefined : alias
    const { position } = sink
    const { number, requestId, arrivedMs } = request
    return new Prepared(
      slot,
      sequence,
      bytes,
      offset,
      position,
      changed,
      row,
      number,
      requester,
      requestId,
      arrivedMs,
    )
  }

  /** The removal of an entry that has expired: the node's own record, no client's. */
  removeExpired(slot: SlotLog, alias: string, bytes: Uint8Array, start: number, end: number): Prepared {
    const prepared = this.own(slot, recordKind.entry, recordEffect.remove, end - start, alias)
    copy(bytes, start, prepared.bytes, prepared.offset + recordHeaderBytes, end - start)
    return prepared
  }

  /** Drops the rows of clients (16 latin1 characters each) that have been silent for too long: of no slot, so not numbered. */
  forgetClients(clients: readonly string[]): Prepared {
    const { none } = recordEffect
    const prepared = this.own(undefined, recordKind.forgetClients, none, clients.length * 16, undefined)
    let at = prepared.offset + recordHeaderBytes
    for (const id of clients) for (let i = 0; i < 16; i++) prepared.bytes[at++] = id.charCodeAt(i)
    return prepared
  }

  private own(
    slot: SlotLog | undefined,
    kind: number,
    effect: number,
    aliasLength: number,
    alias: string | undefined,
  ): Prepared {
    const { sink } = this
    const sequence = slot?.nextSequence() ?? 0
    const offset = sink.reserve(recordBytes(aliasLength, 0, noResult))
    const { bytes, view, position } = sink
    const [index, epoch, clockMs] = slot === undefined ? [0, 0, 0] : [slot.slot, slot.slotEpoch, slot.clockMs]
    writeRecordHeader(
      view,
      offset,
      kind,
      effect,
      index,
      epoch,
      0,
      sequence,
      clockMs,
      0,
      0,
      0,
      0,
      aliasLength,
      0,
      noResult,
    )
    bytes.fill(0, offset + recordOffset.client, offset + recordOffset.client + 16)
    return new Prepared(slot, sequence, bytes, offset, position, alias, undefined, 0, undefined, 0, 0)
  }
}

function lengthOf(from: number, request: Request, current: CurrentEntry): number {
  if (from === source.nothing) return 0
  return from === source.request ? request.contentEnd - request.contentStart : current.length
}

/** A loop beats `set(subarray)` for the short ranges that aliases and most contents are: no view is allocated. */
function copy(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  if (length > 256) {
    to.set(from.subarray(start, start + length), at)
    return
  }
  for (let i = 0; i < length; i++) to[at + i] = from[start + i] as number
}
