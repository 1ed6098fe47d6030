/**
 * What adding and removing members would move, without doing it: the planner's own target for the cluster as it would be,
 * compared with who holds what now. The cluster plans anew from view to view on its way there, so single slots may go another
 * way; the shares that come of it are these, as long as nothing else changes.
 */
import { planPlacement } from "../ring/placement.ts"
import type { SlotAssignment, StorageId, View } from "../view/view.ts"

/** Slots that a member is the primary of, and those that it holds a replica of. */
export interface Share {
  readonly primary: number
  readonly replica: number
}

export interface ForecastMember {
  /** "" for one that is to be added. */
  readonly storageId: StorageId
  readonly change: "stays" | "joins" | "leaves"
  readonly before: Share
  readonly after: Share
}

/** Copies of slots that one member gives up and another makes; `from` is "" where nobody gives one up. */
export interface ForecastMove {
  readonly from: StorageId
  readonly to: StorageId
  readonly slots: number
}

export interface Forecast {
  readonly members: readonly ForecastMember[]
  /** Replicas of each slot that there would be. */
  readonly replicas: number
  readonly copies: number
  readonly handOvers: number
  readonly moves: readonly ForecastMove[]
}

/** Names of members that do not exist yet; no storage has one. */
const newcomer = "new "

/** @param added how many members join; @param removed storages of members that leave */
export function forecast(view: View, added: number, removed: ReadonlySet<StorageId>): Forecast {
  const up = view.members.filter((member) => member.standing === "up" && !removed.has(member.storageId))
  const members = [
    ...up.map(({ storageId, weight, zone }) => ({ id: storageId, weight, zone, host: "" })),
    ...Array.from({ length: added }, (_, i) => ({
      id: `${newcomer}${i + 1}`,
      weight: 1,
      zone: "",
      host: "",
    })),
  ]
  const present = view.slots.map(({ inSync, learners }) => [...inSync, ...learners])
  const target = planPlacement(members, present, view.settings.replicationFactor)
  const moves = new Map<string, ForecastMove>()
  let copies = 0
  let handOvers = 0
  for (let slot = 0; slot < target.length; slot++) {
    const holders = target[slot] as readonly string[]
    const { inSync } = view.slots[slot] as SlotAssignment
    if (holders.length > 0 && holders[0] !== inSync[0]) handOvers++
    const given = inSync.filter((storageId) => !holders.includes(storageId))
    for (const to of holders.filter((storageId) => !inSync.includes(storageId))) {
      const from = given.shift() ?? ""
      const key = `${from} ${to}`
      copies++
      moves.set(key, { from, to, slots: (moves.get(key)?.slots ?? 0) + 1 })
    }
  }
  const before = sharesOf(view.slots.map((assignment) => assignment.inSync))
  const after = sharesOf(target)
  const memberOf = (storageId: string, change: ForecastMember["change"]): ForecastMember => ({
    storageId: change === "joins" ? "" : storageId,
    change,
    before: before(storageId),
    after: after(storageId),
  })
  return {
    members: [
      ...view.members.map(({ storageId, standing }) =>
        memberOf(storageId, removed.has(storageId) || standing === "leaving" ? "leaves" : "stays"),
      ),
      ...members.slice(up.length).map(({ id }) => memberOf(id, "joins")),
    ],
    replicas: Math.min(view.settings.replicationFactor, members.length),
    copies,
    handOvers,
    moves: [...moves.values()],
  }
}

function sharesOf(placement: readonly (readonly string[])[]): (storageId: string) => Share {
  const shares = new Map<string, { primary: number; replica: number }>()
  for (const holders of placement) {
    for (const [place, storageId] of holders.entries()) {
      const share = shares.get(storageId) ?? { primary: 0, replica: 0 }
      shares.set(storageId, share)
      if (place === 0) share.primary++
      else share.replica++
    }
  }
  return (storageId) => shares.get(storageId) ?? { primary: 0, replica: 0 }
}
