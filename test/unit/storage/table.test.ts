import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { openDatabase } from "#sqlite"
import type { RecordView } from "../../../src/core/entry/record.ts"
import { flushTransactionRows, partitionFiles } from "../../../src/core/lib/limits.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { hashAdd, hashSubtract, rowChecksum, rowHash } from "../../../src/storage/checksum.ts"
import { FlushedGate } from "../../../src/storage/flushed-gate.ts"
import { EntryTable } from "../../../src/storage/memory/table.ts"
import { createPartition, partitionPath } from "../../../src/storage/table/partition.ts"
import { PartitionReader } from "../../../src/storage/table/partition-reader.ts"
import { PartitionWriter } from "../../../src/storage/table/partition-writer.ts"
import { decodeResults, encodeResults } from "../../../src/storage/table/results.ts"
import { Round } from "../../../src/storage/table/round.ts"
import { fillDisk, mountSmallDisk, requireSmallDisks, unmountSmallDisk } from "../../support/small-disk.ts"
import { temporaryDirectory } from "./support/directory.ts"
import { record, sequences } from "./support/records.ts"

const directory = temporaryDirectory()
/** A round of these records, which are handed in newest first. */
function roundOf(file: number, records: readonly RecordView[]): Round {
  const round = new Round(file, 0)
  for (const each of records.toReversed()) round.add(each, 1)
  return round
}

const key = (alias: string) => Buffer.from(alias, "latin1")
const text = (content: Uint8Array | undefined) =>
  content === undefined ? undefined : Buffer.from(content).toString("latin1")

