/**
 * The latest prepared change of each alias: what the next operation on it is evaluated against.
 *
 * Every write comes in here and leaves again, so it costs no string and no allocation: chains through the records' own
 * objects, in buckets by the hash that the look-up in memory has just computed (keyed where strangers choose aliases). Of
 * one alias only the latest is in a chain, so that a thousand writes of one alias do not make a chain of a thousand.
 */
import { recordHasAlias } from "../entry/record.ts"
import type { Prepared } from "./prepared.ts"

const bucketsMin = 16

export class PreparedChanges {
  private buckets = emptyBuckets(bucketsMin)
  private count = 0

  /** @param hash of the alias in bytes[start, end): `EntryMemory.aliasHash` */
  latest(hash: number, bytes: Uint8Array, start: number, end: number): Prepared | undefined {
    let found = this.buckets[hash & (this.buckets.length - 1)]
    while (found !== undefined && !isOf(found, hash, bytes, start, end)) found = found.nextInBucket
    return found
  }

  /**
   * @param hash of its alias
   * @param earlier what `latest` gave for it
   */
  add(prepared: Prepared, hash: number, earlier: Prepared | undefined): void {
    prepared.aliasHash = hash
    if (earlier !== undefined) this.remove(earlier)
    if (this.count >= this.buckets.length) this.grow()
    this.link(prepared)
    prepared.isLatest = true
    this.count++
  }

  /** It is done; an earlier change has left already. */
  remove(prepared: Prepared): void {
    if (!prepared.isLatest) return
    const place = prepared.aliasHash & (this.buckets.length - 1)
    const first = this.buckets[place]
    if (first === prepared) this.buckets[place] = prepared.nextInBucket
    else {
      let before = first
      while (before !== undefined && before.nextInBucket !== prepared) before = before.nextInBucket
      if (before !== undefined) before.nextInBucket = prepared.nextInBucket
    }
    prepared.nextInBucket = undefined
    prepared.isLatest = false
    this.count--
  }

  private link(prepared: Prepared): void {
    const place = prepared.aliasHash & (this.buckets.length - 1)
    prepared.nextInBucket = this.buckets[place]
    this.buckets[place] = prepared
  }

  private grow(): void {
    const { buckets } = this
    this.buckets = emptyBuckets(buckets.length * 2)
    for (const first of buckets) {
      for (let prepared = first; prepared !== undefined;) {
        const next: Prepared | undefined = prepared.nextInBucket
        this.link(prepared)
        prepared = next
      }
    }
  }
}

function emptyBuckets(length: number): (Prepared | undefined)[] {
  return new Array<Prepared | undefined>(length).fill(undefined)
}

function isOf(prepared: Prepared, hash: number, bytes: Uint8Array, start: number, end: number): boolean {
  return prepared.aliasHash === hash && recordHasAlias(prepared.bytes, prepared.offset, bytes, start, end)
}
