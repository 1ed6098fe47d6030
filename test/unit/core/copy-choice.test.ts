/** What a replica that lags is sent: the log from where both agree, or, where it has nothing of much, a snapshot. */
import { describe, expect, it } from "vitest"
import { tailFromNothingMax } from "../../../src/core/lib/limits.ts"
import type { DataMessage } from "../../../src/core/node/data-message.ts"
import { Follower } from "../../../src/core/replication/follower.ts"
import { Peer } from "../../../src/core/replication/peer.ts"
import { onAppended } from "../../../src/core/replication/primary.ts"
import type { Replication } from "../../../src/core/replication/replication.ts"
import { SlotLog } from "../../../src/core/replication/slot-log.ts"

const now = { monotonicMs: 0, wallMs: 0 }

/** A primary that committed so many records, and hears that a replica's log ends at `ending`. */
function told(committed: number, ending: number, isLearner: boolean): "snapshot" | "log" | "nothing" {
  const slot = new SlotLog(0, 1)
  slot.restart(1, committed)
  const peer = new Peer("s1")
  const follower = new Follower(slot, peer, 1, isLearner)
  const replication = {
    peer: () => peer,
    followerOf: () => follower,
    seen: () => {},
  } as unknown as Replication
  const epochs = ending === 0 ? [] : [{ slotEpoch: 1, firstSequence: 1 }]
  const state = { slot: 0, slotEpoch: 1, sequence: ending, committedSequence: ending, epochs }
  const message = { from: { storageId: "s1", boot: 1 }, epoch: 1 } as DataMessage
  onAppended(replication, message, { kind: "appended", number: 1, acknowledged: [], refused: [state] }, now)
  if (follower.needsSnapshot) return "snapshot"
  return peer.behind.has(follower) ? "log" : "nothing"
}

describe("a replica that lags", () => {
  it("gets the log where it has a part, however much is missing", () => {
    expect(told(100_000, 1, true)).toBe("log")
    expect(told(100_000, 99_999, true)).toBe("log")
  })

  it("gets a snapshot where it learns and has nothing of much, and the log where there is little", () => {
    expect(told(tailFromNothingMax + 1, 0, true)).toBe("snapshot")
    expect(told(tailFromNothingMax, 0, true)).toBe("log")
  })

  it("that is in sync is no learner: it gets the log", () => {
    expect(told(tailFromNothingMax + 1, 0, false)).toBe("log")
  })
})
