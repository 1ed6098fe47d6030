/** The log's files as `Tail` reads them, while they are written, cut and used again. */
import { StorageError } from "../storage.ts"
import { batchHeaderBytes, openBatch } from "./batch.ts"
import type { LogControl } from "./control.ts"
import { LogReader } from "./reader.ts"
import type { Batch, Batches } from "./tail.ts"

export class LogBatches implements Batches {
  private readonly control: LogControl
  private readonly reader: LogReader
  /** Batches before it turned out not to be whole. */
  private begin = 0

  constructor(directory: string, control: LogControl) {
    this.control = control
    this.reader = new LogReader(directory)
  }

  first(): number {
    return Math.max(this.begin, this.control.firstBatch)
  }

  last(): number {
    return this.control.batch
  }

  from(number: number): readonly Batch[] {
    const batches: Batch[] = []
    for (const row of this.reader.from(number, this.last())) {
      const header = openBatch(row.batch, row.number)
      if (typeof header === "string") {
        if (!this.isGone(row.number))
          throw new StorageError(`${this.reader.path}: batch ${row.number}: ${header}`)
        return batches
      }
      batches.push({ number: row.number, start: header.start, records: row.batch.subarray(batchHeaderBytes) })
    }
    if (batches.length === 0) this.isGone(number)
    return batches
  }

  /**
   * Whether a batch that cannot be read need not be there: it was cut while it was read, and its file has another segment now;
   * or it lies before what the start has read, where a power failure may have torn a file that was about to be used again.
   */
  private isGone(number: number): boolean {
    const { checkedFrom } = this.control
    if (number < checkedFrom) this.begin = checkedFrom
    return number < this.first()
  }

  close(): void {
    this.reader.close()
  }
}
