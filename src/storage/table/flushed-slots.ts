/**
 * What the table's files hold of each slot, as of their last flush.
 *
 * Count and hash belong to the sequence only where a file holds everything that a crash may have left half-done: a round
 * writes entries before it writes how far it came. So they are unknown until the file has come to where the log ended at
 * the start.
 */
import { partitionFiles, slotCountDefault } from "../../core/lib/limits.ts"
import type { FlushedSlot } from "../../core/replication/transfer.ts"

const fields = 4

export class FlushedSlots {
  /** Where the log ended at the start. */
  private recovered = Number.MAX_SAFE_INTEGER
  /** Each file holds everything up to here. */
  readonly positions = new Float64Array(partitionFiles)
  private readonly sequences = new Float64Array(slotCountDefault)
  private readonly counts = new Float64Array(slotCountDefault)
  private readonly hashes = new Float64Array(slotCountDefault)

  recoveredTo(position: number): void {
    this.recovered = position
  }

  /** A file holds everything up to `position`. @param slots slot, sequence, count and hash of each that changed */
  take(file: number, position: number, slots: Float64Array): void {
    this.positions[file] = position
    for (let i = 0; i < slots.length; i += fields) {
      const slot = slots[i] as number
      this.sequences[slot] = slots[i + 1] as number
      this.counts[slot] = slots[i + 2] as number
      this.hashes[slot] = slots[i + 3] as number
    }
  }

  /** The slot's file holds everything up to here. */
  positionOf(slot: number): number {
    return this.positions[slot % partitionFiles] as number
  }

  /** Everything of the slot behind this is in the log; -1: the slot is incomplete. */
  sequenceOf(slot: number): number {
    return this.sequences[slot] as number
  }

  get(slot: number): FlushedSlot | undefined {
    if (this.positionOf(slot) < this.recovered) return undefined
    const [sequence, count, hash] = [this.sequences[slot], this.counts[slot], this.hashes[slot]]
    return { sequence: sequence as number, count: count as number, hash: hash as number }
  }
}
