import { expect, test } from "vitest"
import { Prng } from "../../../src/core/lib/prng.ts"
import { RecentIds } from "../../../src/core/lib/recent-ids.ts"

test("what is found for an id was kept for it, however much another is like it", () => {
  const prng = new Prng(5)
  const recent = new RecentIds<string>()
  let found = 0
  for (let i = 0; i < 20_000; i++) {
    // Ids that differ in few bits, which share their place in the cache with others.
    const id = new Uint8Array(24).fill(7)
    id[4 + prng.below(16)] = prng.below(8)
    const text = id.subarray(4, 20).join()
    const row = recent.find(id, 4)
    if (row !== undefined) {
      found++
      expect(row).toBe(text)
    } else recent.keep(id, 4, text)
  }
  expect(found).toBeGreaterThan(1000)
  recent.clear()
  expect(recent.find(new Uint8Array(16).fill(7), 0)).toBe(undefined)
})
