/**
 * When memory may be told that the table has caught up.
 *
 * Raising `flushedPosition` lets memory evict what was dirty. A load that read the table *before* the flush and comes in
 * *after* such an eviction would bring an outdated entry back. So news of a flush waits until the loads that were under way
 * when it came are in; loads that begin later read what was flushed.
 *
 * Nor does it pass the reset of a slot whose void entries are still resident (`memory/clearing.ts`): it comes up to there, and
 * goes on when they have left.
 */
import type { EntryTable } from "./memory/table.ts"
import type { Readers } from "./table/readers.ts"

export class FlushedGate {
  private readonly memory: EntryTable
  private readonly readers: Readers
  private newest = 0
  private waiting: { readonly position: number; readonly underWay: readonly number[] } | undefined

  constructor(memory: EntryTable, readers: Readers) {
    this.memory = memory
    this.readers = readers
  }

  /** The table holds everything up to `position`. */
  flushed(position: number): void {
    if (position <= this.newest) return
    this.newest = position
    this.check()
  }

  /** Loads came in, or void entries have left memory. */
  check(): void {
    if (this.waiting === undefined && this.newest > this.memory.flushedPosition)
      this.waiting = { position: this.newest, underWay: this.readers.underWay() }
    if (this.waiting === undefined || !this.readers.haveAnswered(this.waiting.underWay)) return
    const { position } = this.waiting
    const bound = this.memory.firstPendingReset - 1
    if (bound < position) {
      if (bound > this.memory.flushedPosition) this.memory.flushedPosition = bound
      return
    }
    this.memory.flushedPosition = position
    this.waiting = undefined
    if (this.newest > position) this.check()
  }
}
