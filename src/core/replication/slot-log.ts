/**
 * The log of one slot: operations numbered `(slotEpoch, sequence)` without gaps. The sequence goes on over slot epochs, as
 * an index goes on over terms in Raft.
 *
 * A record commits when every in-sync replica has appended it durably. While this node is the only one, that is the
 * moment its own append is durable; the order of commits is the order of the log either way.
 */
import { assert } from "../lib/assert.ts"

export class SlotLog {
  readonly slot: number
  /** The epoch in which this node numbers new records. */
  slotEpoch: number
  /** Last number given. */
  sequence = 0
  committedSequence = 0
  /** The slot's clock: never goes back, so that what has expired stays so whoever is primary (cluster.md, "Expiry"). */
  clockMs = 0

  constructor(slot: number, slotEpoch: number) {
    this.slot = slot
    this.slotEpoch = slotEpoch
  }

  /** @returns the slot's clock, moved forward to the wall clock if that is ahead */
  now(wallMs: number): number {
    if (wallMs > this.clockMs) this.clockMs = wallMs
    return this.clockMs
  }

  nextSequence(): number {
    return ++this.sequence
  }

  commit(sequence: number): void {
    assert(sequence === this.committedSequence + 1, "commits follow the log without gaps")
    assert(sequence <= this.sequence, "only what was numbered is committed")
    this.committedSequence = sequence
  }
}
