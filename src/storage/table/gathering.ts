/**
 * The rounds of several files from one walk over a stretch of log, within a bound of memory. How much the last states of a stretch
 * take is known when it was walked: a hundred thousand entries that were each written thirty times, or three million of them.
 * So as many files are begun with as the walk before makes likely, and where memory runs out, some are let go of, for another walk.
 */
import { recordKind, type RecordView } from "../../core/entry/record.ts"
import { partitionFiles } from "../../core/lib/limits.ts"
import type { Round } from "./round.ts"

export class Gathering {
  private readonly byFile: (Round | undefined)[] = []
  private readonly bytesMax: number
  private kept: Round[]
  /** Of the rounds that are kept. */
  private bytes = 0

  constructor(rounds: readonly Round[], bytesMax: number) {
    this.kept = [...rounds]
    this.bytesMax = bytesMax
    for (const round of rounds) this.byFile[round.file] = round
  }

  /** A record concerns the file of its slot; one that forgets clients, all of them. */
  add(record: RecordView, batch: number): void {
    if (record.kind === recordKind.forgetClients) {
      for (const round of this.kept) round.add(record, batch)
      return
    }
    const round = this.byFile[record.slot % partitionFiles]
    if (round === undefined) return
    const before = round.bytes
    round.add(record, batch)
    this.bytes += round.bytes - before
    if (this.isTooMuch && this.kept.length > 1) this.letGo()
  }

  /** What is gathered takes more memory than it may. */
  get isTooMuch(): boolean {
    return this.bytes > this.bytesMax
  }

  /** Half of the files. */
  private letGo(): void {
    for (const round of this.kept.splice(this.kept.length >> 1)) {
      this.byFile[round.file] = undefined
      this.bytes -= round.bytes
      round.changes.free()
    }
  }

  /** Of the files that were gathered up to the end. */
  get rounds(): readonly Round[] {
    return this.kept
  }
}
