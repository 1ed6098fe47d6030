/** Walks over memory for slots that were reset: as few as can be, and none that is forgotten. */
import { describe, expect, it } from "vitest"
import { scanPieceSteps } from "../../../src/storage/memory/entry-index.ts"
import { Clearing } from "../../../src/storage/memory/clearing.ts"
import type { EntryStore } from "../../../src/storage/memory/entry-store.ts"

/** Memory with an entry of each slot, written at position 10, whose walks have two pieces: the first slot's, and the others'. */
class Memory {
  readonly resident = new Set([1, 2, 3])
  pieces = 0
  readonly clearing = new Clearing({
    blocks: { slot: (reference: number) => reference, position: () => 10 },
    index: {
      scanPiece: (cursor: number, visit: (reference: number) => void) => {
        this.pieces++
        for (const reference of this.resident) if ((reference === 1) === (cursor === 0)) visit(reference)
        return cursor === 0 ? 2 ** 31 : 2 ** 32
      },
    },
    discard: (reference: number) => this.resident.delete(reference),
    flush: { holds: () => false },
  } as unknown as EntryStore)

  finish(): void {
    for (let piece = 0; this.clearing.active && piece < 100; piece++) this.clearing.step(scanPieceSteps)
    expect(this.clearing.active).toBe(false)
  }
}

describe("slots that were reset", () => {
  it("share one walk where it has not begun", () => {
    const memory = new Memory()
    memory.clearing.clear(1, 100)
    memory.clearing.clear(2, 110)
    expect([memory.clearing.firstPending, memory.clearing.isVoid(1)]).toEqual([100, true])
    memory.finish()
    expect([...memory.resident]).toEqual([3])
    expect(memory.pieces).toBe(2)
    expect(memory.clearing.firstPending).toBe(Number.MAX_SAFE_INTEGER)
  })

  it("while a walk is under way wait for the next one", () => {
    const memory = new Memory()
    memory.clearing.clear(1, 100)
    memory.clearing.step(scanPieceSteps)
    memory.clearing.clear(2, 110)
    memory.clearing.step(scanPieceSteps)
    expect([memory.clearing.active, memory.clearing.firstPending]).toEqual([true, 110])
    memory.finish()
    expect([...memory.resident]).toEqual([3])
    expect(memory.pieces).toBe(4)
  })

  it("again while a walk is under way are not done with it", () => {
    const memory = new Memory()
    memory.clearing.clear(1, 5)
    memory.clearing.step(scanPieceSteps)
    expect(memory.resident.has(1)).toBe(true)
    memory.clearing.clear(1, 100)
    memory.clearing.step(scanPieceSteps)
    expect([memory.resident.has(1), memory.clearing.isVoid(1)]).toEqual([true, true])
    memory.finish()
    expect([...memory.resident]).toEqual([2, 3])
  })
})
