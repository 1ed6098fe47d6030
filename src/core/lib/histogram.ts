/**
 * A histogram of durations with a fixed relative error (Gil Tene's HdrHistogram, in small): each power of two of
 * microseconds has sixteen buckets, so a quantile is right within 6 %, and recording is an addition.
 */
const subBits = 4
const subBuckets = 1 << subBits
/** Up to 2^31 µs, which is 35 minutes; what is longer counts as that. */
const microsMax = 0x7fffffff
const bucketCount = (31 - subBits + 1) * subBuckets

export class Histogram {
  count = 0
  microsMax = 0
  private readonly buckets = new Float64Array(bucketCount)

  /** @param times how often it took so long */
  record(micros: number, times: number = 1): void {
    const value = micros > microsMax ? microsMax : micros | 0
    if (value > this.microsMax) this.microsMax = value
    this.count += times
    ;(this.buckets[bucketOf(value)] as number) += times
  }

  /** @param ratio from 0 to 1. @returns microseconds; 0 of an empty histogram */
  quantile(ratio: number): number {
    let left = Math.ceil(this.count * ratio)
    if (this.count === 0) return 0
    if (left < 1) left = 1
    for (let i = 0; i < bucketCount; i++) {
      left -= this.buckets[i] as number
      if (left <= 0) return Math.min(upperOf(i), this.microsMax)
    }
    return this.microsMax
  }

  /** Adds all that `other` has recorded. */
  add(other: Histogram): void {
    this.count += other.count
    this.microsMax = Math.max(this.microsMax, other.microsMax)
    for (let i = 0; i < bucketCount; i++) (this.buckets[i] as number) += other.buckets[i] as number
  }

  clear(): void {
    this.count = 0
    this.microsMax = 0
    this.buckets.fill(0)
  }
}

/** Values below 2^5 have a bucket each; above, the four bits behind the leading one choose it. */
function bucketOf(value: number): number {
  if (value < 2 * subBuckets) return value
  const shift = 31 - Math.clz32(value) - subBits
  return shift * subBuckets + (value >>> shift)
}

/** The largest value of a bucket. */
function upperOf(bucket: number): number {
  if (bucket < 2 * subBuckets) return bucket
  const shift = Math.floor(bucket / subBuckets) - 1
  const base = bucket - shift * subBuckets
  return (base + 1) * 2 ** shift - 1
}
