/**
 * How much of memory one of the table's files does not hold yet, without a list of the dirty entries (8 bytes each, and a walk
 * over all of them at each flush).
 *
 * Positions only grow and are flushed in order, so it is enough to count by ranges of 256 KiB of the log: an overwritten
 * entry leaves its range and enters the newest; a range that is flushed to its end is forgotten as a whole. The figures are
 * never too small, and too large by less than one range of the log; they are exact when everything is flushed.
 */
const rangeBytesDefault = 256 * 1024
/** 1 GiB, the bound of the log. What is older than that is counted in one sum. */
const rangesMax = 4 * 1024

export class DirtyLedger {
  bytes = 0
  entries = 0
  private readonly rangeBytes: number
  private readonly ranges: number
  private readonly rangeCosts: Float64Array
  private readonly rangeEntries: Int32Array
  /** What lies in ranges before `base`. */
  private olderBytes = 0
  private olderEntries = 0
  /** The oldest range that has a place in the ring. */
  private base = 0
  /** Positions up to here are counted no more. */
  private forgotten = 0
  private positionMax = 0

  constructor(rangeBytes: number = rangeBytesDefault, ranges: number = rangesMax) {
    this.rangeBytes = rangeBytes
    this.ranges = ranges
    this.rangeCosts = new Float64Array(ranges)
    this.rangeEntries = new Int32Array(ranges)
  }

  /** An entry was written at `position`. */
  add(position: number, cost: number): void {
    if (position > this.positionMax) this.positionMax = position
    this.change(position, cost, 1)
  }
  /** An entry that was last written at `position` is overwritten or gone. */
  drop(position: number, cost: number): void {
    this.change(position, -cost, -1)
  }

  private change(position: number, cost: number, count: number): void {
    if (position <= this.forgotten) return
    this.bytes += cost
    this.entries += count
    const range = Math.ceil(position / this.rangeBytes) - 1
    if (range >= this.base + this.ranges) this.rebase(range - this.ranges + 1)
    if (range < this.base) {
      this.olderBytes += cost
      this.olderEntries += count
      return
    }
    const place = range % this.ranges
    ;(this.rangeCosts[place] as number) += cost
    ;(this.rangeEntries[place] as number) += count
  }

  /** Everything up to `position` is flushed. */
  flushedTo(position: number): void {
    const range = Math.floor(position / this.rangeBytes)
    if (position >= this.positionMax) {
      this.rangeCosts.fill(0)
      this.rangeEntries.fill(0)
      this.bytes = this.entries = this.olderBytes = this.olderEntries = 0
      this.base = Math.max(this.base, range)
      this.forgotten = Math.max(this.forgotten, position)
      return
    }
    if (range < this.base) return
    this.rebase(range)
    this.bytes -= this.olderBytes
    this.entries -= this.olderEntries
    this.olderBytes = this.olderEntries = 0
    this.forgotten = Math.max(this.forgotten, range * this.rangeBytes)
  }

  /** Puts the ranges before `base` into the sum of the older ones. */
  private rebase(base: number): void {
    const end = Math.min(base, this.base + this.ranges)
    for (let range = this.base; range < end; range++) {
      const place = range % this.ranges
      this.olderBytes += this.rangeCosts[place] as number
      this.olderEntries += this.rangeEntries[place] as number
      this.rangeCosts[place] = 0
      this.rangeEntries[place] = 0
    }
    this.base = base
  }
}
