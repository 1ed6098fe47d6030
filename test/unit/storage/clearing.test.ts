/** Walks over memory for slots that were reset: as few as can be, and nothing that is forgotten. */
import { describe, expect, it } from "vitest"
import { absent } from "../../../src/core/entry/memory.ts"
import { Clearing } from "../../../src/storage/memory/clearing.ts"
import type { EntryStore } from "../../../src/storage/memory/entry-store.ts"
import { walkCursors } from "../../../src/storage/memory/slab.ts"
import { EntryTable } from "../../../src/storage/memory/table.ts"

const text = new TextEncoder()
const options = { seed: [1, 2], bytesMax: 0, entriesMax: 0, transient: true, complete: true } as const

interface Parts {
  readonly clearing: Clearing
  readonly entries: EntryStore
  readonly upkeep: { readonly moved: number }
}

/** Memory with an entry of each of three slots, written at position 10. */
class Memory {
  readonly store: EntryStore
  readonly clearing: Clearing

  constructor() {
    const table = new EntryTable(options)
    for (const slot of [1, 2, 3]) {
      const bytes = text.encode(`entry ${slot}`)
      table.store(slot, bytes, 0, bytes.length, bytes.length, 0, 0, 10)
    }
    this.store = table["entries"]
    this.clearing = new Clearing(this.store)
  }

  get resident(): number[] {
    return [1, 2, 3].filter((slot) => {
      const bytes = text.encode(`entry ${slot}`)
      return this.store.lookup(bytes, 0, bytes.length) !== 0
    })
  }

  isVoid(slot: number): boolean {
    const bytes = text.encode(`entry ${slot}`)
    return this.clearing.isVoid(this.store.lookup(bytes, 0, bytes.length))
  }

  /** @returns blocks looked at until nothing is left to be done */
  finish(): number {
    for (let steps = 0; ; steps++) {
      if (!this.clearing.active) return steps
      expect(steps).toBeLessThan(100)
      this.clearing.step(1)
    }
  }
}

/** What one walk looks at when nothing is void. */
const walk = (() => {
  const memory = new Memory()
  memory.clearing.clear(9, 100)
  return memory.finish()
})()

describe("slots that were reset", () => {
  it("share one walk where it has not begun", () => {
    const memory = new Memory()
    memory.clearing.clear(1, 100)
    memory.clearing.clear(2, 110)
    expect([memory.clearing.firstPending, memory.isVoid(1), memory.isVoid(3)]).toEqual([100, true, false])
    expect(memory.finish()).toBeLessThan(2 * walk)
    expect(memory.resident).toEqual([3])
    expect(memory.clearing.firstPending).toBe(Number.MAX_SAFE_INTEGER)
  })

  it("while a walk is under way wait for the next one", () => {
    const memory = new Memory()
    memory.clearing.clear(3, 100)
    memory.clearing.step(2)
    memory.clearing.clear(1, 110)
    memory.clearing.step(walk - 2)
    expect([memory.resident, memory.clearing.firstPending]).toEqual([[1, 2], 110])
    memory.finish()
    expect(memory.resident).toEqual([2])
  })

  it("again while a walk is under way are not done with it", () => {
    const memory = new Memory()
    memory.clearing.clear(1, 5)
    memory.clearing.step(2)
    expect(memory.resident, "written after the reset").toEqual([1, 2, 3])
    memory.clearing.clear(1, 100)
    memory.clearing.step(walk - 2)
    expect([memory.resident, memory.isVoid(1), memory.clearing.active]).toEqual([[1, 2, 3], true, true])
    memory.finish()
    expect(memory.resident).toEqual([2, 3])
  })

  it("leave nothing behind that the compactor would have moved to where the walk has been", () => {
    const table = new EntryTable(options)
    const content = 250_000
    const perSegment = 16
    const [segments, heldOf, lastHeld] = [12, 6, 4]
    const bytesOf = (i: number) => {
      const bytes = new Uint8Array(16 + content)
      text.encodeInto(`entry ${i}`.padEnd(16), bytes)
      return bytes
    }
    const kept = segments * perSegment
    for (let i = 0; i < kept + lastHeld; i++)
      table.store(i < kept ? 0 : 1, bytesOf(i), 0, 16, 16, content, 0, i + 1)
    const { clearing, entries, upkeep } = table as unknown as Parts
    table.dropSlot(1, 2000)
    while (entries.slab.segmentOf(entries.slab.cursors[walkCursors.clearing] as number) < segments)
      clearing.step(1)
    // Holes where the walk has been; the last segment holds least, so it is emptied into them.
    for (let i = kept - 1; i >= 0; i--) if (i % perSegment >= heldOf) table.remove(0, bytesOf(i), 0, 16, 3000)
    while (table.maintain(1));
    expect(table.figures().residentEntries).toBe(segments * heldOf)
    for (let i = kept; i < kept + lastHeld; i++) expect(table.find(bytesOf(i), 0, 16)).toBe(absent)
    expect(upkeep.moved, "what is not void").toBeGreaterThan(0)
  })
})
