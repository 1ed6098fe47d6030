/**
 * Doubly linked lists of blocks, with the links inside the blocks, so that membership costs no memory of its own and
 * leaving a list is O(1). The two words of the links begin at word `link` of each member.
 *
 * The ends of list `n` are a reference that no block can have, `n << 19` (unit 0 of a segment is never used): its "links"
 * are `heads[n]` and `tails[n]`. That spares every operation the question which list a block is in.
 */
import type { Slab } from "./slab.ts"

const unitMask = 2 ** 19 - 1

export class BlockLists {
  private readonly slab: Slab
  private readonly link: number
  private readonly heads: Int32Array
  private readonly tails: Int32Array

  constructor(slab: Slab, link: number, count: number) {
    this.slab = slab
    this.link = link
    this.heads = Int32Array.from({ length: count }, (_, list) => list << 19)
    this.tails = this.heads.slice()
  }

  /** @returns the first block of a list, 0 = none */
  first(list: number): number {
    const head = this.heads[list] as number
    return (head & unitMask) === 0 ? 0 : head >>> 0
  }

  append(list: number, reference: number): void {
    const end = list << 19
    const last = this.tails[list] as number
    this.setNext(reference, end)
    this.setPrev(reference, last)
    this.setNext(last, reference)
    this.tails[list] = reference
  }

  unlink(reference: number): void {
    const next = this.next(reference)
    const prev = this.prev(reference)
    this.setNext(prev, next)
    this.setPrev(next, prev)
  }

  /** The member was copied, links included, to `reference`. */
  moved(reference: number): void {
    this.setNext(this.prev(reference), reference)
    this.setPrev(this.next(reference), reference)
  }

  private next(reference: number): number {
    return (this.slab.words[this.slab.segmentOf(reference)] as Int32Array)[
      this.slab.unitOf(reference) * 2 + this.link
    ] as number
  }
  private prev(reference: number): number {
    return (this.slab.words[this.slab.segmentOf(reference)] as Int32Array)[
      this.slab.unitOf(reference) * 2 + this.link + 1
    ] as number
  }
  private setNext(reference: number, next: number): void {
    if ((reference & unitMask) === 0) this.heads[reference >>> 19] = next
    else {
      const words = this.slab.words[this.slab.segmentOf(reference)] as Int32Array
      words[this.slab.unitOf(reference) * 2 + this.link] = next
    }
  }
  private setPrev(reference: number, prev: number): void {
    if ((reference & unitMask) === 0) this.tails[reference >>> 19] = prev
    else {
      const words = this.slab.words[this.slab.segmentOf(reference)] as Int32Array
      words[this.slab.unitOf(reference) * 2 + this.link + 1] = prev
    }
  }
}
