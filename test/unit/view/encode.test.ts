import { describe, expect, it } from "vitest"
import { Prng } from "../../../src/core/lib/prng.ts"
import { applyDelta, deltaBetween } from "../../../src/core/view/delta.ts"
import { decodeView, encodeView } from "../../../src/core/view/encode.ts"
import { freezeView } from "../../../src/core/view/view.ts"
import { drawView, smallView } from "./sample.ts"

describe("a view as bytes", () => {
  it("comes back as it was, in one form", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const view = drawView(seed, 1 + (seed % 7), 1 + (seed % 16))
      const bytes = encodeView(view)
      const back = decodeView(bytes)
      expect(back).toEqual(view)
      if (typeof back === "string") throw new Error(back)
      expect(encodeView(back)).toEqual(bytes)
    }
  })

  it("is small: 4,096 slots of 100 members with a factor of 2 take less than 10 bytes a slot", () => {
    const view = drawView(5, 100, 4096)
    const slots = view.slots.map(({ inSync }) => ({ inSync: inSync.slice(0, 2), learners: [], slotEpoch: 7 }))
    const whole = encodeView(freezeView({ ...view, slots }))
    const without = encodeView(freezeView({ ...view, slots: [] }))
    expect((whole.length - without.length) / 4096).toBeLessThan(10)
  })

  it("is refused, and never throws, where it is cut or has bytes behind it", () => {
    const bytes = encodeView(drawView(3, 5, 8))
    for (let length = 0; length < bytes.length; length++) {
      expect(typeof decodeView(bytes.subarray(0, length))).toBe("string")
    }
    expect(typeof decodeView(Uint8Array.from([...bytes, 0]))).toBe("string")
  })

  it("is refused, or has the form that was read, where bytes were changed", () => {
    const prng = new Prng(11)
    const bytes = encodeView(drawView(4, 4, 4))
    for (let i = 0; i < 20_000; i++) {
      const changed = bytes.slice()
      for (let k = 0; k <= prng.below(3); k++) changed[prng.below(changed.length)] = prng.below(256)
      const view = decodeView(changed)
      if (typeof view !== "string") expect(encodeView(view)).toEqual(changed)
    }
  })

  it("is refused before anything is allocated by an announced length", () => {
    const head = encodeView(drawView(4, 1, 1)).subarray(0, 3)
    expect(decodeView(Uint8Array.from([...head, 0xff, 0xff, 0xff, 0x7f]))).toMatch(/too long/)
    expect(decodeView(Uint8Array.from([0, 1, 2]))).toMatch(/format/)
  })
})

describe("a delta", () => {
  it("leads from any view to any other of the next epoch", () => {
    for (let seed = 1; seed <= 200; seed++) {
      const view = drawView(seed, 5, 6)
      const next = freezeView({ ...drawView(seed + 1000, 3 + (seed % 4), 6), epoch: view.epoch + 1 })
      expect(applyDelta(view, deltaBetween(view, next))).toEqual(next)
    }
  })

  it("holds nothing where nothing changed, and shares what it did not touch", () => {
    const view = smallView()
    const delta = deltaBetween(view, freezeView({ ...view, epoch: 8 }))
    expect(delta).toMatchObject({
      members: [],
      removed: [],
      voters: undefined,
      settings: undefined,
      slots: [],
      loss: undefined,
    })
    expect(applyDelta(view, delta).slots).toBe(view.slots)
  })
})
