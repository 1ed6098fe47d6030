import { expect, it } from "vitest"
import { partitionFiles } from "../../../src/core/lib/limits.ts"
import { Follower } from "../../../src/core/replication/follower.ts"
import { ledOf } from "../../../src/core/replication/led.ts"
import { Peer } from "../../../src/core/replication/peer.ts"
import { SlotLog } from "../../../src/core/replication/slot-log.ts"

it("the slots that a node leads are those that others follow, file by file of the table", () => {
  const slots = Array.from({ length: 3 * partitionFiles }, (_, index) => new SlotLog(index, 1))
  const followed = [0, 1, partitionFiles, partitionFiles + 1, 2 * partitionFiles + 1]
  for (const index of followed) {
    const slot = slots[index] as SlotLog
    slot.followers = [new Follower(slot, new Peer("s1"), 1, false)]
  }
  expect(ledOf(slots).map(({ slot }) => slot)).toEqual([
    0,
    partitionFiles,
    1,
    partitionFiles + 1,
    2 * partitionFiles + 1,
  ])
})