describe("a partition file", () => {
  test("on a full disk takes back what it began, and goes on when there is room", (context) => {
    requireSmallDisks(context)
    const path = mkdtempSync(join(tmpdir(), "qdb-table-"))
    mountSmallDisk(path, "8m")
    try {
      createPartition(path, 0)
      const writer = new PartitionWriter(path, 0)
      const place = (batch: number) => ({ batch, position: 100 * batch })
      const records = (round: number) =>
        Array.from({ length: 200 }, (_, i) => record(8 * (i % 4), `key ${i}`, `${round} `.repeat(1000)))
      writer.write(roundOf(0, records(1)), place(1))
      fillDisk(join(path, "ballast"))
      for (let attempt = 0; attempt < 3; attempt++)
        expect(() => {
          // Some of it may fit.
          for (let i = 0; i < 5; i++) writer.write(roundOf(0, records(2)), place(2))
          writer.checkpoint()
        }).toThrow(/full/)
      rmSync(join(path, "ballast"))
      writer.write(roundOf(0, records(3)), place(3))
      expect(writer.checkpoint()).toBe(true)
      expect(writer.count).toBe(200)
      writer.close()
      const reader = new PartitionReader(path, 0)
      expect(text(reader.load(8, key("key 1"))?.content)?.slice(0, 2)).toBe("3 ")
      reader.close()
    } finally {
      unmountSmallDisk(path)
      rmSync(path, { recursive: true, force: true })
    }
  })

  test("holds the last state of each key over many rounds, and counts what it holds", () => {
    createPartition(directory(), 3)
    let writer = new PartitionWriter(directory(), 3)
    const prng = new Prng(9)
    const model = new Map<string, string>()
    for (let number = 1; number <= 12; number++) {
      const records: RecordView[] = []
      for (let i = 0; i < 1500; i++) {
        const slot = 3 + 8 * prng.below(5)
        const alias = `${slot} ${prng.below(300)}`
        const content = prng.chance(1, 4) ? undefined : `${number} ${i}`
        records.push(record(slot, alias, content))
        if (content === undefined) model.delete(alias)
        else model.set(alias, content)
      }
      writer.write(roundOf(3, records), { batch: number, position: number * 1000 })
      if (number % 3 === 0) expect(writer.checkpoint()).toBe(true)
      if (number % 5 === 0) {
        writer.close()
        writer = new PartitionWriter(directory(), 3)
        expect(writer.applied).toMatchObject({ batch: number, position: number * 1000 })
      }
      expect(writer.count).toBe(model.size)
    }
    const reader = new PartitionReader(directory(), 3)
    for (let slot = 3; slot < 43; slot += 8) {
      // What the rows state is what a walk finds.
      expect(reader.verifySlot(slot)).toBe(
        [...model.keys()].filter((alias) => alias.startsWith(`${slot} `)).length,
      )
      expect(writer.slots.get(slot)).toMatchObject({
        sequence: sequences.get(slot),
        slotEpoch: 1,
        clockMs: 5,
      })
      for (let i = 0; i < 300; i++)
        expect(text(reader.load(slot, key(`${slot} ${i}`))?.content)).toBe(model.get(`${slot} ${i}`))
    }
    reader.close()
    writer.close()
  })

  test("is not written by somebody whose knowledge of it is outdated", () => {
    createPartition(directory(), 0)
    const outdated = new PartitionWriter(directory(), 0)
    const writer = new PartitionWriter(directory(), 0)
    const round = () => roundOf(0, [record(8, "key", "content")])
    writer.write(round(), { batch: 1, position: 100 })
    const path = partitionPath(directory(), 0)
    expect(() => outdated.write(round(), { batch: 1, position: 100 })).toThrow(
      `${path}: something else has written it`,
    )
    outdated.close()
    // Its own commits and checkpoints, and readers, are nobody else.
    writer.write(round(), { batch: 2, position: 200 })
    expect(writer.checkpoint()).toBe(true)
    const reader = new PartitionReader(directory(), 0)
    expect(reader.verifySlot(8)).toBe(1)
    reader.close()
    writer.write(round(), { batch: 3, position: 300 })
    expect(writer.count).toBe(1)
    writer.close()
  })

  test("misses a row that is gone, one that is changed, and one that is too many", () => {
    createPartition(directory(), 0)
    const writer = new PartitionWriter(directory(), 0)
    const records = Array.from({ length: 50 }, (_, i) => record(8, `key ${i}`, `content ${i}`))
    writer.write(roundOf(0, records), { batch: 1, position: 100 })
    const path = partitionPath(directory(), 0)
    const meddle = (sql: string) => {
      const database = openDatabase(path)
      database.exec(sql)
      database.close()
      return new PartitionReader(directory(), 0)
    }
    let reader = meddle("SELECT 1")
    expect(reader.load(8, key("nobody"))).toBe(undefined)
    expect(reader.load(16, key("nobody"))).toBe(undefined)
    reader.close()
    reader = meddle("DELETE FROM entry WHERE key = CAST('key 7' AS BLOB)")
    expect(() => reader.load(8, key("key 7"))).toThrow(
      `${path}: slot 8: entries are missing: 49 found, 50 stated`,
    )
    expect(text(reader.load(8, key("key 8"))?.content)).toBe("content 8")
    reader.close()
    reader = meddle("UPDATE entry SET content = CAST('other' AS BLOB) WHERE key = CAST('key 8' AS BLOB)")
    expect(() => reader.load(8, key("key 8"))).toThrow(
      `${path}: slot 8: an entry does not match its checksum`,
    )
    reader.close()
    reader = meddle(
      "INSERT INTO entry SELECT 16, key, content, expires, checksum FROM entry WHERE key = CAST('key 9' AS BLOB)",
    )
    expect(() => reader.load(16, key("key 9"))).toThrow(/does not match/)
    expect(() => reader.load(16, key("nobody"))).toThrow(/does not match|missing/)
    reader.close()
    writer.close()
    for (const sql of [
      "UPDATE slot SET sequence = 1",
      "DELETE FROM slot",
      "UPDATE applied SET batch = 2",
      "DELETE FROM applied",
    ]) {
      meddle(sql).close()
      expect(() => new PartitionWriter(directory(), 0), sql).toThrow(path)
    }
  })

  test("is as before when a round does not fit on the disk, and takes it once there is room", () => {
    createPartition(directory(), 0)
    const writer = new PartitionWriter(directory(), 0)
    writer.write(roundOf(0, [record(0, "a", "1")]), { batch: 1, position: 100 })
    const large = () =>
      roundOf(
        0,
        Array.from({ length: 200 }, (_, i) => record(8 * (i % 4), `large ${i}`, "x".repeat(20_000))),
      )
    writer.database.exec("PRAGMA max_page_count = 100")
    expect(() => writer.write(large(), { batch: 2, position: 200 })).toThrow(/full/)
    expect(writer.applied).toMatchObject({ batch: 1, position: 100 })
    expect(writer.count).toBe(1)
    writer.database.exec("PRAGMA max_page_count = 1000000")
    writer.write(large(), { batch: 2, position: 200 })
    expect(writer.count).toBe(201)
    writer.close()
    const reader = new PartitionReader(directory(), 0)
    for (const slot of [0, 8, 16, 24]) expect(reader.verifySlot(slot)).toBe(slot === 0 ? 51 : 50)
    reader.close()
  })

  test("says nothing is applied while a round is half-way, and takes the round again", () => {
    createPartition(directory(), 0)
    const writer = new PartitionWriter(directory(), 0)
    const count = flushTransactionRows + 500
    const round = () => {
      const small = Array.from({ length: count }, (_, i) => record(0, `small ${i}`, `${i}`))
      const large = Array.from({ length: 50 }, (_, i) => record(8, `large ${i}`, "x".repeat(20_000)))
      return roundOf(0, [...small, ...large])
    }
    writer.database.exec("PRAGMA max_page_count = 220")
    expect(() => writer.write(round(), { batch: 7, position: 700 })).toThrow(/full/)
    // The first transaction is in the file, and the file agrees with itself.
    expect(writer.count).toBe(flushTransactionRows)
    writer.close()
    const again = new PartitionWriter(directory(), 0)
    expect(again.applied).toMatchObject({ batch: 0, position: 0 })
    expect(again.slots.get(0)).toMatchObject({ count: flushTransactionRows, sequence: 0 })
    expect(again.write(round(), { batch: 7, position: 700 })).toBe(count + 50)
    expect(again.applied).toMatchObject({ batch: 7, position: 700 })
    again.close()
    const reader = new PartitionReader(directory(), 0)
    expect(reader.verifySlot(0)).toBe(count)
    expect(reader.verifySlot(8)).toBe(50)
    reader.close()
  })
})

