import { describe, expect, it, vi } from "vitest"
import { brakeFullnessMin } from "../../../src/core/lib/limits.ts"
import { brakeLookMs, brakeWaitMsMax, IntakeBrake } from "../../../src/storage/intake-brake.ts"

const entriesMax = 750_000

/**
 * Writers that take what they may, each millisecond, for a minute of virtual time; the flusher frees much at once, again and again.
 * @param perMs what writers could write
 * @param freedPerStep of the flusher
 * @param stepMs of the flusher
 * @param mayTake instead of the brake's word
 */
function run(perMs: number, freedPerStep: number, stepMs: number, mayTake?: () => boolean) {
  const brake = new IntakeBrake(() => undefined)
  let dirty = 0
  let taken = 0
  let silentMs = 0
  let silentMsMax = 0
  for (let ms = 1; ms <= 60_000; ms++) {
    if (ms % stepMs === 0) dirty = Math.max(0, dirty - freedPerStep)
    const may = dirty < entriesMax && (mayTake ?? (() => brake.mayTake(dirty / entriesMax, ms)))()
    silentMs = may ? 0 : silentMs + 1
    silentMsMax = Math.max(silentMsMax, silentMs)
    if (!may) continue
    dirty += perMs
    taken += perMs
  }
  return { perSecond: taken / 60, silentMsMax, dirty }
}

describe("the intake brake", () => {
  it.each([
    [230, 94_000, 700],
    [230, 30_000, 300],
    [600, 150_000, 1_500],
    [100, 15_000, 250],
  ])("keeps writers of %i in a millisecond going where a step frees %i in %i ms", (perMs, freed, stepMs) => {
    const { perSecond, silentMsMax } = run(perMs, freed, stepMs)
    const unbraked = run(perMs, freed, stepMs, () => true)
    expect(unbraked.silentMsMax).toBeGreaterThan(90)
    expect(silentMsMax).toBeLessThanOrEqual(20)
    expect(perSecond).toBeGreaterThan(0.98 * unbraked.perSecond)
  })

  it("does not touch who is slower than the flusher", () => {
    const { perSecond, silentMsMax } = run(100, 100_000, 700)
    expect(silentMsMax).toBe(0)
    expect(perSecond).toBe(100_000)
  })

  it("holds nobody back below its share, whatever came in", () => {
    const brake = new IntakeBrake(() => undefined)
    for (let ms = 0; ms < 100; ms++) expect(brake.mayTake((brakeFullnessMin * ms) / 100, ms)).toBe(true)
  })

  it("makes nobody wait for long behind something large", () => {
    const brake = new IntakeBrake(() => undefined)
    brake.mayTake(0.7, 0)
    let ms = 1
    while (!brake.mayTake(0.95, ms)) ms++
    expect(ms).toBeGreaterThan(brakeWaitMsMax / 2)
    expect(ms).toBeLessThanOrEqual(brakeWaitMsMax + 2)
  })

  it("says when it is time to ask again, once for all that were refused, and each time anew", () => {
    vi.useFakeTimers({ toFake: ["setTimeout"] })
    try {
      let looks = 0
      const brake = new IntakeBrake(() => looks++)
      expect(brake.mayTake(0.7, 0)).toBe(false)
      for (let look = 1; look <= 2; look++) {
        for (let i = 0; i < 3; i++) expect(brake.mayTake(0.9, 1)).toBe(false)
        vi.advanceTimersByTime(brakeLookMs)
        expect(looks).toBe(look)
        vi.advanceTimersByTime(100)
        expect(looks).toBe(look)
      }
    } finally {
      vi.useRealTimers()
    }
  })
})
