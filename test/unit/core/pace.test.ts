/** Copies for moves begin in groups that grow while the event loop keeps its time; those that restore the factor do not wait. */
import { describe, expect, it } from "vitest"
import {
  moveGrantsMax,
  moveGrantsMin,
  moveLateMsMax,
  moveLateMsMaxAtRest,
  restingRequestsMax,
  ticksPerMoveGrant,
} from "../../../src/core/lib/limits.ts"
import type { Follower } from "../../../src/core/replication/follower.ts"
import { Pace } from "../../../src/core/replication/pace.ts"
import { Peer } from "../../../src/core/replication/peer.ts"
import type { Replication } from "../../../src/core/replication/replication.ts"
import { startSnapshots } from "../../../src/core/replication/snapshot.ts"
import { readTail } from "../../../src/core/replication/tail.ts"
import type { TailWanted } from "../../../src/core/replication/transfer.ts"
import type { View } from "../../../src/core/view/view.ts"

/** Enough to get from one bound to the other, at rest. */
const rounds = Math.log2(moveGrantsMax / moveGrantsMin)
const moving = { settings: { replicationFactor: 2 }, slots: [{ inSync: ["s0", "s1"], learners: ["s9"] }] }
const view = moving as unknown as View
const learner = (): Follower => ({ isLearner: true, slot: { slot: 0 } }) as unknown as Follower

/** Two seconds. @returns how many may begin then */
function grant(pace: Pace, lateMs: number, used: boolean, requests = restingRequestsMax + 1): number {
  if (used) while (pace.admits(learner(), view));
  for (let tick = 0; tick < ticksPerMoveGrant; tick++)
    pace.tick(tick === 1 ? lateMs : 0, tick === 2 ? requests : 0)
  let count = 0
  while (pace.admits(learner(), view)) count++
  return count
}

describe("the pace of copies", () => {
  /** As many as there may be. */
  const atTheMost = () => {
    const pace = new Pace()
    for (let i = 0; i < rounds; i++) grant(pace, 0, true, 0)
    return pace
  }

  it("grows by one each time where clients are served", () => {
    const pace = new Pace()
    const grants = Array.from({ length: 3 }, () => grant(pace, moveLateMsMax, true))
    expect(grants).toEqual([1, 2, 3].map((more) => moveGrantsMin + more))
  })

  it("doubles each time where next to nothing is asked, up to a bound", () => {
    const pace = new Pace()
    const grants = Array.from({ length: rounds + 1 }, () =>
      grant(pace, moveLateMsMaxAtRest, true, restingRequestsMax),
    )
    expect(grants.slice(0, 3)).toEqual([2, 4, 8].map((times) => times * moveGrantsMin))
    expect(grants.at(-1)).toBe(moveGrantsMax)
    expect(grant(atTheMost(), 0, true)).toBe(moveGrantsMax)
  })

  it("halves where one tick came late, down to a bound", () => {
    const pace = atTheMost()
    expect(grant(pace, moveLateMsMax + 1, true)).toBe(moveGrantsMax / 2)
    expect(grant(pace, moveLateMsMaxAtRest + 1, true, 0)).toBe(moveGrantsMax / 4)
    for (let i = 0; i < rounds; i++) grant(pace, moveLateMsMax + 1, true)
    expect(grant(pace, moveLateMsMax + 1, true)).toBe(moveGrantsMin)
    expect(grant(pace, 0, true)).toBe(moveGrantsMin + 1)
  })

  it("goes back to what was made use of", () => {
    const pace = atTheMost()
    const used = 3 * moveGrantsMin
    for (let tick = 0; tick < ticksPerMoveGrant; tick++) pace.tick(0, 0)
    expect(grant(pace, 0, false, 0), "of nothing").toBe(moveGrantsMin)
    const busy = atTheMost()
    grant(busy, 0, true, 0)
    for (let tick = 0; tick < ticksPerMoveGrant; tick++) busy.tick(0, 0)
    for (let i = 0; i < used; i++) expect(busy.admits(learner(), view)).toBe(true)
    expect(grant(busy, 0, false, 0)).toBe(used)
  })
})

