/**
 * Memory's upkeep while the node runs: a piece of it per turn, and more turns while there is more; a round of the flusher if that is what it
 * takes.
 */
import { maintainStepsPerTurn } from "../core/lib/limits.ts"
import type { FlushedGate } from "./flushed-gate.ts"
import type { EntryTable } from "./memory/table.ts"

export interface UpkeepEvents {
  /** Memory is full of changes: the flusher is wanted now. */
  readonly onFull: () => void
  /** It was so full that writers were stopped, and is not any more. */
  readonly onRoom: () => void
}

export class UpkeepTurns {
  private readonly memory: EntryTable
  private readonly gate: FlushedGate
  private readonly events: UpkeepEvents
  private wasOverDirty = false
  private hasAsked = false
  private isScheduled = false
  private hasEnded = false

  constructor(memory: EntryTable, gate: FlushedGate, events: UpkeepEvents) {
    this.memory = memory
    this.gate = gate
    this.events = events
  }

  /** A round of the flusher is over: what was not enough is asked for again. */
  roundOver(): void {
    this.hasAsked = false
  }

  /** For the end of each turn, and where the flusher has told of something. */
  take(): void {
    if (this.isScheduled) return
    const more = this.memory.maintain(maintainStepsPerTurn)
    const { overDirty } = this.memory
    const wantsFlush = overDirty || this.memory.wantsFlush
    if (wantsFlush && !this.hasAsked) this.events.onFull()
    this.hasAsked = wantsFlush
    if (!overDirty && this.wasOverDirty) this.events.onRoom()
    this.wasOverDirty = overDirty
    if (!more) this.gate.check()
    if (!more || this.hasEnded) return
    this.isScheduled = true
    setImmediate(() => {
      this.isScheduled = false
      this.take()
    })
  }

  /** No further turns by itself. */
  end(): void {
    this.hasEnded = true
  }
}
