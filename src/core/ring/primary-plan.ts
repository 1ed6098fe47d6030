/**
 * Chooses each slot's primary among its holders, so that every member is primary of its part: its replicas divided by
 * the factor, rounded up or down. Handing a primary over copies nothing, but it stalls the slot for an instant, so
 * primaries that may stay do.
 *
 * That part can always be reached: "each holder is a primary of 1/factor of each of its slots" is a flow that fits, and
 * where a fractional flow fits a whole one does within the same bounds rounded. So a member above its bound gives a slot
 * to another holder of it, who may have to give one on: the shortest such path, by breadth-first search, ends at a
 * member with room.
 */
import { assert } from "../lib/assert.ts"

const nobody = -1

/**
 * @param places holders of slot s at `s * factor` and on, -1 = none
 * @param primaryNow the present primary of each slot, -1 = none
 * @returns the primary of each slot; -1 where a slot has no holder
 */
export function planPrimaries(
  places: Int32Array,
  factor: number,
  members: number,
  primaryNow: Int32Array,
): Int32Array {
  return new PrimaryPlan(places, factor, members, primaryNow).run()
}

class PrimaryPlan {
  private readonly places: Int32Array
  private readonly factor: number
  private readonly slots: number
  private readonly primaries: Int32Array
  private readonly count: Int32Array
  private readonly low: Int32Array
  private readonly high: Int32Array
  private readonly slotsOf: number[][]

  constructor(places: Int32Array, factor: number, members: number, primaryNow: Int32Array) {
    this.places = places
    this.factor = factor
    this.slots = primaryNow.length
    this.primaries = new Int32Array(this.slots).fill(nobody)
    this.count = new Int32Array(members)
    this.slotsOf = Array.from({ length: members }, () => [])
    const held = new Int32Array(members)
    for (const holder of places) if (holder !== nobody) held[holder] = (held[holder] as number) + 1
    this.low = held.map((n) => Math.floor(n / factor))
    this.high = held.map((n) => Math.ceil(n / factor))
    for (let slot = 0; slot < this.slots; slot++) {
      const now = primaryNow[slot] as number
      if (now !== nobody && this.holds(slot, now)) this.give(slot, now)
    }
  }

  run(): Int32Array {
    for (let slot = 0; slot < this.slots; slot++)
      if (this.primaries[slot] === nobody) this.give(slot, this.neediestHolder(slot))
    const members = this.count.length
    for (let member = 0; member < members; member++)
      while ((this.count[member] as number) > (this.high[member] as number)) {
        if (!this.pass(member, (target) => (this.count[target] as number) < (this.high[target] as number)))
          break
      }
    for (let member = 0; member < members; member++)
      while ((this.count[member] as number) < (this.low[member] as number)) {
        if (!this.pull(member)) break
      }
    return this.primaries
  }

  /** Moves one slot from `source` along a path to a member for which `ends` holds. @returns whether there is one */
  private pass(source: number, ends: (member: number) => boolean): boolean {
    const reachedBy = new Map<number, number>([[source, nobody]])
    const queue = [source]
    for (let at = 0; at < queue.length; at++) {
      for (const slot of this.slotsOf[queue[at] as number] as number[]) {
        const end = (slot + 1) * this.factor
        for (let place = slot * this.factor; place < end; place++) {
          const target = this.places[place] as number
          if (target === nobody || reachedBy.has(target)) continue
          reachedBy.set(target, slot)
          if (ends(target)) {
            this.handAlong(target, reachedBy)
            return true
          }
          queue.push(target)
        }
      }
    }
    return false
  }

  /** Brings one slot to `target` from the nearest member that can spare one. */
  private pull(target: number): boolean {
    // Sources are tried in order; each search ends at `target` alone, so the first that reaches it will do.
    for (let source = 0; source < this.count.length; source++) {
      if ((this.count[source] as number) <= (this.low[source] as number)) continue
      if (this.pass(source, (member) => member === target)) return true
    }
    return false
  }

  private handAlong(end: number, reachedBy: ReadonlyMap<number, number>): void {
    let target = end
    for (let slot = reachedBy.get(target); slot !== undefined && slot !== nobody;) {
      const source = this.primaries[slot] as number
      this.take(slot, source)
      this.give(slot, target)
      target = source
      slot = reachedBy.get(target)
    }
  }

  private neediestHolder(slot: number): number {
    let best = nobody
    let bestLack = Number.NEGATIVE_INFINITY
    const end = (slot + 1) * this.factor
    for (let place = slot * this.factor; place < end; place++) {
      const holder = this.places[place] as number
      if (holder === nobody) continue
      const lack = (this.high[holder] as number) - (this.count[holder] as number)
      if (lack <= bestLack) continue
      best = holder
      bestLack = lack
    }
    return best
  }

  private holds(slot: number, member: number): boolean {
    const end = (slot + 1) * this.factor
    for (let place = slot * this.factor; place < end; place++) if (this.places[place] === member) return true
    return false
  }

  private give(slot: number, member: number): void {
    this.primaries[slot] = member
    if (member === nobody) return
    this.count[member] = (this.count[member] as number) + 1
    ;(this.slotsOf[member] as number[]).push(slot)
  }

  private take(slot: number, member: number): void {
    const slots = this.slotsOf[member] as number[]
    const at = slots.indexOf(slot)
    assert(at !== -1, "a primary is taken from who has it")
    slots[at] = slots[slots.length - 1] as number
    slots.pop()
    this.count[member] = (this.count[member] as number) - 1
  }
}
