/** Where all is quiet a view is planned for once; whatever is told, asked or allowed later is still seen. */
import { describe, expect, it } from "vitest"
import { planNext } from "../../../src/core/member/plan.ts"
import { freezeView, type View } from "../../../src/core/view/view.ts"
import { smallView } from "../view/sample.ts"
import { situationOf } from "./situation.ts"

/** With a replica missing, which nobody may restore yet. */
function shortOfOne(): View {
  const small = smallView()
  return freezeView({
    ...small,
    settings: { ...small.settings, replicationFactor: 3, slotCount: 1 },
    slots: [{ inSync: ["s0", "s1"], learners: [], slotEpoch: 3 }],
  })
}

function reasons(view: View, situation: ReturnType<typeof situationOf>): readonly string[] | undefined {
  return planNext(view, situation)?.reasons
}

describe("a view in which nothing was wanted", () => {
  const view = shortOfOne()
  const quiet = { ...situationOf(view, () => ({})), mayRepair: false }
  it("is one in which nothing is wanted, as long as all is quiet", () => {
    expect(reasons(view, quiet)).toBeUndefined()
    expect(reasons(view, quiet)).toBeUndefined()
  })
  it("is mended once that is allowed", () => {
    expect(reasons(view, { ...quiet, mayRepair: true }), "slots only").toEqual([])
    expect(reasons(view, quiet)).toBeUndefined()
  })
  const tellings = {
    "a restart": { identity: { ...(view.members[1] as View["members"][number]), boot: 99 } },
    "a stop": { standing: "down" },
    "a leave": { standing: "leaving" },
    "a want": { wants: [{ kind: "giveUp", epoch: view.epoch, slot: 0 }] },
  } as const
  for (const [what, told] of Object.entries(tellings))
    it(`is another again at ${what}`, () => {
      expect(reasons(view, quiet)).toBeUndefined()
      const situation = situationOf(view, (storageId) => (storageId === "s1" ? told : {}))
      expect(reasons(view, { ...situation, mayRepair: false })).toBeDefined()
    })
  it("is another again when one who is down comes back", () => {
    const down = freezeView({
      ...view,
      members: view.members.map((m) => (m.storageId === "s2" ? { ...m, standing: "down" } : m)),
    })
    const away = situationOf(down, (storageId) => (storageId === "s2" ? undefined : {}))
    expect(reasons(down, away)).toBeUndefined()
    expect(
      reasons(
        down,
        situationOf(down, () => ({})),
      ),
    ).toHaveLength(1)
  })
  it("is another again when one who may vote has told of it", () => {
    const short = freezeView({ ...view, voters: ["s0", "s1"] })
    const epoch = view.epoch - 1
    const late = situationOf(short, (storageId) => (storageId === "s2" ? { epoch } : {}))
    expect(reasons(short, late)).toBeUndefined()
    expect(
      reasons(
        short,
        situationOf(short, () => ({})),
      ),
    ).toEqual([expect.stringContaining("votes")])
  })
  it("is another again when somebody falls silent, asks to join, or an operator orders something", () => {
    expect(reasons(view, quiet)).toBeUndefined()
    const silent = situationOf(view, (storageId) => (storageId === "s1" ? undefined : {}))
    expect(reasons(view, { ...silent, mayEvict: () => true })).toHaveLength(1)
    const identity = { nodeId: "f".repeat(64), storageId: "s9", boot: 1, address: "n9:1" }
    const joiner = { identity, weight: 1, zone: "", forgetAtMs: Infinity }
    expect(reasons(view, { ...quiet, joiners: [joiner] })).toEqual(["n9:1 joins"])
    const order = { kind: "set", change: { suspectMs: 9_999 } } as const
    expect(reasons(view, { ...quiet, orders: [order] })).toEqual(["sets suspectMs 9999"])
  })
})
