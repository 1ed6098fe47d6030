/**
 * Where in the log each slot's records lie, for replicas that catch up: an index that is built by reading the log once, and
 * goes on from where it ended.
 *
 * The log holds the records of all slots, mixed, so the tail of one would cost a read of all. For each *stretch* of some
 * MiB the index keeps the lowest sequence of each slot. The record with sequence *q* that is not void lies in the last
 * stretch whose lowest sequence of the slot is at most *q*: a later record with a sequence of at most *q* would follow a
 * cut below *q*, and that would have voided it.
 *
 * Whether a record is void depends on the notes behind it, which are few: they are kept one by one.
 */
import { recordHeaderBytes, recordKind, type RecordView } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { slotCountDefault, tailStretchBytes } from "../../core/lib/limits.ts"

/** A stretch of whole batches. */
export interface Stretch {
  first: number
  /** Its first batches are gone: `lowest` may speak of them. */
  isCut: boolean
  last: number
  bytes: number
  /** Of each slot; `Infinity` = it has no records here. */
  readonly lowest: Float64Array
}

interface Note {
  readonly batch: number
  readonly position: number
  /** Records of the slot before the note and above this are void. */
  readonly kept: number
}

/** What the log says of a slot as a whole. */
interface SlotTail {
  /** Sequence of the last record that is not void. */
  last: number
  /** Records up to here came with a snapshot and are not in the log; `Infinity` while the slot is incomplete. */
  base: number
  notes: Note[]
}

export class TailIndex {
  readonly stretches: Stretch[] = []
  private readonly slots = new Map<number, SlotTail>()

  /** The last batch in the index, 0 = none. */
  get last(): number {
    return this.stretches[this.stretches.length - 1]?.last ?? 0
  }

  /** Takes up the batch behind the last one. `start` is the position at which its records begin. */
  add(batch: number, records: Uint8Array, start: number, view: RecordView): void {
    const stretch = this.stretchFor(batch)
    stretch.bytes += records.length
    for (let at = 0; at < records.length;) {
      const { length } = view.at(records, at)
      assert(length >= recordHeaderBytes && at + length <= records.length, "records fill their batch")
      this.record(stretch, view, start + at + length)
      at += length
    }
  }

  private stretchFor(batch: number): Stretch {
    let stretch = this.stretches[this.stretches.length - 1]
    assert(stretch === undefined || stretch.last === batch - 1, "batches follow one another")
    if (stretch === undefined || stretch.bytes >= tailStretchBytes) {
      const lowest = new Float64Array(slotCountDefault).fill(Infinity)
      stretch = { first: batch, last: batch, isCut: false, bytes: 0, lowest }
      this.stretches.push(stretch)
    }
    stretch.last = batch
    return stretch
  }

  private record(stretch: Stretch, { kind, slot, sequence }: RecordView, position: number): void {
    const batch = stretch.last
    if (kind === recordKind.entry) {
      const { lowest } = stretch
      if (sequence < (lowest[slot] as number)) lowest[slot] = sequence
      this.slot(slot).last = sequence
    } else if (kind === recordKind.cut) {
      this.slot(slot).last = sequence
      this.slot(slot).notes.push({ batch, position, kept: sequence })
    } else if (kind === recordKind.reset || kind === recordKind.installed) {
      const tail = this.slot(slot)
      tail.last = kind === recordKind.reset ? -1 : sequence
      tail.base = kind === recordKind.reset ? Infinity : sequence
      tail.notes.push({ batch, position, kept: -1 })
    }
  }

  private slot(slot: number): SlotTail {
    let tail = this.slots.get(slot)
    if (tail === undefined) {
      tail = { last: -1, base: -1, notes: [] }
      this.slots.set(slot, tail)
    }
    return tail
  }

  /** The log begins with this batch now. */
  forget(first: number): void {
    let gone = 0
    while (gone < this.stretches.length && (this.stretches[gone] as Stretch).last < first) gone++
    this.stretches.splice(0, gone)
    const [oldest] = this.stretches
    if (oldest !== undefined && oldest.first < first) Object.assign(oldest, { first, isCut: true })
    if (gone === 0) return
    for (const tail of this.slots.values())
      if (tail.notes.length > 0) tail.notes = tail.notes.filter(({ batch }) => batch >= first)
  }

  /**
   * Where to begin to read a slot's records behind `after`.
   * @param flushed what is known of the slot's sequence besides: it counts if the log says nothing of the slot
   * @returns a stretch's place in `stretches`; "nothing" if there are none; "missing" if the log holds them no more (which
   *   may show later where the stretch is cut)
   */
  find(slot: number, after: number, flushed: number): number | "nothing" | "missing" {
    const tail = this.slots.get(slot)
    if (tail !== undefined && after < tail.base) return "missing"
    const last = tail?.last ?? flushed
    if (last < 0) return "missing"
    if (after >= last) return "nothing"
    for (let place = this.stretches.length - 1; place >= 0; place--)
      if (((this.stretches[place] as Stretch).lowest[slot] as number) <= after + 1) return place
    return "missing"
  }

  /** Whether a record was cut or reset away by what stands behind it. */
  isVoid(slot: number, sequence: number, position: number): boolean {
    const tail = this.slots.get(slot)
    if (tail === undefined) return false
    return tail.notes.some((note) => note.position > position && sequence > note.kept)
  }
}
