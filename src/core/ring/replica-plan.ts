/**
 * Brings the holders of all slots to the members' quotas by few copies.
 *
 * 1. What is held and allowed stays. Where more is held than wanted, a member above its quota leaves a slot to a holder that
 *    was to go and is below: nothing is copied. Directly, or by chains as in step 3.
 * 2. Missing replicas go to the member furthest below its quota that the slot's domains allow. Ties are broken by a hash
 *    of slot and member: so the slots of one node share their other replicas among all other nodes, and its failure
 *    loads all of them a little, not one neighbour alone.
 * 3. A member above its quota hands one replica to a member below: one copy each, which is the least possible, since
 *    each member below must receive what it lacks. Only where no slot allows that directly, a chain of members each
 *    passes one on (the shortest, by breadth-first search). If there is none, the quota is missed rather than a domain.
 *    What step 2 placed was not copied yet, so passing that on is free, and tried first, directly and by chains.
 */
import { assert } from "../lib/assert.ts"
import type { Domains, PlacementMember } from "./domains.ts"

const nobody = -1

/** Which replicas may be passed on, and to whom: to a holder that was to go, those not yet copied, any. */
type Manner = "spare" | "planned" | "any"

export class ReplicaPlan {
  /** Holders of slot s at `s * factor` and on; `-1` = none. The order means nothing. */
  readonly places: Int32Array
  /** Replicas per member. */
  readonly held: Int32Array
  /** 1 where the replica is planned and not there yet. */
  private readonly planned: Uint8Array
  /** Holders of a slot beyond the factor, which are to go. */
  private readonly spares = new Map<number, number[]>()
  private readonly slotsOf: number[][]
  private readonly memberHashes: Int32Array
  private readonly domains: Domains
  private readonly slots: number
  private readonly factor: number
  private quotas: Int32Array

  constructor(members: readonly PlacementMember[], domains: Domains, slots: number, factor: number) {
    this.places = new Int32Array(slots * factor).fill(nobody)
    this.held = new Int32Array(members.length)
    this.planned = new Uint8Array(slots * factor)
    this.quotas = new Int32Array(members.length)
    this.slotsOf = members.map(() => [])
    this.memberHashes = Int32Array.from(members, (member) => hashText(member.id))
    this.domains = domains
    this.slots = slots
    this.factor = factor
  }

  /** Keeps a replica that there is, if it fits. */
  keep(slot: number, member: number): void {
    const place = this.placeOf(slot, nobody)
    if (place !== -1 && this.allows(slot, member, nobody)) this.put(slot, place, member, 0)
  }

  /** Holds the slot, too, and was not kept. */
  spare(slot: number, member: number): void {
    const spares = this.spares.get(slot)
    if (spares === undefined) this.spares.set(slot, [member])
    else spares.push(member)
  }

  holdersOf(slot: number): number[] {
    const holders: number[] = []
    for (let place = slot * this.factor; place < (slot + 1) * this.factor; place++) {
      const member = this.places[place] as number
      if (member !== nobody) holders.push(member)
    }
    return holders
  }

  reach(quotas: Int32Array): void {
    this.quotas = quotas
    if (this.spares.size > 0) this.shed("spare")
    this.fillMissing()
    this.shed("planned")
    this.shed("any")
    // What is still missing was refused by domains while others were in the way.
    this.fillMissing()
  }

  private shed(manner: Manner): void {
    for (let member = 0; member < this.held.length; member++) this.shedDirectly(member, manner)
    for (let member = 0; member < this.held.length; member++)
      while (this.exceeds(member) && this.shedByChain(member, manner));
  }

  private fillMissing(): void {
    for (let slot = 0; slot < this.slots; slot++) {
      for (let place = this.placeOf(slot, nobody); place !== -1; place = this.placeOf(slot, nobody)) {
        const member = this.neediest(slot)
        if (member === nobody) break
        this.put(slot, place, member, 1)
      }
    }
  }

  /** @returns the member furthest below its quota that may hold `slot`; above the quota if need be */
  private neediest(slot: number): number {
    let best = nobody
    let bestLack = Number.NEGATIVE_INFINITY
    let bestHash = 0
    for (let member = 0; member < this.held.length; member++) {
      const lack = (this.quotas[member] as number) - (this.held[member] as number)
      if (lack < bestLack) continue
      const hash = mix(slot, this.memberHashes[member] as number)
      if (lack === bestLack && hash <= bestHash) continue
      if (!this.allows(slot, member, nobody)) continue
      best = member
      bestLack = lack
      bestHash = hash
    }
    return best
  }

  private shedDirectly(source: number, manner: Manner): void {
    const needy: number[] = []
    for (let member = 0; member < this.held.length; member++) if (this.lacks(member)) needy.push(member)
    if (needy.length === 0 || !this.exceeds(source)) return
    for (const slot of spreadOf(this.slots)) {
      if (!this.exceeds(source)) return
      if (this.placeOf(slot, source) === -1 || !this.mayLeave(slot, source, manner)) continue
      let best = nobody
      let bestLack = 0
      for (const target of needy) {
        const lack = (this.quotas[target] as number) - (this.held[target] as number)
        if (lack <= bestLack || !this.mayTake(slot, target, source, manner)) continue
        best = target
        bestLack = lack
      }
      if (best !== nobody) this.move(slot, source, best, manner)
    }
  }

