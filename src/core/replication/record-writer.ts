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
  type RecordView,
  writeRecordHeader,
} from "../entry/record.ts"
import type { Request } from "../entry/request.ts"
import type { ClientRow } from "./client-row.ts"
import { Prepared, type Requester } from "./prepared.ts"
import type { SnapshotResult } from "../node/data-message.ts"
import type { RecordSink } from "./sink.ts"
import type { SlotLog } from "./slot-log.ts"
import type { SlotEntry } from "./transfer.ts"

export class RecordWriter {
  private readonly sink: RecordSink

  constructor(sink: RecordSink) {
    this.sink = sink
  }

  /** The record of a client's write. `nowMs` is the slot's clock. */
  write(
    slot: SlotLog,
    row: ClientRow,
    request: Request,
    current: CurrentEntry,
    outcome: Outcome,
    requester: Requester,
    nowMs: number,
  ): Prepared {
    const { sink } = this
    const aliasLength = request.aliasEnd - request.aliasStart
    const contentLength = lengthOf(outcome.content, request, current)
    const resultLength = outcome.result === source.nothing ? noResult : current.length
    const uncommitted = slot.uncommittedNext()
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
      // All that the client has said, also with requests for other slots.
      row.floor,
      request.opcode,
      aliasLength,
      contentLength,
      resultLength,
      uncommitted,
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
    const { position } = sink
    const { number, requestId, arrivedMs } = request
    return new Prepared(
      slot,
      sequence,
      bytes,
      offset,
      position,
      row,
      number,
      requester,
      requestId,
      arrivedMs,
      arrivedMs + request.timeLeftMs,
    )
  }

  /** The removal of an entry that has expired: the node's own record, no client's. */
  removeExpired(slot: SlotLog, bytes: Uint8Array, start: number, end: number): Prepared {
    const uncommitted = slot.uncommittedNext()
    const sequence = slot.nextSequence()
    const { slotEpoch, clockMs } = slot
    const header: Header = {
      ...plain,
      effect: recordEffect.remove,
      slot: slot.slot,
      slotEpoch,
      sequence,
      clockMs,
    }
    const at = this.reserve({ ...header, aliasLength: end - start, uncommitted })
    const { sink } = this
    copy(bytes, start, sink.bytes, at + recordHeaderBytes, end - start)
    const { position } = sink
    return new Prepared(slot, sequence, sink.bytes, at, position, undefined, 0, undefined, 0, 0, Infinity)
  }

  /** An entry that changes nothing and begins a slot's history anew (`forsaken.ts`). */
  beginning(slot: SlotLog): Prepared {
    const uncommitted = slot.uncommittedNext()
    const sequence = slot.nextSequence()
    const { slotEpoch, clockMs } = slot
    const at = this.reserve({ ...plain, slot: slot.slot, slotEpoch, sequence, clockMs, uncommitted })
    const { bytes, position } = this.sink
    return new Prepared(slot, sequence, bytes, at, position, undefined, 0, undefined, 0, 0, Infinity)
  }

  /** A record of another node's log, verbatim but for what is this log's own. */
  copy(slot: SlotLog, row: ClientRow | undefined, record: RecordView, uncommitted: number): Prepared {
    const { sink } = this
    const { length, sequence, number } = record
    const at = sink.reserve(length)
    record.copyTo(sink.bytes, sink.view, at)
    sink.view.setUint32(at + recordOffset.uncommitted, uncommitted, true)
    const { bytes, position } = sink
    return new Prepared(slot, sequence, bytes, at, position, row, number, undefined, 0, 0, Infinity)
  }

  // Notes of the node's own

  /** Drops the rows of clients (16 latin1 characters each) that have been silent for too long. */
  forgetClients(clients: readonly string[]): Prepared {
    const { forgetClients } = recordKind
    const note = this.note({ ...plain, kind: forgetClients, aliasLength: clients.length * 16 })
    let at = note.offset + recordHeaderBytes
    for (const id of clients) {
      writeText(note.bytes, at, id)
      at += 16
    }
    return note
  }

  /** What stands in the log of the slot behind `sequence` is void. */
  cut(slot: number, sequence: number): Prepared {
    return this.note({ ...plain, kind: recordKind.cut, slot, sequence })
  }

  /** All of the slot is void; a snapshot of this state follows, or none (sequence -1). */
  reset(slot: number, slotEpoch: number, sequence: number, clockMs: number): Prepared {
    return this.note({ ...plain, kind: recordKind.reset, slot, slotEpoch, sequence, clockMs })
  }

  install(slot: number, { alias, content, expiresAtMs }: SlotEntry): Prepared {
    const note = this.note({
      ...plain,
      kind: recordKind.install,
      effect: recordEffect.store,
      slot,
      expiresAtMs,
      aliasLength: alias.length,
      contentLength: content.length,
    })
    const at = note.offset + recordHeaderBytes
    copy(alias, 0, note.bytes, at, alias.length)
    copy(content, 0, note.bytes, at + alias.length, content.length)
    return note
  }

  installResult(slot: number, result: SnapshotResult): Prepared {
    const { client, number, floor, code, content } = result
    const resultLength = content === undefined ? noResult : content.length
    const kind = recordKind.installResult
    const note = this.note({ ...plain, kind, slot, number, floor, code, resultLength })
    writeText(note.bytes, note.offset + recordOffset.client, client)
    if (content !== undefined) copy(content, 0, note.bytes, note.offset + recordHeaderBytes, content.length)
    return note
  }

  installed(slot: number, slotEpoch: number, sequence: number, clockMs: number): Prepared {
    return this.note({ ...plain, kind: recordKind.installed, slot, slotEpoch, sequence, clockMs })
  }

  private note(header: Header): Prepared {
    const at = this.reserve(header)
    const { bytes, position } = this.sink
    return new Prepared(undefined, 0, bytes, at, position, undefined, 0, undefined, 0, 0, Infinity)
  }

  /** Writes a record's header, of no client. @returns where it begins in the sink's bytes */
  private reserve(header: Header): number {
    const { sink } = this
    const { aliasLength, contentLength, resultLength } = header
    const at = sink.reserve(recordBytes(aliasLength, contentLength, resultLength))
    writeRecordHeader(
      sink.view,
      at,
      header.kind,
      header.effect,
      header.slot,
      header.slotEpoch,
      header.code,
      header.sequence,
      header.clockMs,
      header.expiresAtMs,
      header.number,
      header.floor,
      0,
      aliasLength,
      contentLength,
      resultLength,
      header.uncommitted,
    )
    sink.bytes.fill(0, at + recordOffset.client, at + recordOffset.client + 16)
    return at
  }
}

/** A record's header where no request gives it. */
interface Header {
  readonly kind: number
  readonly effect: number
  readonly slot: number
  readonly slotEpoch: number
  readonly code: number
  readonly sequence: number
  readonly clockMs: number
  readonly expiresAtMs: number
  readonly number: number
  readonly floor: number
  readonly aliasLength: number
  readonly contentLength: number
  readonly resultLength: number
  readonly uncommitted: number
}

const plain: Header = {
  kind: recordKind.entry,
  effect: recordEffect.none,
  slot: 0,
  slotEpoch: 0,
  code: 0,
  sequence: 0,
  clockMs: 0,
  expiresAtMs: 0,
  number: 0,
  floor: 0,
  aliasLength: 0,
  contentLength: 0,
  resultLength: noResult,
  uncommitted: 0,
}

function writeText(bytes: Uint8Array, at: number, latin1: string): void {
  for (let i = 0; i < latin1.length; i++) bytes[at + i] = latin1.charCodeAt(i)
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
