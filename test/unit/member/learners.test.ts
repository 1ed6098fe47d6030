/** Who becomes a learner, and when: what lacks replicas first; who was given up begins anew, with a view between. */
import { describe, expect, it } from "vitest"
import { slotsPerLearner } from "../../../src/core/lib/limits.ts"
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

/** Two members hold everything, but for the last slots, of which one alone does; a third has nothing yet. */
function unequal(slotCount: number, lacking: number): View {
  const small = smallView()
  const slots = Array.from({ length: slotCount }, (_, slot) => {
    const holders = slot % 2 === 0 ? ["s0", "s1"] : ["s1", "s0"]
    return { inSync: slot < slotCount - lacking ? holders : holders.slice(0, 1), learners: [], slotEpoch: 3 }
  })
  const members = small.members.map((member) => ({ ...member, weight: 1, zone: "", standing: "up" as const }))
  return freezeView({ ...small, members, settings: { ...small.settings, slotCount }, slots })
}

/** Slots with learners, and how many of them lack a replica. */
function copying(view: View | undefined): { readonly all: number; readonly lacking: number } {
  const slots = (view as View).slots.filter(({ learners }) => learners.length > 0)
  return { all: slots.length, lacking: slots.filter(({ inSync }) => inSync.length < 2).length }
}

describe("slots that lack replicas", () => {
  const most = 1024 / slotsPerLearner

  it("come before those that only move", () => {
    expect(copying(after(unequal(1024, 0)))).toEqual({ all: most, lacking: 0 })
    expect(copying(after(unequal(1024, 100)))).toEqual({ all: most, lacking: 100 })
    expect(copying(after(unequal(1024, most + 50)))).toEqual({ all: most + 50, lacking: most + 50 })
    expect(copying(after(unequal(1024, 3 * most)))).toEqual({ all: 2 * most, lacking: 2 * most })
  })

  it("do not wait for moves that are under way", () => {
    const moving = after(unequal(1024, 0)) as View
    const slots = moving.slots.map((slot, i) =>
      i < 1000 ? slot : { ...slot, inSync: slot.inSync.slice(0, 1) },
    )
    const known = copying(moving)
    const before = slots.filter(({ inSync, learners }) => inSync.length < 2 && learners.length > 0).length
    expect(known.all).toBe(most)
    expect(before).toBeLessThan(24)
    expect(copying(after(freezeView({ ...moving, slots })))).toEqual({ all: most + 24 - before, lacking: 24 })
  })
})

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
