/** Who goes on with a slot that an operator gives up: never anybody before all who are up have said what they hold. */
import { describe, expect, it } from "vitest"
import type { Want } from "../../../src/core/member/event.ts"
import { planNext } from "../../../src/core/member/plan.ts"
import { freezeView, type View } from "../../../src/core/view/view.ts"
import { smallView } from "../view/sample.ts"
import { situationOf } from "./situation.ts"

const slotCount = 3

/** s0 and s1 are up; all slots are in sync on s2 alone, which is down. */
function view(): View {
  const small = smallView()
  return freezeView({
    ...small,
    settings: { ...small.settings, replicationFactor: 1, slotCount },
    members: small.members.map((member, i) => (i === 2 ? { ...member, standing: "down" as const } : member)),
    slots: Array.from({ length: slotCount }, () => ({ inSync: ["s2"], learners: [], slotEpoch: 3 })),
  })
}

type Offer = readonly [lastEpoch: number, sequence: number]

/** @returns who is to have each slot in the next view, and what that view gives up */
function planned(offers: Readonly<Record<string, readonly Offer[]>>, staleEpochs = 0) {
  const present = view()
  const epoch = present.epoch - staleEpochs
  const wantsOf = (own: readonly Offer[]) =>
    own.map(([lastEpoch, sequence], slot): Want => ({ kind: "offer", epoch, slot, lastEpoch, sequence }))
  const situation = situationOf(
    present,
    (storageId) => {
      const own = offers[storageId]
      return own === undefined ? undefined : { epoch, wants: wantsOf(own) }
    },
    [{ kind: "recover", storageIds: ["s2"] }],
  )
  const delta = planNext(present, situation)?.proposal().delta
  const heirs = new Map(delta?.slots.map(({ slot, assignment }) => [slot, assignment.inSync]))
  return { heirs, loss: delta?.loss }
}

const none: Offer = [0, 0]

describe("a slot that is given up", () => {
  it("goes to the newest copy: of the later epoch, then with more entries", () => {
    const { heirs, loss } = planned({
      s0: [none, [2, 5], [2, 90]],
      s1: [
        [1, 4],
        [2, 7],
        [3, 8],
      ],
    })
    expect([...heirs]).toEqual([
      [0, ["s1"]],
      [1, ["s1"]],
      [2, ["s1"]],
    ])
    expect(loss).toMatchObject({ lost: [{ storageId: "s2" }], slots: [0, 1, 2] })
    expect([...planned({ s0: [[3, 8]], s1: [[2, 90]] }).heirs]).toEqual([[0, ["s0"]]])
  })

  it("waits until everybody who is up has said in this epoch what he holds of it", () => {
    expect(planned({ s0: [[2, 5]] }).loss).toBeUndefined()
    expect(planned({ s0: [[2, 5]], s1: [none] }, 1).loss).toBeUndefined()
    expect(planned({ s0: [[2, 5], none], s1: [none] }).loss?.slots).toEqual([0])
  })
})
