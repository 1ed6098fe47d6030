/** Which files a round takes, and how long what was asked for stays. */
import { describe, expect, it } from "vitest"
import { flushAgeMs } from "../../../src/core/lib/limits.ts"
import { FlushTurns } from "../../../src/storage/table/flush-turns.ts"

const roundBytes = 1000
const place = (batch: number) => ({ batch, position: batch })

/** Three files that hold the batches up to 1, 2 and 3, with a clock that stands still until it is set. */
class Table {
  nowMs = 0
  readonly files = [1, 2, 3].map((batch, name) => ({ name, applied: place(batch), durable: place(batch) }))
  readonly turns = new FlushTurns(this.files, roundBytes, 0)

  due(batch: number, full = false): number[] {
    return this.turns.due(place(batch), full, this.nowMs).map(({ name }) => name)
  }

  /** A round up to here. @param during what happens in it */
  round(names: readonly number[], batch: number, during = () => {}): void {
    const taken = this.files.filter(({ name }) => names.includes(name))
    this.turns.begin(taken, true, this.nowMs)
    during()
    for (const file of taken) Object.assign(file, { applied: place(batch), durable: place(batch) })
    this.turns.end()
  }
}

describe("a round", () => {
  it("takes nothing where there is no hurry", () => {
    expect(new Table().due(9)).toEqual([])
  })

  it("takes all files where much is waiting for one, or the disk was full", () => {
    const table = new Table()
    expect(table.due(roundBytes)).toEqual([])
    expect(table.due(roundBytes + 1)).toEqual([0, 1, 2])
    expect(table.due(9, true)).toEqual([0, 1, 2])
  })

  it("takes those that have waited for long, which the others have not", () => {
    const table = new Table()
    table.nowMs = flushAgeMs - 1
    expect(table.due(3)).toEqual([])
    table.nowMs = flushAgeMs
    expect(table.due(9)).toEqual([0, 1])
    table.round([0], 9)
    expect(table.due(9)).toEqual([1])
  })

  it("that is not for good puts nothing off, and one that failed does, since it is tried again where the disk was full", () => {
    const table = new Table()
    table.nowMs = flushAgeMs
    table.turns.begin(table.files.slice(0, 1), false, flushAgeMs)
    expect(table.due(3)).toEqual([0, 1])
    table.turns.begin(table.files.slice(0, 1), true, flushAgeMs)
    expect(table.due(3)).toEqual([1])
  })

  it("takes the file that is furthest behind when memory is full, and no other before memory asks again", () => {
    const table = new Table()
    table.turns.ask(false)
    expect(table.due(9)).toEqual([0])
    table.round([0], 9)
    expect(table.due(9)).toEqual([])
    table.turns.ask(false)
    expect(table.due(9)).toEqual([1])
  })

  it("comes for what was asked before anything was settled", () => {
    const table = new Table()
    table.turns.ask(false)
    expect(table.due(0)).toEqual([])
    expect(table.due(9)).toEqual([0])
  })

  it("takes what memory asked for in the middle of another as asked for again afterwards, or not any more", () => {
    const table = new Table()
    table.round([0], 9, () => table.turns.ask(false))
    expect(table.due(9)).toEqual([])
  })

  it("takes all files where the log is to be cut, also if that was asked for in the middle of another", () => {
    const table = new Table()
    table.round([0], 5, () => table.turns.ask(true))
    expect(table.due(9)).toEqual([0, 1, 2])
    table.round([0, 1, 2], 9)
    expect(table.due(10)).toEqual([])
  })

  it("takes nothing later for a log that was to be cut where nothing was behind", () => {
    const table = new Table()
    table.turns.ask(true)
    expect(table.due(0)).toEqual([])
    expect(table.due(9)).toEqual([])
  })
})
