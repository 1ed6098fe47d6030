/**
 * In which slot epoch each entry of a slot's log was numbered: runs of entries, each by its epoch and first sequence. Two
 * logs that have an entry of the same (slot epoch, sequence) have the same entries up to there, since one primary numbers
 * in a slot epoch and each replica takes an entry only behind the one that the primary has in front of it (Raft's log
 * matching). So this table is all that is needed to find the last entry that two logs share.
 *
 * What is committed is in every log, so of that part only the newest runs are kept.
 */
import { assert } from "../lib/assert.ts"
import { unknownEpoch } from "../lib/limits.ts"

const runsKept = 32

export interface EpochStart {
  readonly slotEpoch: number
  readonly firstSequence: number
}

export class EpochTable {
  private epochs: number[] = []
  private firsts: number[] = []
  /** Slot epoch of the newest run; 0 of an empty log. */
  last = 0

  /** The first entry of the newest run; `Infinity` of an empty log. */
  get lastFirst(): number {
    return this.firsts[this.firsts.length - 1] ?? Infinity
  }

  /** The log goes on with the entry `sequence`. */
  append(slotEpoch: number, sequence: number): void {
    if (slotEpoch === this.last) return
    this.epochs.push(slotEpoch)
    this.firsts.push(sequence)
    this.last = slotEpoch
    if (this.epochs.length > runsKept) {
      this.epochs.shift()
      this.firsts.shift()
    }
  }

  /** @returns the slot epoch of an entry of the log, 0 of the one in front of the first, or `unknownEpoch` */
  at(sequence: number): number {
    if (sequence <= 0) return 0
    for (let i = this.firsts.length - 1; i >= 0; i--)
      if ((this.firsts[i] as number) <= sequence) return this.epochs[i] as number
    return unknownEpoch
  }

  /** The entry `sequence` is the last now. */
  cut(sequence: number): void {
    while (this.firsts.length > 0 && (this.firsts[this.firsts.length - 1] as number) > sequence) {
      this.firsts.pop()
      this.epochs.pop()
    }
    this.last = this.epochs[this.epochs.length - 1] ?? 0
  }

  /** The log begins behind `sequence`, whose slot epoch is known. */
  restart(slotEpoch: number, sequence: number): void {
    assert(sequence >= 0, "a log begins behind an entry")
    this.epochs = sequence === 0 ? [] : [slotEpoch]
    this.firsts = sequence === 0 ? [] : [sequence]
    this.last = sequence === 0 ? 0 : slotEpoch
  }

  /** @returns the runs that reach behind `sequence`, cut off there */
  behind(sequence: number): EpochStart[] {
    const starts: EpochStart[] = []
    for (let i = 0; i < this.firsts.length; i++) {
      const next = this.firsts[i + 1]
      if (next !== undefined && next <= sequence + 1) continue
      const firstSequence = Math.max(sequence + 1, this.firsts[i] as number)
      starts.push({ slotEpoch: this.epochs[i] as number, firstSequence })
    }
    return starts
  }
}

/**
 * The last entry that two logs share.
 * @param own of the log that `last` ends
 * @param other runs behind `committed`, up to which both logs are the same; they end with the entry `otherLast`
 */
export function lastShared(
  own: EpochTable,
  last: number,
  other: readonly EpochStart[],
  committed: number,
  otherLast: number,
): number {
  let end = otherLast
  for (let i = other.length - 1; i >= 0; i--) {
    const { slotEpoch, firstSequence } = other[i] as EpochStart
    for (let sequence = Math.min(end, last); sequence >= firstSequence; sequence--)
      if (own.at(sequence) === slotEpoch) return sequence
    end = firstSequence - 1
  }
  return Math.min(committed, last)
}