  /** @returns whether a chain from `source` to a member below its quota was found and carried out */
  private shedByChain(source: number, manner: Manner): boolean {
    const reachedFrom = new Map<number, { readonly member: number; readonly slot: number }>()
    reachedFrom.set(source, { member: nobody, slot: nobody })
    const queue = [source]
    for (let at = 0; at < queue.length; at++) {
      const member = queue[at] as number
      for (const slot of this.slotsOf[member] as number[]) {
        if (!this.mayLeave(slot, member, manner)) continue
        for (let target = 0; target < this.held.length; target++) {
          if (reachedFrom.has(target) || !this.mayTake(slot, target, member, manner)) continue
          reachedFrom.set(target, { member, slot })
          if (!this.lacks(target)) {
            queue.push(target)
            continue
          }
          this.carryOut(target, reachedFrom, manner)
          return true
        }
      }
    }
    return false
  }

  /** From the end of the chain backwards, so that every step is one that was found allowed. */
  private carryOut(
    end: number,
    reachedFrom: ReadonlyMap<number, { readonly member: number; readonly slot: number }>,
    manner: Manner,
  ): void {
    let target = end
    for (;;) {
      const step = reachedFrom.get(target)
      if (step === undefined || step.member === nobody) return
      // Two steps of one chain may concern one slot; then the second may not fit any more, and the rest is left out.
      if (!this.mayTake(step.slot, target, step.member, manner)) return
      this.move(step.slot, step.member, target, manner)
      target = step.member
    }
  }

  private mayLeave(slot: number, member: number, manner: Manner): boolean {
    if (manner === "spare") return this.spares.has(slot)
    return manner === "any" || this.planned[this.placeOf(slot, member)] === 1
  }

  private mayTake(slot: number, member: number, leaving: number, manner: Manner): boolean {
    if (manner === "spare" && this.spares.get(slot)?.includes(member) !== true) return false
    return this.allows(slot, member, leaving)
  }

  private lacks(member: number): boolean {
    return (this.held[member] as number) < (this.quotas[member] as number)
  }

  private exceeds(member: number): boolean {
    return (this.held[member] as number) > (this.quotas[member] as number)
  }

  /** @returns whether `member` may join the holders of `slot`, given that `leaving` (or nobody) goes */
  private allows(slot: number, member: number, leaving: number): boolean {
    const { zoneOf, hostOf, zoneMax, hostMax } = this.domains
    let zone = 0
    let host = 0
    const end = (slot + 1) * this.factor
    for (let place = slot * this.factor; place < end; place++) {
      const holder = this.places[place] as number
      if (holder === nobody || holder === leaving) continue
      if (holder === member) return false
      if (zoneOf[holder] === zoneOf[member]) zone++
      if (hostOf[holder] === hostOf[member]) host++
    }
    return zone < zoneMax && host < hostMax
  }

  /** @returns the place that the member, or nobody, has in the slot; -1: none */
  private placeOf(slot: number, member: number): number {
    const end = (slot + 1) * this.factor
    for (let place = slot * this.factor; place < end; place++) if (this.places[place] === member) return place
    return -1
  }

  private put(slot: number, place: number, member: number, planned: 0 | 1): void {
    this.places[place] = member
    this.planned[place] = planned
    this.held[member] = (this.held[member] as number) + 1
    ;(this.slotsOf[member] as number[]).push(slot)
  }

  private move(slot: number, source: number, target: number, manner: Manner): void {
    const place = this.placeOf(slot, source)
    assert(place !== -1, "a replica moves from where it is")
    const slots = this.slotsOf[source] as number[]
    slots[slots.indexOf(slot)] = slots[slots.length - 1] as number
    slots.pop()
    this.held[source] = (this.held[source] as number) - 1
    this.put(slot, place, target, manner === "spare" ? 0 : 1)
    const spares = this.spares.get(slot)
    if (manner === "spare" && spares !== undefined) spares[spares.indexOf(target)] = source
  }
}

/** By how many slots there are: a plan is made for each view, and would sort them for each member. */
const spreads = new Map<number, Int32Array>()

/** Which slots go is free; taken in the order of a hash, they differ between members that shed at the same time. */
function spreadOf(slots: number): Int32Array {
  let spread = spreads.get(slots)
  if (spread === undefined) {
    const hashes = Int32Array.from({ length: slots }, (_, slot) => mix(slot, 0x5bd1e995))
    spread = Int32Array.from(hashes.keys()).sort((a, b) => (hashes[a] as number) - (hashes[b] as number))
    spreads.set(slots, spread)
  }
  return spread
}

/** FNV-1a: ids of any form become 32 bits. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash | 0
}

function mix(a: number, b: number): number {
  let z = (Math.imul(a, 0x9e3779b9) ^ b) | 0
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return (z ^ (z >>> 15)) | 0
}
