/** Copies for moves begin in groups that grow while the event loop keeps its time; those that restore the factor do not wait. */
import { describe, expect, it } from "vitest"
import {
  moveGrantsMax,
  moveGrantsMin,
  moveLateMsMax,
  moveLateMsMaxAtRest,
  partitionFiles,
  restingRequestsMax,
  ticksPerMoveGrant,
} from "../../../src/core/lib/limits.ts"
import { Pace } from "../../../src/core/replication/pace.ts"
import type { Replication } from "../../../src/core/replication/replication.ts"
import { startSnapshots } from "../../../src/core/replication/snapshot.ts"

/** Enough to get from one bound to the other, at rest. */
const rounds = Math.log2(moveGrantsMax / moveGrantsMin)

/** Begins all that may. @returns how many */
function use(pace: Pace): number {
  let count = 0
  for (; pace.mayBegin; count++) pace.begin()
  return count
}

/** Two seconds. @returns how many may begin then */
function grant(pace: Pace, lateMs: number, used: boolean, requests = restingRequestsMax + 1): number {
  if (used) use(pace)
  for (let tick = 0; tick < ticksPerMoveGrant; tick++)
    pace.tick(tick === 1 ? lateMs : 0, tick === 2 ? requests : 0)
  return use(pace)
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
    for (let i = 0; i < used; i++) busy.begin()
    expect(grant(busy, 0, false, 0)).toBe(used)
  })
})

/** A primary of so many slots, each with a learner that needs a snapshot. @returns slots whose copy has begun */
function begun(slotCount: number, inSync: readonly string[]): number[] {
  const read: number[] = []
  const slots = Array.from({ length: slotCount }, (_, slot) => {
    const log = {
      role: "primary",
      slot,
      committedSequence: 0,
      clockMs: 0,
      epochs: { at: () => 1 },
      followers: [] as object[],
    }
    log.followers.push({ slot: log, peer: {}, isLearner: true, needsSnapshot: true, snapshot: undefined })
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
    host: { readSlot: (_token: number, slot: number) => read.push(slot) },
  } as unknown as Replication
  for (let tick = 0; tick < ticksPerMoveGrant; tick++) pace.tick(0, 0)
  startSnapshots(replication, { monotonicMs: 0, wallMs: 0 })
  return read
}

describe("copies of slots", () => {
  it("that only move begin as the pace grants it", () => {
    expect(begun(100, ["s0", "s1"])).toHaveLength(moveGrantsMin)
  })
  it("begin with those that lie in one file of the table", () => {
    const files = begun(partitionFiles * moveGrantsMin, ["s0", "s1"]).map((slot) => slot % partitionFiles)
    expect(new Set(files).size).toBe(1)
  })
  it("that lack a replica begin all", () => {
    expect(begun(100, ["s0"])).toHaveLength(100)
  })
})
