/**
 * The placement planner: which members are to hold each slot, and which of them is its primary. A deterministic
 * function of members, weights, the present assignment and the factor, so that any coordinator plans the same; but the
 * view stores its result, so that nothing rests on that (cluster.md, Placement and moving).
 *
 * Consistent hashing (Chord's ring, virtual nodes, rendezvous) was rejected: it is even only on average, and a factor of
 * 1 with 4 slots per node is far from the average. Here shares are exact to one slot, and moving a slot is a decision
 * that is stored, so few moves are wanted and not a fixed formula.
 *
 * Three steps: quotas (`domains.ts`) say how many replicas each member holds; `replica-plan.ts` brings the present
 * assignment there by as few copies as possible; `primary-plan.ts` evens the primaries, which copies nothing.
 */
import { assert } from "../lib/assert.ts"
import { replicationFactorMax } from "../lib/limits.ts"
import { domainsOf, quotasOf } from "./domains.ts"
import type { PlacementMember } from "./domains.ts"
import { planPrimaries } from "./primary-plan.ts"
import { ReplicaPlan } from "./replica-plan.ts"

export type { PlacementMember } from "./domains.ts"

/** Per slot the ids of its holders, the primary first. */
export type Placement = readonly (readonly string[])[]

/**
 * @param members that may hold slots, in the order of the ring; ids differ
 * @param present who holds each slot now, the primary first; holders that are not members count as lost
 * @param factor replicas wanted, from 1 to `replicationFactorMax`; with fewer members, as many as there are
 * @returns for each slot of `present` the target; empty lists if there are no members
 */
export function planPlacement(
  members: readonly PlacementMember[],
  present: Placement,
  factor: number,
): string[][] {
  assert(Number.isInteger(factor) && factor >= 1 && factor <= replicationFactorMax, "factor is in its range")
  assert(
    members.every((member) => member.weight > 0 && Number.isFinite(member.weight)),
    "weights are above 0",
  )
  if (members.length === 0) return present.map(() => [])
  const replicas = Math.min(factor, members.length)
  const indexOf = new Map(members.map((member, index) => [member.id, index]))
  assert(indexOf.size === members.length, "ids of members differ")

  const domains = domainsOf(members, replicas)
  const plan = new ReplicaPlan(members, domains, present.length, replicas)
  keepPresent(plan, members, present, indexOf, replicas)
  plan.reach(quotasOf(members, domains, present.length, replicas, plan.held))

  const primaryNow = Int32Array.from(present, (holders) => indexOf.get(holders[0] ?? "") ?? -1)
  const primaries = planPrimaries(plan.places, replicas, members.length, primaryNow)
  const ids = members.map(({ id }) => id)
  return present.map((_, slot) => {
    const primary = primaries[slot] as number
    const holders = [ids[primary] as string]
    for (let place = slot * replicas; place < (slot + 1) * replicas; place++) {
      const member = plan.places[place] as number
      if (member >= 0 && member !== primary) holders.push(ids[member] as string)
    }
    return holders
  })
}

/**
 * Keeps what is held. Where a slot has more holders than wanted (a replica has just moved, the factor was lowered), those go
 * that hold most for their weight: what is dropped costs nothing, what must be copied afterwards does. All that they hold
 * counts, not only what was looked at before: so a move that is half done is not taken back by the next plan.
 */
function keepPresent(
  plan: ReplicaPlan,
  members: readonly PlacementMember[],
  present: Placement,
  indexOf: ReadonlyMap<string, number>,
  replicas: number,
): void {
  const held = new Int32Array(members.length)
  const crowded: { readonly slot: number; readonly holders: readonly number[] }[] = []
  const list: number[] = []
  present.forEach((ids, slot) => {
    list.length = 0
    for (const id of ids) {
      const member = indexOf.get(id)
      if (member === undefined) continue
      list.push(member)
      held[member] = (held[member] as number) + 1
    }
    if (list.length > replicas) crowded.push({ slot, holders: [...list] })
    else for (const member of list) plan.keep(slot, member)
  })
  const load = (member: number) => (held[member] as number) / (members[member] as PlacementMember).weight
  for (const { slot, holders } of crowded) {
    for (const member of holders.toSorted((a, b) => load(a) - load(b))) plan.keep(slot, member)
    const kept = plan.holdersOf(slot)
    for (const member of holders) {
      if (kept.includes(member)) continue
      held[member] = (held[member] as number) - 1
      plan.spare(slot, member)
    }
  }
}
