/** Reads the tails of slots from a log, whose batches lie in a file or, of a node without files, in memory. */
import { recordKind, RecordView } from "../../core/entry/record.ts"
import type { TailPiece, TailWanted } from "../../core/replication/transfer.ts"
import { StorageError } from "../storage.ts"
import { type Stretch, TailIndex } from "./tail-index.ts"

export interface Batch {
  readonly number: number
  /** Position at which its records begin. */
  readonly start: number
  readonly records: Uint8Array
}

export interface Batches {
  /** The first one there is, or the one that will come next. Later it may be a later one. */
  first(): number
  /** The last durable one. */
  last(): number
  /** Some of the batches from `number` on, in order, or none. @throws StorageError where one is damaged */
  from(number: number): readonly Batch[]
}

export interface KnownTail extends TailWanted {
  /** A sequence of the slot, asked for before the log is read, behind which all is in the log; -1: the slot is incomplete. */
  readonly flushed: number
}

/** The log was cut where it is being read. */
class Outrun extends Error {
  readonly batch: number
  constructor(batch: number) {
    super(`the log: batch ${batch} is missing`)
    this.batch = batch
  }
}

export class Tail {
  private readonly batches: Batches
  private index = new TailIndex()
  private readonly view = new RecordView()

  constructor(batches: Batches) {
    this.batches = batches
  }

  read(wanted: readonly KnownTail[], bytesMax: number): TailPiece {
    for (;;) {
      try {
        this.follow()
        return this.piece(wanted, bytesMax)
      } catch (error) {
        if (!(error instanceof Outrun)) throw error
        if (error.batch >= this.batches.first()) throw new StorageError(error.message)
      }
    }
  }

  /** Brings the index up to the end of the log. */
  private follow(): void {
    const first = this.batches.first()
    if (first > this.index.last + 1) this.index = new TailIndex()
    this.index.forget(first)
    const last = this.batches.last()
    let next = Math.max(first, this.index.last + 1)
    while (next <= last)
      for (const batch of this.take(next, last)) {
        this.index.add(batch.number, batch.records, batch.start, this.view)
        next++
      }
  }

  private take(number: number, last: number): readonly Batch[] {
    const batches = this.batches.from(number)
    if (batches[0]?.number !== number) throw new Outrun(number)
    return batches.filter((batch) => batch.number <= last)
  }

  private piece(wanted: readonly KnownTail[], bytesMax: number): TailPiece {
    const { index } = this
    const missing: number[] = []
    /** Sequence that comes next of each slot. */
    const next = new Map<number, number>()
    let begin = index.stretches.length
    for (const { slot, afterSequence, flushed } of wanted) {
      const place = index.find(slot, afterSequence, flushed)
      if (place === "missing") missing.push(slot)
      if (typeof place !== "number") continue
      next.set(slot, afterSequence + 1)
      begin = Math.min(begin, place)
    }
    const gathered = new Gathered(bytesMax)
    for (const stretch of index.stretches.slice(begin)) {
      const concerned = [...next.keys()].some((slot) => stretch.lowest[slot] !== Infinity)
      if (concerned && !this.gather(stretch, next, gathered, missing)) break
    }
    return { records: gathered.bytes(), more: gathered.full, missing }
  }

  /** @returns false where the piece is full */
  private gather(
    stretch: Stretch,
    next: Map<number, number>,
    gathered: Gathered,
    missing: number[],
  ): boolean {
    const { view, index } = this
    for (let number = stretch.first; number <= stretch.last;) {
      for (const { records, start } of this.take(number, stretch.last)) {
        for (let at = 0; at < records.length; at += view.length) {
          const { kind, slot, sequence, length } = view.at(records, at)
          const expected = kind === recordKind.entry ? next.get(slot) : undefined
          if (expected === undefined || sequence < expected) continue
          if (index.isVoid(slot, sequence, start + at + length)) continue
          if (sequence !== expected) {
            if (!stretch.isCut)
              throw new StorageError(
                `the log: slot ${slot}: record ${expected} is missing before ${sequence}`,
              )
            missing.push(slot)
            next.delete(slot)
            continue
          }
          if (!gathered.add(records, at, length)) return false
          next.set(slot, sequence + 1)
        }
        number++
      }
    }
    return true
  }
}

/** Records up to a bound, but at least one. */
class Gathered {
  full = false
  private readonly bytesMax: number
  private readonly parts: Uint8Array[] = []
  private length = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  add(records: Uint8Array, at: number, length: number): boolean {
    this.full = this.length > 0 && this.length + length > this.bytesMax
    if (this.full) return false
    this.parts.push(records.slice(at, at + length))
    this.length += length
    return true
  }

  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.length)
    let at = 0
    for (const part of this.parts) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }
}
