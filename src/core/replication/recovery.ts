/**
 * Rebuilds slots and the exactly-once table from what storage recovered: first what the table on disk knew, then the log's
 * tail. Clients' rows begin their ten minutes anew, since no clock of before the restart can be trusted.
 */
import { absent, type EntryMemory } from "../entry/memory.ts"
import { recordKind, type RecordView } from "../entry/record.ts"
import { assert } from "../lib/assert.ts"
import { applyRecord, forgottenClients } from "./apply.ts"
import type { ClientRow } from "./client-row.ts"
import type { Clients, Text } from "./clients.ts"
import type { SlotLog } from "./slot-log.ts"

export class Recovery {
  private readonly slots: readonly SlotLog[]
  private readonly clients: Clients
  private readonly memory: EntryMemory
  private readonly text: Text
  private readonly nowMs: number

  /** @param nowMs monotonic */
  constructor(slots: readonly SlotLog[], clients: Clients, memory: EntryMemory, text: Text, nowMs: number) {
    this.slots = slots
    this.clients = clients
    this.memory = memory
    this.text = text
    this.nowMs = nowMs
  }

  /** What the table on disk knew of a slot. */
  slot(state: { readonly slot: number; readonly sequence: number; readonly slotClockMs: number }): void {
    const log = this.log(state.slot)
    log.sequence = state.sequence
    log.committedSequence = state.sequence
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
    const row = this.clients.row(stored.client, this.nowMs)
    row.raiseFloor(stored.floor)
    // A client with a floor and no results is told once, with number 0.
    if (stored.number !== 0) row.store(stored.number, stored.slot, stored.code, stored.content)
  }

  /** One record of the log's tail. A slot's rows may be newer than the tail's beginning: those records are skipped. */
  record(record: RecordView, position: number): void {
    if (record.kind === recordKind.forgetClients) {
      for (const client of forgottenClients(record, this.text)) this.clients.forget(client)
      return
    }
    const slot = this.log(record.slot)
    if (record.sequence <= slot.committedSequence) return
    assert(record.sequence === slot.sequence + 1, "a slot's log has no gaps")
    slot.sequence = record.sequence
    slot.now(record.slotClockMs)
    slot.commit(record.sequence)
    let row: ClientRow | undefined
    if (record.number !== 0) {
      row = this.clients.row(
        this.text(record.bytes, record.clientOffset, record.clientOffset + 16),
        this.nowMs,
      )
      row.raiseFloor(record.floor)
    }
    applyRecord(this.memory, record, row, false, position, absent)
  }

  private log(slot: number): SlotLog {
    const log = this.slots[slot]
    assert(log !== undefined, "a slot below the slot count")
    return log
  }
}