describe("hashes of rows", () => {
  test("do not depend on the order, and take back what was added", () => {
    const prng = new Prng(4)
    const rows = Array.from({ length: 500 }, () => rowHash(prng.uint32()))
    const sum = (list: readonly number[]) => list.reduce(hashAdd, 0)
    const shuffled = [...rows]
    prng.shuffle(shuffled)
    expect(sum(shuffled)).toBe(sum(rows))
    expect(rows.slice(100).reduce(hashSubtract, sum(rows))).toBe(sum(rows.slice(0, 100)))
    expect(Number.isSafeInteger(sum(rows))).toBe(true)
    expect(sum(rows.slice(1))).not.toBe(sum(rows))
  })

  test("differ where rows differ in any part", () => {
    const [a, b] = [Buffer.from("ab"), Buffer.from("c")]
    const checksums = [
      rowChecksum(1, a, b, 0),
      rowChecksum(2, a, b, 0),
      rowChecksum(1, a, b, 1),
      rowChecksum(1, Buffer.from("a"), Buffer.from("bc"), 0),
      rowChecksum(1, b, a, 0),
    ]
    expect(new Set(checksums).size).toBe(checksums.length)
  })
})

describe("results of a client", () => {
  test("come back as they were, large ones from rows of their own", () => {
    const large = new Uint8Array(2000).fill(3)
    const results = new Map([
      [7, { slot: 4095, code: 0, content: undefined }],
      [2 ** 50, { slot: 1, code: 3, content: Buffer.from("small") }],
      [9, { slot: 2, code: 0, content: large }],
      [10, { slot: 2, code: 0, content: new Uint8Array(0) }],
    ])
    const encoded = encodeResults(results)
    expect(encoded.length).toBeLessThan(200)
    const decoded = decodeResults(encoded, (number) => (number === 9 ? large : undefined)) as typeof results
    expect(
      [...decoded].map(([number, { slot, code, content }]) => [number, slot, code, content?.length]),
    ).toEqual([
      [7, 4095, 0, undefined],
      [2 ** 50, 1, 3, 5],
      [9, 2, 0, 2000],
      [10, 2, 0, 0],
    ])
    expect(decodeResults(encoded, () => new Uint8Array(2000))).toBe("result 9 does not match its checksum")
    expect(decodeResults(encoded.subarray(0, 30), () => large)).toBe("results end too early")
  })
})

describe("news of a flush", () => {
  const memoryOf = () =>
    new EntryTable({ seed: [1, 2], bytesMax: 0, entriesMax: 0, transient: false, complete: true })
  /** What the files hold, the first two of them as said. */
  const positions = (...of: number[]) =>
    Float64Array.from({ length: partitionFiles }, (_, file) => of[file] ?? 0)
  const told = (memory: EntryTable) => [memory.flushedPosition(0), memory.flushedPosition(1)]

  test("waits for loads that were under way, and not for later ones", () => {
    const memory = memoryOf()
    let sent = [0, 0]
    let answered = [0, 0]
    const readers = {
      underWay: () => [...sent],
      haveAnswered: (marks: readonly number[]) => answered.every((count, i) => count >= (marks[i] as number)),
    }
    const gate = new FlushedGate(memory, readers as never)
    gate.flushed(positions(10))
    expect(told(memory)).toEqual([10, 0])
    sent = [3, 1]
    gate.flushed(positions(20, 5))
    expect(told(memory)).toEqual([10, 0])
    sent = [5, 1]
    gate.flushed(positions(20, 30))
    answered = [3, 0]
    gate.check()
    expect(told(memory)).toEqual([10, 0])
    answered = [3, 1]
    gate.check()
    // Two later loads are still out: they read what was flushed before they began, but not what came since.
    expect(told(memory)).toEqual([20, 5])
    answered = [5, 1]
    gate.check()
    expect(told(memory)).toEqual([20, 30])
  })

  test("does not pass the reset of a slot before its void entries have left memory", () => {
    const memory = memoryOf()
    const readers = { underWay: () => [], haveAnswered: () => true }
    const gate = new FlushedGate(memory, readers as never)
    const alias = Buffer.from("alias")
    memory.store(1, alias, 0, alias.length, 0, 0, 0, 10)
    memory.dropSlot(1, 20)
    memory.dropSlot(2, 30)
    gate.flushed(positions(15, 40))
    expect(told(memory)).toEqual([15, 19])
    while (memory.maintain(1));
    gate.check()
    expect(told(memory)).toEqual([15, 40])
  })
})
