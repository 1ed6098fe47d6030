/**
 * Resident entries by their expiry: a hierarchical timing wheel (Varghese and Lauck, 1987), four levels of 256 lists,
 * ticks of 1024 ms. Setting and clearing an expiry is O(1) and costs 16 bytes in the entry's own block; an entry without one
 * costs nothing.
 *
 * A binary heap keeps exact order, but each change touches twenty blocks all over the slab (2 µs at a million entries), and
 * lazy deletion lets a table whose sessions are prolonged all day grow without bound.
 *
 * An entry lies at the level of the highest byte in which its tick differs from the wheel's, so it moves at most three
 * times before it is due. Due entries stay in a list of their own, until someone removes them, and are handed out in turns:
 * those that nobody may remove yet do not hide the others. The wheel's tick follows the times it is asked about and never
 * goes back; whether an entry has expired is decided by its own expiry, so a clock that jumps costs time, not truth.
 */
import { BlockLists } from "./block-lists.ts"
import { type EntryBlocks, expiryLink } from "./entry-block.ts"
import type { Slab } from "./slab.ts"

const tickMs = 1024
const tickMax = 2 ** 32 - 1
const levels = 4
const listsPerLevel = 256
/** Entries that one call looks at, besides those it hands out. */
const stepsPerCall = 512
const dueList = levels * listsPerLevel

export class ExpiryWheel {
  /** Entries with an expiry. */
  count = 0
  private readonly blocks: EntryBlocks
  private readonly lists: BlockLists
  /** A set bit: the list may hold something. */
  private readonly occupied = new Int32Array((levels * listsPerLevel) / 32)
  private tick = 0
  /** The list whose time has come and which is being spread over the levels below; -1 = none. */
  private draining = -1
  private target = 0

  constructor(slab: Slab, blocks: EntryBlocks) {
    this.blocks = blocks
    this.lists = new BlockLists(slab, expiryLink, dueList + 1)
  }

  add(reference: number): void {
    this.count++
    this.insert(reference)
  }
  remove(reference: number): void {
    this.count--
    this.lists.unlink(reference)
  }
  /** The entry was copied, links included, to `reference`. */
  moved(reference: number): void {
    this.lists.moved(reference)
  }

  /**
   * Hands out entries that have expired, in turns.
   * @returns how many were visited, at most `max`; entries looked at are bounded by `max` too
   */
  expired(nowMs: number, max: number, visit: (reference: number) => void): number {
    const steps = 4 * max + stepsPerCall
    this.target = Math.min(Math.max(Math.floor(nowMs / tickMs), 0), tickMax)
    this.advance(this.target, steps)
    let visited = 0
    const first = this.lists.first(dueList)
    for (let looked = 0; looked < steps && visited < max; looked++) {
      const reference = this.lists.first(dueList)
      if (reference === 0 || (looked > 0 && reference === first)) break
      this.lists.unlink(reference)
      this.lists.append(dueList, reference)
      if (this.blocks.expiresAtMs(reference) > nowMs) continue
      visit(reference)
      visited++
    }
    return visited
  }

  /** Goes on where the last `expired` left work. @returns whether there is more */
  spread(steps: number): boolean {
    if (this.draining >= 0) this.advance(this.target, steps)
    return this.draining >= 0
  }

  private insert(reference: number): void {
    const tick = Math.min(Math.max(Math.floor(this.blocks.expiresAtMs(reference) / tickMs), 0), tickMax)
    if (tick <= this.tick) return this.lists.append(dueList, reference)
    const level = (31 - Math.clz32(tick ^ this.tick)) >>> 3
    const list = level * listsPerLevel + ((tick >>> (level * 8)) & 255)
    this.lists.append(list, reference)
    ;(this.occupied[list >>> 5] as number) |= 1 << (list & 31)
  }

  /** Moves the wheel on to `target` and what has become due into the list of that; stops after `steps` entries. */
  private advance(target: number, steps: number): void {
    let left = steps
    for (;;) {
      if (this.draining >= 0) {
        for (;;) {
          const reference = this.lists.first(this.draining)
          if (reference === 0) break
          if (left-- <= 0) return
          this.lists.unlink(reference)
          this.insert(reference)
        }
        this.draining = -1
      }
      if (target <= this.tick) return
      const list = this.nextOccupied()
      const shift = (list >>> 8) * 8
      // Everything below the level's byte becomes zero; the byte itself is the list's.
      const start = list < 0 ? tickMax + 1 : startOf(this.tick, shift, list & 255)
      if (start > target) {
        this.tick = target
        return
      }
      this.tick = start
      this.draining = list
    }
  }

  /** The list whose time comes next, or -1. Lower levels lie before higher ones. */
  private nextOccupied(): number {
    for (let level = 0; level < levels; level++) {
      const first = level * listsPerLevel + ((this.tick >>> (level * 8)) & 255) + 1
      const end = (level + 1) * listsPerLevel
      for (let list = first; list < end;) {
        const bits = (this.occupied[list >>> 5] as number) & (-1 << (list & 31))
        if (bits === 0) {
          list = (list | 31) + 1
          continue
        }
        list = (list & ~31) + 31 - Math.clz32(bits & -bits)
        if (this.lists.first(list) !== 0) return list
        ;(this.occupied[list >>> 5] as number) &= ~(1 << (list & 31))
        list++
      }
    }
    return -1
  }
}

function startOf(tick: number, shift: number, digit: number): number {
  const above = shift === 24 ? 0 : Math.floor(tick / 2 ** (shift + 8)) * 2 ** (shift + 8)
  return above + digit * 2 ** shift
}
