/**
 * A walk over all entries of memory from block to block, in the order of addresses and not of the index: memory comes in
 * sequence, and 666,000 headers are read in 14 ms instead of 246. Between two looks anything may be written and freed.
 *
 * What is there when a walk begins, and is not written to, is met before it ends, unless it is moved: only the compactor
 * moves what was not written to.
 */
import { unitsAt } from "./entry-block.ts"
import { freeFlag, segmentUnits, type Slab } from "./slab.ts"

export class SlabWalk {
  /** How often the walk has come to the end, from which it goes on at the beginning. */
  rounds = 0
  private readonly slab: Slab
  private readonly cursor: number
  /** Of the block where the walk stays. */
  private units = 0

  /** @param cursor of `walkCursors` */
  constructor(slab: Slab, cursor: number) {
    this.slab = slab
    this.cursor = cursor
    this.begin()
  }

  /** Looks at one block. @returns the entry or tombstone there, where the walk stays until it is passed or freed; 0: it went on over nothing */
  look(): number {
    const reference = this.slab.cursors[this.cursor] as number
    return this.slab.isLarge(reference) ? this.lookLarge(reference) : this.lookSmall(reference)
  }

  private lookSmall(reference: number): number {
    const { slab } = this
    const segment = slab.segmentOf(reference)
    if (segment >= slab.segmentEnd) {
      if (slab.largeEnd > 0) this.move(slab.largeOf(1))
      else this.end()
      return 0
    }
    if (!slab.exists(segment)) {
      this.move(slab.firstOf(segment + 1))
      return 0
    }
    const words = slab.words[segment] as Int32Array
    const unit = slab.unitOf(reference)
    if (((words[unit * 2] as number) & freeFlag) === 0) {
      this.units = unitsAt(words, unit)
      return reference
    }
    this.goOn(reference, slab.freeUnitsAt(words, unit))
    return 0
  }

  private lookLarge(reference: number): number {
    const { slab } = this
    if (reference - slab.largeOf(0) > slab.largeEnd) {
      this.end()
      return 0
    }
    if (slab.exists(slab.segmentOf(reference))) return reference
    this.move(reference + 1)
    return 0
  }

  /** Goes on behind the entry that it has just looked at. */
  pass(reference: number): void {
    if (this.slab.isLarge(reference)) this.move(reference + 1)
    else this.goOn(reference, this.units)
  }

  private goOn(reference: number, units: number): void {
    const { slab } = this
    const next = slab.unitOf(reference) + units
    this.move(next < segmentUnits ? reference + units : slab.firstOf(slab.segmentOf(reference) + 1))
  }

  private end(): void {
    this.rounds++
    this.begin()
  }

  private begin(): void {
    this.move(this.slab.firstOf(0))
  }

  private move(reference: number): void {
    this.slab.cursors[this.cursor] = reference
  }
}
