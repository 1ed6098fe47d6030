/**
 * View 1 follows from view 0 by a rule without choice: the founders are the members, the first five, three or one of
 * them by node id vote, and the planner places the slots. So whoever proposes it proposes the same.
 *
 * The other value that the founders may decide is the *void* view: this founding is given up, and everybody in it starts
 * over with a new storage id. That it is decided by the same agreement, and not concluded by each alone from what it
 * happens to hear, is the point: a founder that sees a peer come back wiped cannot know whether that peer had voted, or
 * whether another is voting at this moment. A majority of view 0 settles it either way, once.
 *
 * The cluster id is a digest of view 0. Storage ids are random, and starting over draws new ones, so no two foundings
 * share one.
 */
import { sameView } from "./delta.ts"
import type { Founder, FoundingRecord } from "./founding.ts"
import { planPlacement } from "../ring/placement.ts"
import { freezeView, type SlotAssignment, type StorageId, type View } from "./view.ts"

/** Begins the id under which the founders of one view 0 talk, so that two foundings never mix. */
const foundingPrefix = "?"

/** What a fresh directory starts with. A founder that has restarted since asks for its present boot, as after any restart. */
const firstBoot = 1

/** View 0 as a view: all founders vote. */
export function viewZero(record: FoundingRecord): View {
  return freezeView({
    clusterId: foundingPrefix + digestOf(record.founders.map((founder) => founder.storageId)),
    epoch: 0,
    members: record.founders.map((founder) => memberOfFounder(founder)),
    voters: record.founders.map((founder) => founder.storageId),
    settings: record.settings,
    slots: [],
    losses: [],
  })
}

/** Placing all slots takes a tenth of a second, and a founder compares what others propose with its own result. */
const foundedViews = new WeakMap<View, View>()

/** @returns view 1 of the cluster that view 0 founds */
export function foundedView(zero: View): View {
  const known = foundedViews.get(zero)
  if (known !== undefined) return known
  const founded = makeFoundedView(zero)
  foundedViews.set(zero, founded)
  return founded
}

function makeFoundedView(zero: View): View {
  return freezeView({
    clusterId: zero.clusterId.slice(foundingPrefix.length),
    epoch: 1,
    members: zero.members,
    voters: zero.voters.slice(0, votersFor(zero.members.length)),
    settings: zero.settings,
    slots: firstSlots(zero),
    losses: [],
  })
}

/** @returns the decision to give this founding up */
export function voidView(zero: View): View {
  return freezeView({ ...zero, epoch: 1, members: [], voters: [], slots: [] })
}

export function isVoid(view: View): boolean {
  return view.epoch === 1 && view.members.length === 0
}

/** @returns how many voters a cluster of so many members wants */
export function votersFor(members: number): number {
  return members >= 5 ? 5 : members >= 3 ? 3 : 1
}

/** @returns what is wrong with `next` as the outcome of a founding */
export function illegalFounding(zero: View, next: View): string | undefined {
  const expected = isVoid(next) ? voidView(zero) : foundedView(zero)
  return sameView(next, expected) ? undefined : "not what view 0 founds"
}

function firstSlots(zero: View): SlotAssignment[] {
  const members = zero.members.map(({ storageId, weight, zone }) => ({
    id: storageId,
    weight,
    host: "",
    zone,
  }))
  const nobody = Array.from({ length: zero.settings.slotCount }, () => [])
  return planPlacement(members, nobody, zero.settings.replicationFactor).map((holders) =>
    Object.freeze({ inSync: holders, learners: [], slotEpoch: 1 }),
  )
}

function memberOfFounder(founder: Founder): View["members"][number] {
  return Object.freeze({
    nodeId: founder.nodeId,
    storageId: founder.storageId,
    boot: firstBoot,
    address: founder.address,
    standing: "up",
    weight: founder.weight,
    zone: founder.zone,
  })
}

/** 128 bits mixed from the storage ids (four FNV-1a lanes with murmur's finish); not a secret, only distinct. */
function digestOf(storages: readonly StorageId[]): string {
  const text = storages.join(" ")
  const lanes = [0x811c9dc5, 0x9747b28c, 0x3c6ef372, 0xa54ff53a].map((seed) => {
    let hash = seed
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return ((hash ^ (hash >>> 16)) >>> 0).toString(16).padStart(8, "0")
  })
  return lanes.join("")
}
