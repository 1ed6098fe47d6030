/** Whom a voter knows of. */
import { describe, expect, it } from "vitest"
import { Roll } from "../../../src/core/member/roll.ts"

const at = (monotonicMs: number) => ({ monotonicMs, wallMs: 0 })
const asker = (nodeId: string, storageId: string) => ({
  nodeId,
  storageId,
  boot: 1,
  address: "127.0.0.9:2836",
})
const asking = (roll: Roll, ms: number) => roll.joiners(at(ms)).map(({ identity }) => identity.storageId)

describe("those who ask to be taken in", () => {
  it("are known until they have been silent for a while", () => {
    const roll = Roll.started(at(0), 1_500)
    roll.onJoin(asker("1", "s1"), 1, "", at(0))
    roll.onJoin(asker("2", "s2"), 1, "", at(1_000))
    expect(asking(roll, 2_999)).toEqual(["s1", "s2"])
    expect(asking(roll, 3_000)).toEqual(["s2"])
  })

  it("are one where they have one node id: the disk that asked last", () => {
    const roll = Roll.started(at(0), 1_500)
    roll.onJoin(asker("1", "lost"), 1, "", at(0))
    roll.onJoin(asker("2", "other"), 1, "", at(0))
    roll.onJoin(asker("1", "new"), 1, "", at(10))
    roll.onJoin(asker("1", "new"), 1, "", at(20))
    expect(asking(roll, 30)).toEqual(["other", "new"])
  })
})
