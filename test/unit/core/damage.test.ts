/** What a replica that is worth nothing any more asks for. */
import { describe, expect, it } from "vitest"
import { successorOf, wantOfDamaged } from "../../../src/core/replication/damage.ts"
import { Follower } from "../../../src/core/replication/follower.ts"
import { Peer } from "../../../src/core/replication/peer.ts"
import type { Replication } from "../../../src/core/replication/replication.ts"
import { SlotLog } from "../../../src/core/replication/slot-log.ts"
import type { Standing } from "../../../src/core/view/view.ts"

const self = { storageId: "s0", boot: 3 }

/** This node, and others that follow it in one slot as they stand. */
function primaryOf(others: readonly (readonly [storageId: string, Standing, isLearner?: boolean])[]) {
  const slot = new SlotLog(0, 1)
  slot.role = "primary"
  slot.followers = others.map(([id, , isLearner = false]) => new Follower(slot, new Peer(id), 1, isLearner))
  const members = others.map(([storageId, standing]) => ({ storageId, standing }))
  return { slot, replication: { self, view: { epoch: 7, members } } as unknown as Replication }
}

describe("a damaged primary", () => {
  it.each([
    [
      "who stays",
      [
        ["s1", "leaving"],
        ["s2", "up"],
      ],
      "s2",
    ],
    [
      "who leaves, where nobody else is there: he hands on what is whole",
      [
        ["s1", "down"],
        ["s2", "leaving"],
      ],
      "s2",
    ],
    ["nobody who is away", [["s1", "down"]], undefined],
    ["nobody who learns", [["s1", "up", true]], undefined],
    ["nobody, as the last", [], undefined],
  ] as const)("is followed by %s", (_, others, expected) => {
    const { slot, replication } = primaryOf(others)
    expect(successorOf(replication, slot)).toBe(expected)
    expect(wantOfDamaged(replication, slot), "before it has released the slot").toBeUndefined()
    slot.released = true
    const release = { epoch: 7, slot: 0, primary: "s0", boot: 3 }
    const want = expected === undefined ? undefined : { kind: "release", release, target: expected }
    expect(wantOfDamaged(replication, slot)).toEqual(want)
  })
})

it("a damaged backup gives its place up", () => {
  const { slot, replication } = primaryOf([])
  slot.role = "backup"
  expect(wantOfDamaged(replication, slot)).toEqual({ kind: "giveUp", epoch: 7, slot: 0 })
})
