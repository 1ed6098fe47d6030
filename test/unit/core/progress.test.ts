/** How far a copy has come, as its primary tells it. */
import { expect, test } from "vitest"
import type { Follower } from "../../../src/core/replication/follower.ts"
import { progressOf } from "../../../src/core/replication/progress.ts"
import type { Replication } from "../../../src/core/replication/replication.ts"

function told(follower: Partial<Follower>, role = "primary", flushedCount = 200): number | undefined {
  const slot = { slot: 0, sequence: 10, role, followers: [] as unknown[] }
  slot.followers.push({
    peer: { storageId: "learner" },
    slot,
    isCertified: false,
    needsSnapshot: false,
    ...follower,
  })
  const host = { flushedSlot: () => ({ sequence: 10, count: flushedCount, hash: 0 }) }
  return progressOf({ slots: [slot], host } as unknown as Replication, 0, "learner")
}
const sending = (entriesTaken: number) => ({ entriesTaken }) as Follower["snapshot"]

test("a copy is as far as its log or its snapshot, and done when it is vouched for", () => {
  expect(told({ ackedSequence: -1 })).toBe(0)
  expect(told({ ackedSequence: 4 })).toBe(0.4)
  expect(told({ ackedSequence: 10 })).toBe(0.99)
  expect(told({ ackedSequence: 4, needsSnapshot: true })).toBe(0)
  expect(told({ ackedSequence: 4, snapshot: sending(50) })).toBe(0.25)
  expect(told({ ackedSequence: 4, snapshot: sending(300) })).toBe(0.99)
  expect(told({ ackedSequence: 0, snapshot: sending(0) }, "primary", 0)).toBe(0)
  expect(told({ ackedSequence: 10, isCertified: true })).toBe(1)
})

test("only the primary knows", () => {
  expect(told({ ackedSequence: 4 }, "backup")).toBeUndefined()
})
