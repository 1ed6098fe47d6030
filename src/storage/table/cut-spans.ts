/**
 * Where a round of the flusher may not end: between a record and the `cut` that voids it. A file that ended there would
 * hold nothing of the record, while a recovery that begins there is told the records behind it, with a gap in between.
 *
 * The notes and records of the stretch are handed in newest first. A `cut` is open for the records above its sequence; an
 * older `cut` of the slot takes over those above its own.
 */
import { recordKind, type RecordView } from "../../core/entry/record.ts"

interface Span {
  /** Batch of the first record that it voids, as far as is known. */
  first: number
  /** Batch of the cut. */
  readonly last: number
  readonly sequence: number
  /** Higher ones are voided by an older cut. */
  upTo: number
}

export class CutSpans {
  private readonly spans: Span[] = []
  private readonly open = new Map<number, Span[]>()

  add({ kind, slot, sequence }: RecordView, batch: number): void {
    if (kind === recordKind.cut) this.cut(slot, sequence, batch)
    else if (kind === recordKind.reset) this.open.delete(slot)
    else if (kind === recordKind.entry) {
      for (const span of this.open.get(slot) ?? [])
        if (sequence > span.sequence && sequence <= span.upTo) span.first = batch
    }
  }

  private cut(slot: number, sequence: number, batch: number): void {
    const open = (this.open.get(slot) ?? []).filter((span) => span.sequence < sequence)
    for (const span of open) span.upTo = Math.min(span.upTo, sequence)
    const span: Span = { first: batch, last: batch, sequence, upTo: Infinity }
    open.push(span)
    this.open.set(slot, open)
    this.spans.push(span)
  }

  get isEmpty(): boolean {
    return this.spans.length === 0
  }

  /** @returns the last batch up to `wanted` at which a round may end */
  endBefore(wanted: number): number {
    return this.step(wanted, (span) => span.first - 1)
  }

  /** @returns the last batch from `first` on at which a round that would end with `wanted` may end, or else the next */
  end(first: number, wanted: number): number {
    const earlier = this.endBefore(wanted)
    return earlier >= first ? earlier : this.step(wanted, (span) => span.last)
  }

  private step(wanted: number, out: (span: Span) => number): number {
    let end = wanted
    for (;;) {
      const span = this.spans.find((each) => each.first <= end && end < each.last)
      if (span === undefined) return end
      end = out(span)
    }
  }
}
