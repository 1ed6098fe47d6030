/**
 * What of memory the table's files hold. Each file comes on by itself, so that one of eight at a time is brought up to date
 * and what is clean then may leave memory, while the others are not waited for: dirty is half of what lies between
 * two flushes of a file, and not all of it.
 */
import { partitionFiles } from "../../core/lib/limits.ts"
import { DirtyLedger } from "./dirty-ledger.ts"

export class FlushProgress {
  private readonly positions = new Float64Array(partitionFiles)
  private readonly ledgers: readonly DirtyLedger[]

  constructor(ledger: () => DirtyLedger = () => new DirtyLedger()) {
    this.ledgers = Array.from({ length: partitionFiles }, ledger)
  }

  /** The file holds everything of its slots up to here. */
  positionOf(file: number): number {
    return this.positions[file] as number
  }

  /** Never falls. */
  flushedTo(file: number, position: number): void {
    this.positions[file] = position
    ;(this.ledgers[file] as DirtyLedger).flushedTo(position)
  }

  /** Whether the file of the slot holds what was written at `position`. */
  holds(slot: number, position: number): boolean {
    return position <= (this.positions[slot % partitionFiles] as number)
  }

  /** An entry of this slot was written. */
  add(slot: number, position: number, cost: number): void {
    ;(this.ledgers[slot % partitionFiles] as DirtyLedger).add(position, cost)
  }
  /** An entry that was last written at `position` is overwritten or gone. */
  drop(slot: number, position: number, cost: number): void {
    ;(this.ledgers[slot % partitionFiles] as DirtyLedger).drop(position, cost)
  }

  get dirtyBytes(): number {
    let bytes = 0
    for (const ledger of this.ledgers) bytes += ledger.bytes
    return bytes
  }
  get dirtyEntries(): number {
    let entries = 0
    for (const ledger of this.ledgers) entries += ledger.entries
    return entries
  }
}
