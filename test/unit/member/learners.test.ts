/** A learner that its primary gives up begins anew, with a view between. */
import { describe, expect, it } from "vitest"
import type { Want } from "../../../src/core/member/event.ts"
import { planNext } from "../../../src/core/member/plan.ts"
import { applyDelta } from "../../../src/core/view/delta.ts"
import { freezeView, type View } from "../../../src/core/view/view.ts"
import { smallView } from "../view/sample.ts"
import { situationOf } from "./situation.ts"

function learning(): View {
  const small = smallView()
  return freezeView({
    ...small,
    settings: { ...small.settings, replicationFactor: 3, slotCount: 1 },
    slots: [{ inSync: ["s0", "s1"], learners: ["s2"], slotEpoch: 3 }],
  })
}

function after(view: View, ...wants: readonly Want[]): View | undefined {
  const known = situationOf(view, (storageId) => (storageId === "s0" ? { wants } : {}))
  const situation = { ...known, mayRepair: true }
  const plan = planNext(view, situation)
  return plan === undefined ? undefined : applyDelta(view, plan.proposal().delta)
}

describe("a learner", () => {
  it("that is given up is not taken back by the view that drops it, and is by the next", () => {
    const view = learning()
    expect(after(view)).toBeUndefined()
    const dropped = after(view, { kind: "drop", epoch: view.epoch, slot: 0, storageId: "s2" })
    expect(dropped?.slots[0]).toMatchObject({ inSync: ["s0", "s1"], learners: [] })
    const again = after(dropped as View)
    expect(again?.slots[0]).toMatchObject({ inSync: ["s0", "s1"], learners: ["s2"] })
  })
})
