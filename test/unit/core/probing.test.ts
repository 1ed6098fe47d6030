/** Whom a primary asks, as time passes, where the log of a replica ends. */
import { describe, expect, it } from "vitest"
import { Follower } from "../../../src/core/replication/follower.ts"
import { Peer } from "../../../src/core/replication/peer.ts"
import { tickPrimary } from "../../../src/core/replication/primary.ts"
import type { Replication } from "../../../src/core/replication/replication.ts"
import type { Sending } from "../../../src/core/replication/snapshot.ts"
import { SlotLog } from "../../../src/core/replication/slot-log.ts"

const replication = { view: { epoch: 2 } } as unknown as Replication
const now = { monotonicMs: 10_000, wallMs: 0 }

/** @returns whether the learner of a slot that holds nine records is asked */
function isAsked(change: (learner: Follower) => void): boolean {
  const slot = new SlotLog(0, 1)
  slot.restart(1, 9)
  const peer = new Peer("s1")
  const learner = new Follower(slot, peer, 1, true)
  slot.followers = [learner]
  change(learner)
  tickPrimary(replication, slot, 100, now)
  return peer.takeAppend() !== undefined
}

/** It holds all. */
function level(learner: Follower): void {
  learner.ackedSequence = 9
  learner.committedSequence = 9
}

describe("a learner", () => {
  it("is asked where it lacks something, until it tells", () => {
    expect(isAsked(() => {})).toBe(true)
    expect(isAsked((learner) => (learner.probeAtMs = now.monotonicMs + 1))).toBe(false)
  })

  it("that holds all is asked once more in each view, for its word", () => {
    expect(isAsked(level)).toBe(true)
    expect(
      isAsked((learner) => {
        level(learner)
        learner.ackedEpoch = 2
      }),
    ).toBe(false)
  })

  it.each<[string, (learner: Follower) => void]>([
    ["waits for a snapshot", (learner) => (learner.needsSnapshot = true)],
    ["is sent one", (learner) => (learner.snapshot = {} as Sending)],
  ])("that %s has nothing to tell", (_, change) => {
    expect(isAsked(change)).toBe(false)
  })
})
