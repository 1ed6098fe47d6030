/**
 * The log as the flusher reads it: whole batches up to the settled position, and backwards, since of everything the last
 * state counts (`change-set.ts` argues why).
 */
import { RecordView } from "../../core/entry/record.ts"
import { batchHeaderBytes, type LogPlace, openBatch } from "../log/batch.ts"
import type { LogControl } from "../log/control.ts"
import { LogReader, type LogRow } from "../log/reader.ts"
import { namedErrors } from "../named-errors.ts"
import { StorageError } from "../storage.ts"
import { CutSpans } from "./cut-spans.ts"

/** @returns false to end the walk */
type Visit = (record: RecordView, batch: number, position: number) => boolean | void

export class SettledLog {
  readonly path: string
  private readonly control: LogControl
  private readonly reader: LogReader
  private readonly record = new RecordView()
  /** What `outsideCuts` found last. */
  private outside = { settled: -1, place: { batch: 0, position: 0 } }
  /** Of the records of one batch. */
  private readonly offsets: number[] = []

  constructor(directory: string, control: LogControl) {
    this.control = control
    this.reader = new LogReader(directory)
    this.path = this.reader.path
  }

  /** The last batch that is durable and settled as a whole. @param known one that is */
  last(known: LogPlace): LogPlace {
    // In this order: the batch that is read is durable up to its end.
    const { batch } = this.control
    const { settled } = this.control
    if (batch <= known.batch || settled <= known.position) return known
    const place = this.lastEndingBy(settled, known, batch)
    return place.batch === batch || place.position === settled
      ? place
      : this.outsideCuts(place, known, settled)
  }

  /** The settled position lies inside the batch behind `place`: a cut in that part may void records up to `place`. */
  private outsideCuts(place: LogPlace, known: LogPlace, settled: number): LogPlace {
    if (this.outside.settled === settled && this.outside.place.batch >= known.batch) return this.outside.place
    const next = place.batch + 1
    const spans = new CutSpans()
    let found = place
    this.walkBack(place, { batch: next, position: this.endOf(next) }, (record, batch, position) => {
      if (position <= settled) spans.add(record, batch)
    })
    if (!spans.isEmpty) {
      this.walkBack(known, place, (record, batch) => spans.add(record, batch))
      const batch = spans.endBefore(place.batch)
      found = batch <= known.batch ? known : { batch, position: this.endOf(batch) }
    }
    this.outside = { settled, place: found }
    return found
  }

  private lastEndingBy(position: number, known: LogPlace, high: number): LogPlace {
    const newest = { batch: high, position: this.endOf(high) }
    if (newest.position <= position) return newest
    return this.named(() => this.reader.lastEndingBy(position, known, high))
  }

  private endOf(batch: number): number {
    const end = this.named(() => this.reader.endOf(batch))
    if (end === undefined) throw new StorageError(`${this.path}: batch ${batch} is missing`)
    return end
  }

  /**
   * Where a round ends that begins behind `from` and takes about `bytesMax` of log, by bisection; behind `target` never. It
   * does not end between a record and the `cut` that voids it.
   */
  stretch(from: LogPlace, target: LogPlace, bytesMax: number, spans: () => CutSpans): LogPlace {
    if (target.position - from.position <= bytesMax) return target
    const wanted = this.lastEndingBy(from.position + bytesMax, from, target.batch)
    const end = spans().end(from.batch + 1, Math.max(wanted.batch, from.batch + 1))
    return { batch: end, position: this.endOf(end) }
  }

  /** The spans of a stretch of log. */
  spans(from: LogPlace, target: LogPlace): CutSpans {
    const spans = new CutSpans()
    this.walkBack(from, target, (record, batch) => spans.add(record, batch))
    return spans
  }

  /**
   * Visits the records behind `from` up to `to`, the last one first, with their ends.
   * @returns whether to the end
   * @throws StorageError
   */
  walkBack(from: LogPlace, to: LogPlace, visit: Visit): boolean {
    for (let next = to.batch; next > from.batch;) {
      const rows = this.named(() => this.reader.down(next, from.batch + 1))
      if (rows.length === 0) throw new StorageError(`${this.path}: batch ${next} is missing`)
      for (const row of rows) {
        const end = this.walkBatch(row, next, visit)
        if (end === undefined) return false
        if (next === to.batch && end !== to.position)
          throw new StorageError(`${this.path}: batch ${next} ends at ${end} instead of ${to.position}`)
        next--
      }
    }
    return true
  }

  private walkBatch(row: LogRow, number: number, visit: Visit): number | undefined {
    const header = openBatch(row.batch, number)
    if (typeof header === "string") throw new StorageError(`${this.path}: batch ${number}: ${header}`)
    const { record, offsets } = this
    offsets.length = 0
    for (
      let offset = batchHeaderBytes;
      offset < row.batch.length;
      offset += record.at(row.batch, offset).length
    )
      offsets.push(offset)
    let { end } = header
    for (let i = offsets.length - 1; i >= 0; i--) {
      if (visit(record.at(row.batch, offsets[i] as number), number, end) === false) return undefined
      end -= record.length
    }
    return header.end
  }

  /**
   * Makes the log durable as far as it is written: the table may never know more than the log, or the log's end, lost with
   * the power, would be lost out of the middle.
   */
  sync(): void {
    this.named(() => this.reader.sync())
  }

  private named<A>(run: () => A): A {
    return namedErrors(this.path, run)
  }

  close(): void {
    this.reader.close()
  }
}
