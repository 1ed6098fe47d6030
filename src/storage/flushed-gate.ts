/**
 * When memory may be told that a file of the table has caught up.
 *
 * That lets memory evict what was dirty. A load that read the table *before* the flush and comes in
 * *after* such an eviction would bring an outdated entry back. So news of a flush waits until the loads that were under way
 * when it came are in; loads that begin later read what was flushed.
 *
 * Nor does it pass the reset of a slot whose void entries are still resident (`memory/clearing.ts`): it comes up to there, and
 * goes on when they have left.
 */
import { partitionFiles } from "../core/lib/limits.ts"
import type { EntryTable } from "./memory/table.ts"
import type { Readers } from "./table/readers.ts"

export class FlushedGate {
  private readonly memory: EntryTable
  private readonly readers: Readers
  /** Of each file. */
  private readonly newest = new Float64Array(partitionFiles)
  private waiting: { readonly positions: Float64Array; readonly underWay: readonly number[] } | undefined

  constructor(memory: EntryTable, readers: Readers) {
    this.memory = memory
    this.readers = readers
  }

  /** @param positions up to where each file holds everything */
  flushed(positions: Float64Array): void {
    this.newest.set(positions)
    this.check()
  }

  /** Loads came in, or void entries have left memory. */
  check(): void {
    const { memory, readers, newest } = this
    if (this.waiting === undefined && isNews(memory, newest))
      this.waiting = { positions: newest.slice(), underWay: readers.underWay() }
    if (this.waiting === undefined || !readers.haveAnswered(this.waiting.underWay)) return
    const { positions } = this.waiting
    const bound = memory.firstPendingReset - 1
    positions.forEach((position, file) => {
      const possible = Math.min(position, bound)
      if (possible > memory.flushedPosition(file)) memory.flushedTo(file, possible)
    })
    if (isNews(memory, positions)) return
    this.waiting = undefined
    if (isNews(memory, newest)) this.check()
  }
}

function isNews(memory: EntryTable, positions: Float64Array): boolean {
  return positions.some((position, file) => position > memory.flushedPosition(file))
}
