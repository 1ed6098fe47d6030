/**
 * Rebuilds slots and the exactly-once table from what storage recovered: first what the table on disk knew, then the log's
 * tail. Clients' rows begin their ten minutes anew, since no clock of before the restart can be trusted.
 *
 * Each record says how many of its slot were not known to be committed when it was written (`uncommitted`): what lies in
 * front of those is committed and applied here; the rest is prepared, as it was, and a primary decides about it.
 */
import { absent } from "../entry/memory.ts"
import { recordKind, type RecordView } from "../entry/record.ts"
import { assert } from "../lib/assert.ts"
import { applyRecord, forgottenClients } from "./apply.ts"
import { Prepared } from "./prepared.ts"
import type { Replication } from "./replication.ts"
import type { SlotLog } from "./slot-log.ts"

export class Recovery {
  private readonly replication: Replication
  private readonly now: { readonly monotonicMs: number; readonly wallMs: number }
  /** Where the record before ended. */
  private position = 0

  /** @param nowMs monotonic */
  constructor(replication: Replication, nowMs: number) {
    this.replication = replication
    this.now = { monotonicMs: nowMs, wallMs: 0 }
  }

  /** What the table on disk knew of a slot. */
  slot(state: {
    readonly slot: number
    readonly sequence: number
    readonly slotEpoch: number
    readonly slotClockMs: number
  }): void {
    const log = this.replication.slot(state.slot)
    log.restart(state.slotEpoch, state.sequence)
    log.clockMs = state.slotClockMs
  }

  /** One stored result of the table on disk. */
  result(stored: {
    readonly slot: number
    readonly client: string
    readonly floor: number
    readonly number: number
    readonly code: number
    readonly content: Uint8Array | undefined
  }): void {
    const row = this.replication.clients.row(stored.client, this.now.monotonicMs)
    row.raiseFloor(stored.floor)
    // A client with a floor and no results is told once, with number 0.
    if (stored.number !== 0) row.store(stored.number, stored.slot, stored.code, stored.content)
  }

  /** One record of the log's tail. A slot's rows may be newer than the tail's beginning: those records are skipped. */
  record(record: RecordView, position: number): void {
    this.replay(record, position)
    this.position = position
    const { queue } = this.replication
    if (queue.oldest === undefined) queue.settledPosition = position
  }

  private replay(record: RecordView, position: number): void {
    const { replication } = this
    const { clients } = replication
    switch (record.kind) {
      case recordKind.padding:
        return
      case recordKind.forgetClients:
        for (const client of forgottenClients(record, replication.textOf)) clients.forget(client)
        return
      case recordKind.cut:
        this.voidBehind(replication.slot(record.slot), record.sequence, position)
        return
      case recordKind.reset: {
        const slot = replication.slot(record.slot)
        this.voidBehind(slot, slot.committedSequence, position)
        slot.restart(0, -1)
        replication.memory.dropSlot?.(slot.slot, position)
        clients.dropSlot(slot.slot)
        return
      }
      case recordKind.entry:
        this.entry(replication.slot(record.slot), record, position)
        return
      default:
        replication.applyNote(record, replication.slot(record.slot), position, this.now)
    }
  }

  private voidBehind(slot: SlotLog, sequence: number, position: number): void {
    // What the table holds already was void and is not there.
    if (slot.isIncomplete || sequence >= slot.sequence) return
    const { queue } = this.replication
    for (let gone = slot.cut(sequence); gone !== undefined; gone = gone.nextInSlot) {
      queue.void(gone, position)
      gone.row?.unprepare(gone.number)
    }
  }

  private entry(slot: SlotLog, record: RecordView, position: number): void {
    const { replication, now } = this
    const { sequence, uncommitted } = record
    if (sequence <= slot.committedSequence) return
    assert(sequence === slot.sequence + 1, "a slot's log has no gaps")
    slot.sequence = sequence
    slot.durableSequence = sequence
    slot.numbered(record.slotEpoch, sequence)
    slot.now(record.slotClockMs)
    if (uncommitted === 0 && slot.first === undefined) {
      slot.committedSequence = sequence
      let row
      if (record.number !== 0) {
        row = clientRow(replication, record, now.monotonicMs)
        row.raiseFloor(record.floor)
      }
      applyRecord(replication.memory, record, row, false, position, absent)
      return
    }
    const row = record.number === 0 ? undefined : replication.rowOf(record, now)
    const bytes = record.bytes.slice(record.offset, record.offset + record.length)
    const { number } = record
    const prepared = new Prepared(slot, sequence, bytes, 0, position, row, number, undefined, 0, 0, Infinity)
    prepared.isCopied = true
    slot.push(prepared)
    replication.queue.pushRecovered(prepared, this.position)
    replication.commitUpTo(slot, sequence - uncommitted, now)
  }
}

function clientRow(replication: Replication, record: RecordView, nowMs: number) {
  const { bytes, clientOffset } = record
  return replication.clients.row(replication.textOf(bytes, clientOffset, clientOffset + 16), nowMs)
}