describe("a follower", () => {
  const exhausted = () => {
    const pace = new Pace()
    while (pace.admits(learner(), view));
    return pace
  }

  it("that had its turn goes on, and waits for nobody", () => {
    const pace = new Pace()
    const first = learner()
    expect(pace.admits(first, view)).toBe(true)
    while (pace.admits(learner(), view));
    expect(pace.admits(first, view)).toBe(true)
    expect(first.awaitsTurn).toBe(false)
  })

  it("awaits its turn until it comes", () => {
    const pace = exhausted()
    const late = learner()
    expect(pace.admits(late, view)).toBe(false)
    expect(late.awaitsTurn).toBe(true)
    for (let tick = 0; tick < ticksPerMoveGrant; tick++) pace.tick(0, 0)
    expect(pace.admits(late, view)).toBe(true)
    expect(late.awaitsTurn).toBe(false)
  })

  it("awaits nothing any more once a replica is missing, or when it is none that learns", () => {
    const pace = exhausted()
    const late = learner()
    expect(pace.admits(late, view)).toBe(false)
    const lacking = { ...moving, slots: [{ inSync: ["s0"], learners: ["s9"] }] } as unknown as View
    expect(pace.admits(late, lacking)).toBe(true)
    expect(late.awaitsTurn).toBe(false)
    const backup = { isLearner: false, slot: { slot: 0 } } as unknown as Follower
    expect(pace.admits(backup, view)).toBe(true)
  })
})

interface Begun {
  readonly snapshots: readonly number[]
  readonly tails: readonly number[]
  /** Whom the end of each turn has still to look at. */
  readonly behind: number
}

/** A primary of so many slots, each with a learner that needs a snapshot, or the log. @returns slots whose copy has begun */
function begun(slotCount: number, inSync: readonly string[], needsSnapshot: boolean): Begun {
  const snapshots: number[] = []
  const tails: number[] = []
  const peer = new Peer("s9")
  const slots = Array.from({ length: slotCount }, (_, slot) => {
    const log = {
      role: "primary",
      slot,
      committedSequence: 9,
      clockMs: 0,
      epochs: { at: () => 1 },
      followers: [] as object[],
    }
    log.followers.push({
      slot: log,
      peer,
      isLearner: true,
      needsSnapshot,
      snapshot: undefined,
      nextSequence: 1,
    })
    return log
  })
  const pace = new Pace()
  const replication = {
    slots,
    pace,
    view: {
      settings: { replicationFactor: 2 },
      slots: slots.map(() => ({ inSync, learners: ["s9"] })),
    },
    sendings: new Set(),
    clients: new Map(),
    seen: () => {},
    takeToken: () => 1,
    tails: new Map(),
    host: {
      readSlot: (_token: number, slot: number) => snapshots.push(slot),
      readTail: (_token: number, wanted: readonly TailWanted[]) =>
        tails.push(...wanted.map(({ slot }) => slot)),
    },
  } as unknown as Replication
  for (let tick = 0; tick < ticksPerMoveGrant; tick++) pace.tick(0, 0)
  startSnapshots(replication, { monotonicMs: 0, wallMs: 0 })
  for (const { followers } of replication.slots) for (const follower of followers) peer.behind.add(follower)
  if (!needsSnapshot) readTail(replication, peer)
  return { snapshots, tails, behind: peer.behind.size }
}

describe("copies of slots", () => {
  it("that only move begin as the pace grants it, from the table and from the log", () => {
    expect(begun(100, ["s0", "s1"], true)).toMatchObject({ snapshots: { length: moveGrantsMin }, tails: [] })
    expect(begun(100, ["s0", "s1"], false)).toMatchObject({ snapshots: [], tails: { length: moveGrantsMin } })
  })
  it("that wait for their turn are not looked at in each turn of the loop", () => {
    expect(begun(100, ["s0", "s1"], false).behind).toBe(moveGrantsMin)
  })
  it("that lack a replica begin all", () => {
    expect(begun(100, ["s0"], true).snapshots).toHaveLength(100)
    expect(begun(100, ["s0"], false).tails).toHaveLength(100)
  })
})
