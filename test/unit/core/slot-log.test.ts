import { expect, test } from "vitest"
import { unknownEpoch } from "../../../src/core/lib/limits.ts"
import { SlotLog } from "../../../src/core/replication/slot-log.ts"

/** Numbers entries up to `sequence` in a slot epoch, as a replica does. */
function number(slot: SlotLog, slotEpoch: number, sequence: number): void {
  while (slot.sequence < sequence) slot.numbered(slotEpoch, ++slot.sequence)
}

/** What the slot says of its entries, which is what its table says, whatever it keeps of that. */
function epochs(slot: SlotLog, ...sequences: number[]): number[] {
  const said = sequences.map((sequence) => slot.epochAt(sequence))
  expect(said).toEqual(sequences.map((sequence) => slot.epochs.at(sequence)))
  return said
}

test("a log knows each entry's slot epoch, also where a tail was cut and another took its place", () => {
  const slot = new SlotLog(0, 1)
  number(slot, 1, 3)
  number(slot, 2, 5)
  slot.cut(3)
  expect(slot.epochs.last).toBe(1)
  number(slot, 2, 6)
  expect(epochs(slot, 3, 4, 5, 6)).toEqual([1, 2, 2, 2])
  slot.cut(0)
  expect(epochs(slot, 0, 1)).toEqual([0, unknownEpoch])
  number(slot, 2, 1)
  expect(epochs(slot, 0, 1)).toEqual([0, 2])
})

test("a log that begins anew behind a snapshot goes on in whichever slot epoch comes", () => {
  const slot = new SlotLog(0, 1)
  number(slot, 3, 4)
  slot.restart(2, 9)
  number(slot, 3, 10)
  expect(epochs(slot, 9, 10)).toEqual([2, 3])
  expect(epochs(slot, 8)).toEqual([unknownEpoch])
  slot.restart(0, -1)
  slot.restart(3, 0)
  number(slot, 3, 1)
  expect(epochs(slot, 1)).toEqual([3])
})

test("a log that begins anew shows entries of one moment, whatever it was copied from before", () => {
  const slot = new SlotLog(0, 1)
  slot.wholeSequence = 147
  slot.restart(0, 0)
  expect(slot.wholeSequence).toBe(0)
})

test("a primary numbers in its own slot epoch", () => {
  const slot = new SlotLog(0, 1)
  expect(slot.nextSequence()).toBe(1)
  slot.slotEpoch = 4
  expect(slot.nextSequence()).toBe(2)
  expect(epochs(slot, 1, 2)).toEqual([1, 4])
})
