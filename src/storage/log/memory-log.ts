/**
 * The log of a node without files: the ring, and a bounded tail of what went through it, for replicas that were away for a
 * moment. A turn's records are one batch.
 */
import { recordKind, RecordView } from "../../core/entry/record.ts"
import { logRingBytes } from "../../core/lib/limits.ts"
import { LogRing } from "./ring.ts"
import type { Batch, Batches } from "./tail.ts"

interface Appended {
  readonly bytes: Uint8Array
  readonly offset: number
  readonly length: number
}

const batchesPerRead = 64

export class MemoryLog extends LogRing implements Batches {
  private readonly bytesMax: number
  private readonly appended: Appended[] = []
  private readonly record = new RecordView()
  private readonly sequences = new Map<number, number>()
  private batches: Batch[] = []
  /** Places in `batches` that are given up. */
  private gone = 0
  private keptBytes = 0
  private committed = 0
  private number = 0

  /** @param bytesMax of the tail */
  constructor(bytesMax: number) {
    // The core keeps a record's own buffer as long as it needs it; nobody else wants it.
    super(logRingBytes, 0, () => undefined)
    this.bytesMax = bytesMax
  }

  override reserve(length: number): number {
    const offset = super.reserve(length)
    this.appended.push({ bytes: this.bytes, offset, length })
    return offset
  }

  /** The end of a turn: what was appended in it is a batch. */
  commit(): void {
    if (this.appended.length === 0) return
    const records = new Uint8Array(this.position - this.committed)
    let at = 0
    for (const { bytes, offset, length } of this.appended) {
      records.set(bytes.subarray(offset, offset + length), at)
      this.note(this.record.at(records, at))
      at += length
    }
    this.appended.length = 0
    this.batches.push({ number: ++this.number, start: this.committed, records })
    this.committed = this.position
    this.keptBytes += records.length
    for (; this.keptBytes > this.bytesMax; this.gone++)
      this.keptBytes -= (this.batches[this.gone] as Batch).records.length
    if (2 * this.gone > this.batches.length) {
      this.batches.splice(0, this.gone)
      this.gone = 0
    }
  }

  private note({ kind, slot, sequence }: RecordView): void {
    if (kind === recordKind.reset) this.sequences.set(slot, -1)
    else if (kind === recordKind.entry || kind === recordKind.cut || kind === recordKind.installed)
      this.sequences.set(slot, sequence)
  }

  /** Of the slot's last record, kept or given up; -1: the slot is incomplete. */
  sequenceOf(slot: number): number {
    return this.sequences.get(slot) ?? 0
  }

  first(): number {
    return this.number - (this.batches.length - this.gone) + 1
  }
  last(): number {
    return this.number
  }
  from(number: number): readonly Batch[] {
    const place = number - this.first()
    if (place < 0) return []
    return this.batches.slice(this.gone + place, this.gone + place + batchesPerRead)
  }
}
