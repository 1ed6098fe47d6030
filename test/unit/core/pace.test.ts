/** Copies for moves begin in groups that grow while the event loop keeps its time; those that restore the factor do not wait. */
import { describe, expect, it } from "vitest"
import {
  moveGrantsMax,
  moveGrantsMin,
  moveLateMsMax,
  ticksPerMoveGrant,
} from "../../../src/core/lib/limits.ts"
import { Pace } from "../../../src/core/replication/pace.ts"
import type { Replication } from "../../../src/core/replication/replication.ts"
import { startSnapshots } from "../../../src/core/replication/snapshot.ts"

/** Half a second. @returns how many may begin then */
function grant(pace: Pace, lateMs: number, used: boolean): number {
  if (used) while (pace.mayBegin) pace.begin()
  for (let tick = 0; tick < ticksPerMoveGrant; tick++) pace.tick(tick === 1 ? lateMs : 0)
  let count = 0
  while (pace.mayBegin) {
    pace.begin()
    count++
  }
  return count
}

describe("the pace of copies", () => {
  it("grows by as many each time, up to a bound", () => {
    const pace = new Pace()
    const grants = Array.from({ length: 20 }, () => grant(pace, moveLateMsMax, true))
    expect(grants.slice(0, 3)).toEqual([2, 3, 4].map((times) => times * moveGrantsMin))
    expect(grants.at(-1)).toBe(moveGrantsMax)
  })

  it("halves where one tick came late, down to a bound", () => {
    const pace = new Pace()
    for (let i = 0; i < 20; i++) grant(pace, 0, true)
    expect(grant(pace, moveLateMsMax + 1, true)).toBe(moveGrantsMax / 2)
    for (let i = 0; i < 20; i++) grant(pace, moveLateMsMax + 1, true)
    expect(grant(pace, moveLateMsMax + 1, true)).toBe(moveGrantsMin)
    expect(grant(pace, 0, true)).toBe(2 * moveGrantsMin)
  })

  it("begins anew where less was wanted than granted", () => {
    const pace = new Pace()
    for (let i = 0; i < 5; i++) grant(pace, 0, true)
    for (let tick = 0; tick < 2 * ticksPerMoveGrant; tick++) pace.tick(0)
    expect(grant(pace, 0, true)).toBe(2 * moveGrantsMin)
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
  for (let tick = 0; tick < ticksPerMoveGrant; tick++) pace.tick(0)
  startSnapshots(replication, { monotonicMs: 0, wallMs: 0 })
  return read
}

describe("copies of slots", () => {
  it("that only move begin as the pace grants it", () => {
    expect(begun(100, ["s0", "s1"])).toHaveLength(moveGrantsMin)
  })
  it("that lack a replica begin all", () => {
    expect(begun(100, ["s0"])).toHaveLength(100)
  })
})
