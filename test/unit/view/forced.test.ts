import { describe, expect, it } from "vitest"
import { decodeView, encodeView } from "../../../src/core/view/encode.ts"
import { forcedView } from "../../../src/core/view/forced.ts"
import type { View } from "../../../src/core/view/view.ts"
import { drawView } from "./sample.ts"

const view: View = drawView(5, 5, 8)
const [first, second, third] = view.members.map(({ storageId }) => storageId) as [string, string, string]
const voted = { ...view, voters: [first, second, third] }

describe("a view that one storage makes alone", () => {
  it("has this storage up and the only voter, the others down, and every place as it was", () => {
    const forced = forcedView(voted, second, 9, 0xffff_ffff) as View
    expect(forced.voters).toEqual([second])
    expect(forced.members.map(({ storageId, standing }) => [storageId, standing])).toEqual(
      view.members.map(({ storageId }) => [storageId, storageId === second ? "up" : "down"]),
    )
    expect(forced.members.find(({ storageId }) => storageId === second)?.boot).toBe(9)
    const { clusterId, settings, slots, losses } = view
    expect(forced).toMatchObject({ clusterId, settings, slots, losses })
    expect(decodeView(encodeView(forced))).toEqual(forced)
  })

  it("is far beyond what the others may decide, and another for each that is drawn", () => {
    const epochs = [0, 1, 2 ** 20 - 1, 2 ** 32 - 1].map(
      (random) => (forcedView(voted, first, 1, random) as View).epoch,
    )
    expect(Math.min(...epochs)).toBe(view.epoch + 2 ** 20)
    expect(Math.max(...epochs)).toBe(view.epoch + 2 ** 21 - 1)
    expect(epochs[0]).not.toBe(epochs[1])
  })

  it("is none for whoever is no member, or decides alone already", () => {
    expect(forcedView(voted, "another", 1, 0)).toBe("no_member")
    expect(forcedView({ ...view, voters: [first] }, first, 1, 0)).toBe("decides_alone")
    expect(forcedView({ ...view, voters: [second] }, first, 1, 0)).toMatchObject({ voters: [first] })
  })
})
