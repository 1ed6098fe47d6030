/** How the slots of a view are held: counted right, and again when somebody falls silent. */
import { describe, expect, it } from "vitest"
import type { View } from "../../../src/core/view/view.ts"
import { tallyOf } from "../../../src/server/node/slot-tally.ts"

const member = (storageId: string, standing = "up") => ({ storageId, standing })
const slot = (inSync: string[], learners: string[] = []) => ({ inSync, learners, slotEpoch: 1 })

const view = {
  settings: { replicationFactor: 2 },
  members: [member("a"), member("b"), member("c", "down")],
  slots: [slot(["a", "b"]), slot(["b", "a"], ["d"]), slot(["c"], ["a", "b"]), slot(["c", "a"])],
} as unknown as View

describe("a tally of slots", () => {
  it("counts what members hold, what is short, not served and being copied, and who must come back", () => {
    const tally = tallyOf(view, new Set(["a", "b"]))
    expect(Object.fromEntries(tally.held)).toEqual({
      a: { primary: 1, replica: 2 },
      b: { primary: 1, replica: 1 },
      c: { primary: 2, replica: 0 },
    })
    const { least, short, unserved, copying, orphans } = tally
    expect({ least, short, unserved, copying, orphans: [...orphans] }).toEqual({
      least: 0,
      short: 2,
      unserved: 2,
      copying: 3,
      orphans: ["c"],
    })
  })

  it("is made once for a view and those who answer", () => {
    const tally = tallyOf(view, new Set(["a", "b"]))
    expect(tallyOf(view, new Set(["b", "a"]))).toBe(tally)
    expect(tallyOf(view, new Set(["a"]))).toMatchObject({ least: 0, short: 1, unserved: 3 })
    expect(tallyOf(view, new Set(["a", "c"]))).toMatchObject({ least: 1, short: 3, unserved: 1 })
    expect(tallyOf({ ...view, slots: [slot(["a", "b"])] }, new Set(["a", "c"]))).toMatchObject({ short: 1 })
  })

  it("of a view without slots reaches nothing", () => {
    expect(tallyOf({ ...view, slots: [] }, new Set(["a"])).least).toBe(0)
  })
})
