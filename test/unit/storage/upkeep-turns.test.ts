import { expect, it } from "vitest"
import type { FlushedGate } from "../../../src/storage/flushed-gate.ts"
import type { EntryTable } from "../../../src/storage/memory/table.ts"
import { UpkeepTurns } from "../../../src/storage/upkeep-turns.ts"

function setUp() {
  const memory = { pieces: 0, overDirty: false, wantsFlush: false, maintain: () => --memory.pieces > 0 }
  const told: string[] = []
  const gate = { check: () => told.push("gate") }
  const turns = new UpkeepTurns(memory as unknown as EntryTable, gate as unknown as FlushedGate, {
    onFull: () => told.push("full"),
    onRoom: () => told.push("room"),
  })
  return { memory, turns, take: () => (turns.take(), told.splice(0).filter((what) => what !== "gate")), told }
}

const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve))

it("asks the flusher once, and again when a round was not enough", () => {
  const { memory, turns, take } = setUp()
  expect(take()).toEqual([])
  memory.wantsFlush = true
  expect(take()).toEqual(["full"])
  expect(take()).toEqual([])
  turns.roundOver()
  expect(take()).toEqual(["full"])
  memory.wantsFlush = false
  expect(take()).toEqual([])
  memory.overDirty = true
  expect(take()).toEqual(["full"])
})

it("tells once that writers may go on", () => {
  const { memory, take } = setUp()
  memory.overDirty = true
  take()
  expect(take()).toEqual([])
  memory.overDirty = false
  expect(take()).toEqual(["room"])
  expect(take()).toEqual([])
})

it("goes on by itself while there is more to do, and lets those who wait for the end of it know", async () => {
  const { memory, turns, told } = setUp()
  memory.pieces = 3
  turns.take()
  turns.take()
  expect([memory.pieces, told]).toEqual([2, []])
  await nextTurn()
  expect([memory.pieces, told]).toEqual([1, []])
  await nextTurn()
  expect([memory.pieces, told]).toEqual([0, ["gate"]])
  await nextTurn()
  expect(memory.pieces).toBe(0)
})

it("does not go on once storage is closed", async () => {
  const { memory, turns } = setUp()
  memory.pieces = 3
  turns.end()
  turns.take()
  await nextTurn()
  expect(memory.pieces).toBe(2)
})
