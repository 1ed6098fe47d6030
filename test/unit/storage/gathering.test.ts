import { describe, expect, test } from "vitest"
import { recordKind, type RecordView } from "../../../src/core/entry/record.ts"
import { Gathering } from "../../../src/storage/table/gathering.ts"
import { Round } from "../../../src/storage/table/round.ts"
import { record } from "./support/records.ts"

describe("one walk over the log", () => {
  const client = "0123456789abcdef"
  const gather = (bytesMax: number, count: number, aliases = count) => {
    const gathering = new Gathering(
      [1, 3, 6].map((file) => new Round(file, file === 6 ? 1 : 0)),
      bytesMax,
    )
    const records: RecordView[] = []
    for (let i = 0; i < count; i++)
      for (const slot of [1, 3, 9, 6, 4]) records.push(record(slot, `of ${slot} ${i % aliases}`, "x"))
    gathering.add(record(0, client, undefined, 0, recordKind.forgetClients), 2)
    for (const each of records.toReversed()) gathering.add(each, each.slot === 6 ? 1 : 2)
    return gathering.rounds.map(({ file, slots, clients, changes }) => {
      return {
        file,
        slots: [...slots.keys()].sort(),
        forgotten: clients.get(client)?.forgotten,
        entries: changes.count,
      }
    })
  }

  test("gives each file what is its own, and forgotten clients to all", () => {
    expect(gather(1e6, 1)).toEqual([
      { file: 1, slots: [1, 9], forgotten: true, entries: 2 },
      { file: 3, slots: [3], forgotten: true, entries: 1 },
      { file: 6, slots: [], forgotten: true, entries: 0 },
    ])
  })

  test("lets go of files for which there is no memory, but not of the last one", () => {
    const found = gather(1e5, 5000)
    expect(found).toEqual([{ file: 1, slots: [1, 9], forgotten: true, entries: 10_000 }])
    // Not because there are many records.
    expect(gather(1e5, 5000, 300).map(({ file }) => file)).toEqual([1, 3, 6])
  })
})
