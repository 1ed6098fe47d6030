/** What becomes of slots whose holders want to stop, before any of them has released anything. */
import { describe, expect, it } from "vitest"
import { planNext } from "../../../src/core/member/plan.ts"
import { freezeView, type View } from "../../../src/core/view/view.ts"
import { smallView } from "../view/sample.ts"
import { situationOf } from "./situation.ts"

const inSync = [
  ["s0", "s1"],
  ["s1", "s2"],
  ["s2", "s0"],
]

function view(): View {
  const small = smallView()
  return freezeView({
    ...small,
    settings: { ...small.settings, replicationFactor: 2, slotCount: inSync.length },
    slots: inSync.map((each) => ({ inSync: each, learners: [], slotEpoch: 3 })),
  })
}

/** @returns the next view's slots where they change, and who is down in it */
function planned(stopping: readonly string[]) {
  const present = view()
  const situation = situationOf(present, (storageId) => ({
    standing: stopping.includes(storageId) ? "down" : "up",
  }))
  const plan = planNext(present, situation)
  const delta = plan?.proposal().delta
  return {
    slots: Object.fromEntries(delta?.slots.map(({ slot, assignment }) => [slot, assignment.inSync]) ?? []),
    down:
      delta?.members.filter(({ standing }) => standing === "down").map(({ storageId }) => storageId) ?? [],
    isStop: plan?.isStop,
  }
}

describe("members that want to stop", () => {
  it("all of them: they are down as they are, all in sync", () => {
    expect(planned(["s0", "s1", "s2"])).toEqual({ slots: {}, down: ["s0", "s1", "s2"], isStop: true })
  })

  it("one of them: gives up its backup places and keeps the primary ones until it has released them", () => {
    expect(planned(["s0"])).toEqual({ slots: { 2: ["s2"] }, down: [], isStop: true })
  })

  it("two of them: the slot that only these hold stays as it is, and each goes on handing over to the third", () => {
    expect(planned(["s0", "s1"])).toEqual({ slots: { 2: ["s2"] }, down: ["s0"], isStop: true })
  })
})
