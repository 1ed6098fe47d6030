/** When memory asks for a flush: early enough that a round is over before writers have to be slowed. */
import { expect, it } from "vitest"
import { partitionFiles } from "../../../src/core/lib/limits.ts"
import { EntryTable } from "../../../src/storage/memory/table.ts"

it("asks at a quarter dirty, slows writers at three quarters, and neither once that is flushed", () => {
  const entriesMax = 400
  const table = new EntryTable({ seed: [1, 2], bytesMax: 0, entriesMax, transient: false, complete: true })
  const asked: number[] = []
  const slowed: number[] = []
  for (let i = 1; i <= entriesMax; i++) {
    const bytes = new TextEncoder().encode(`key ${i} content`)
    const alias = `key ${i}`.length
    table.store(0, bytes, 0, alias, alias, bytes.length - alias, 0, i)
    if (table.wantsFlush) asked.push(i)
    if (table.overDirty) slowed.push(i)
  }
  expect(asked[0]).toBe(entriesMax / 4 + 1)
  expect(slowed[0]).toBe((entriesMax * 3) / 4 + 1)
  // All of them are of one slot, and so of one file.
  table.flushedTo(1, entriesMax)
  expect([table.wantsFlush, table.overDirty]).toEqual([true, true])
  table.flushedTo(0, entriesMax)
  expect([table.wantsFlush, table.overDirty]).toEqual([false, false])
})

it("lets removals go that one file has, whatever others lack, and comes to rest", () => {
  const table = new EntryTable({ seed: [1, 2], bytesMax: 0, entriesMax: 2, transient: false, complete: true })
  const bytes = new TextEncoder().encode("first second")
  table.remove(0, bytes, 0, 5, 8)
  table.remove(1 + partitionFiles, bytes, 6, 6, 16)
  table.flushedTo(1, 16)
  for (let i = 0; table.maintain(1); i++) expect(i).toBeLessThan(100)
  expect([table.figures().tombstones, table.figures().dirtyEntries]).toEqual([1, 1])
  table.flushedTo(0, 16)
  for (let i = 0; table.maintain(1); i++) expect(i).toBeLessThan(100)
  expect([table.figures().tombstones, table.figures().dirtyEntries]).toEqual([0, 0])
})
