import { join } from "node:path"
import { openDatabase } from "#sqlite"
import { describe, expect, test, vi } from "vitest"
import { partitionFiles } from "../../../src/core/lib/limits.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import type { DiskStorage } from "../../../src/storage/disk-storage.ts"
import { partitionPath } from "../../../src/storage/table/partition.ts"
import { temporaryDirectory } from "./support/directory.ts"
import { slotOf, TestNode } from "./support/node.ts"

const directory = temporaryDirectory()
const MiB = 1024 * 1024

/** As a kill of the process: threads end wherever they are. */
async function crash(node: TestNode): Promise<void> {
  await (node.storage as DiskStorage).kill()
}

async function fill(node: TestNode, count: number, content: (i: number) => string): Promise<void> {
  const writes: Promise<void>[] = []
  for (let i = 0; i < count; i++) {
    await node.until(() => node.storage.hasRoom(MiB))
    writes.push(node.put(`key ${i}`, content(i)))
  }
  await Promise.all(writes)
}

describe("storage", () => {
  test.each([true, false])(
    "replays what a crash left in the log, in order and once (sync: %s)",
    async (sync) => {
      const path = join(directory(), "data")
      let node = await TestNode.open(path, { sync })
      await fill(node, 500, (i) => `first ${i}`)
      await node.remove("key 7")
      await node.put("key 8", "second")
      const { durablePosition } = node.storage
      await crash(node)
      node = await TestNode.open(path, { sync })
      expect(node.recovered.length).toBe(502)
      expect(node.recovered.at(-1)).toEqual({ alias: "key 8", position: durablePosition })
      expect(node.storage.log.position).toBe(durablePosition)
      expect(await node.getText("key 7")).toBe(undefined)
      expect(await node.getText("key 8")).toBe("second")
      expect(await node.getText("key 499")).toBe("first 499")
      await node.put("key 9", "third")
      await crash(node)
      node = await TestNode.open(path, { sync })
      expect(node.recovered.length).toBe(503)
      expect(await node.getText("key 9")).toBe("third")
      await node.storage.close()
    },
  )

  test.each([1, 3, 8])("serves the same directory under %i partitions", async (partitions) => {
    const path = join(directory(), "data")
    let node = await TestNode.open(path, { partitions: 2 })
    await fill(node, 300, (i) => `v${i}`)
    await node.storage.close()
    node = await TestNode.open(path, { partitions })
    for (let i = 0; i < 300; i++) expect(await node.getText(`key ${i}`)).toBe(`v${i}`)
    expect(await node.getText("key 300")).toBe(undefined)
    await node.put("key 5", "new")
    expect((await node.scan("key 29")).sort()).toEqual(
      ["key 29", ...Array.from({ length: 10 }, (_, i) => `key 29${i}`)].sort(),
    )
    expect(node.storage.figures().persistedEntries).toBe(300)
    await node.storage.close()
    expect(node.fatal).toEqual([])
  })

  test("slows writers before memory is full of changes, and lets them go on by itself", async () => {
    const node = await TestNode.open(join(directory(), "data"), { memoryEntriesMax: 2_000 })
    const memory = (node.storage as DiskStorage).memory
    // Behind the end of the log: no flusher can take it away.
    const change = (i: number) => {
      const alias = Buffer.from(`key ${i}`)
      memory.store(0, alias, 0, alias.length, 0, alias.length, 0, 2 ** 40 + i)
    }
    for (let i = 0; i < 900; i++) change(i)
    expect(node.storage.hasRoom(1)).toBe(true)
    for (let i = 900; i < 1_200; i++) change(i)
    expect(memory.overDirty).toBe(false)
    let ms = performance.now()
    let refused = 0
    const clock = vi.spyOn(performance, "now").mockImplementation(() => ms++)
    await node.until(() => {
      const may = node.storage.hasRoom(1)
      if (!may) refused++
      return may
    })
    clock.mockRestore()
    // Who is refused is told to ask again each time, and nothing else would tell so often.
    expect(refused).toBeGreaterThan(20)
    expect(memory.dirtiness).toBeCloseTo(0.8)
    await (node.storage as DiskStorage).kill()
  })

  test("pages entries in that memory had no room for, and never an outdated one", async () => {
    const path = join(directory(), "data")
    const node = await TestNode.open(path, { memoryEntriesMax: 200 })
    const model = new Map<string, string>()
    const prng = new Prng(11)
    for (let round = 0; round < 40; round++) {
      const writes: Promise<void>[] = []
      for (let i = 0; i < 50; i++) {
        await node.until(() => node.storage.hasRoom(MiB))
        const alias = `key ${prng.below(1000)}`
        if (prng.chance(1, 8)) {
          model.delete(alias)
          writes.push(node.remove(alias))
        } else {
          const text = `${round}/${i}`
          model.set(alias, text)
          writes.push(node.put(alias, text))
        }
      }
      await Promise.all(writes)
      // The barrier of a scan flushes, so that entries become clean and may leave.
      if (round % 4 === 3) expect((await node.scan("key ")).sort()).toEqual([...model.keys()].sort())
      const reads = Array.from({ length: 30 }, () => `key ${prng.below(1000)}`)
      const texts = await Promise.all(reads.map((alias) => node.getText(alias)))
      expect(texts).toEqual(reads.map((alias) => model.get(alias)))
    }
    const figures = node.storage.figures()
    expect(figures.evictions).toBeGreaterThan(100)
    expect(figures.pageIns).toBeGreaterThan(50)
    expect(figures.residentEntries).toBeLessThan(400)
    await node.storage.close()
    expect(node.fatal).toEqual([])
  })

  test("answers a missing key from the disk until the filter is there, then from memory", async () => {
    const path = join(directory(), "data")
    let node = await TestNode.open(path)
    await fill(node, 200, () => "x")
    await node.storage.close()
    node = await TestNode.open(path)
    expect(await node.getText("nobody")).toBe(undefined)
    await node.until(() => node.storage.figures().filterBytes > 0)
    while (!(node.storage as unknown as { filter: { ready: boolean } }).filter.ready)
      await new Promise((resolve) => setImmediate(resolve))
    const { pageIns } = node.storage.figures()
    for (let i = 0; i < 50; i++) expect(await node.getText(`missing ${i}`)).toBe(undefined)
    expect(node.storage.figures().pageIns - pageIns).toBeLessThan(5)
    for (let i = 0; i < 200; i++) expect(await node.getText(`key ${i}`)).toBe("x")
    await node.storage.close()
  })

  test("scans in (slot, alias) order and pieces, from everything committed before the call", async () => {
    const node = await TestNode.open(join(directory(), "data"))
    await fill(node, 400, () => "x")
    const all = Array.from({ length: 400 }, (_, i) => `key ${i}`)
    const order = (a: string, b: string) => slotOf(a) - slotOf(b) || (a < b ? -1 : 1)
    expect(await node.scan("", 100)).toEqual(all.toSorted(order))
    expect(await node.scan("key 1", 64)).toEqual(all.filter((alias) => alias.startsWith("key 1")).sort(order))
    expect(await node.scan("nothing")).toEqual([])
    await node.put("key 400", "y")
    await node.remove("key 0")
    expect((await node.scan("key ")).sort()).toEqual([...all.slice(1), "key 400"].sort())
    await node.storage.close()
  })

  test.each([1, 3])(
    "a slot is read as it is, for which no other file is flushed (%i threads)",
    async (partitions) => {
      const node = await TestNode.open(join(directory(), "data"), { partitions })
      await fill(node, 400, () => "x")
      const slots = [...new Set(Array.from({ length: 400 }, (_, i) => slotOf(`key ${i}`)))]
      const wanted = slots[0] as number
      const flushed = () => slots.filter((slot) => (node.storage.flushedSlot(slot)?.sequence ?? 0) > 0)
      expect(flushed()).toEqual([])
      const read = async () => {
        const { entries } = await node.storage.readSlot(wanted, undefined, MiB)
        return entries.map(({ alias }) => Buffer.from(alias).toString("latin1"))
      }
      const aliases = Array.from({ length: 400 }, (_, i) => `key ${i}`).filter(
        (alias) => slotOf(alias) === wanted,
      )
      expect(await read()).toEqual(aliases.toSorted())
      expect(flushed()).toContain(wanted)
      expect(flushed().every((slot) => slot % partitionFiles === wanted % partitionFiles)).toBe(true)
      await node.remove(aliases[0] as string)
      expect(await read()).toEqual(aliases.slice(1).toSorted())
      await node.scan("key ")
      expect(flushed()).toEqual(slots)
      await node.storage.close()
      expect(node.fatal).toEqual([])
    },
  )

  test("a scan that meets a damaged entry tells whose slot that is", async () => {
    const path = join(directory(), "data")
    let node = await TestNode.open(path)
    await fill(node, 50, () => "x")
    await node.storage.close()
    const slot = slotOf("key 7")
    const database = openDatabase(partitionPath(path, slot % partitionFiles))
    database.exec("UPDATE entry SET content = CAST('y' AS BLOB) WHERE key = CAST('key 7' AS BLOB)")
    database.close()
    node = await TestNode.open(path)
    await expect(node.scan("key 7")).rejects.toMatchObject({ name: "StorageError", slot })
    await node.storage.close()
  })

  test("tells expired entries, those in memory and those in the table", async () => {
    const path = join(directory(), "data")
    let node = await TestNode.open(path)
    const nowMs = Date.now()
    await node.storage.expired(nowMs)
    for (let i = 0; i < 20; i++) await node.put(`e${i}`, "x", { expiresAtMs: nowMs + 1000 + i })
    await node.put("never", "x")
    const aliases = async (at: number) => (await node.storage.expired(at)).map(({ alias }) => alias).sort()
    expect(await aliases(nowMs)).toEqual([])
    const expected = Array.from({ length: 10 }, (_, i) => `e${i}`).sort()
    expect(await aliases(nowMs + 1009)).toEqual(expected)
    await node.storage.close()
    node = await TestNode.open(path)
    expect(await aliases(nowMs + 1009)).toEqual(expected)
    for (const alias of expected) await node.remove(alias)
    expect(await aliases(nowMs + 1009)).toEqual([])
    await node.put("e10", "x", { expiresAtMs: nowMs + 10_000 })
    expect(await aliases(nowMs + 1010)).toEqual([])
    expect((await aliases(nowMs + 20_000)).length).toBe(10)
    await node.storage.close()
  })

  test.each([true, false])(
    "keeps records of every length, in the ring and in buffers of their own (sync: %s)",
    async (sync) => {
      const path = join(directory(), "data")
      let node = await TestNode.open(path, { sync })
      const lengths = [0, 1, 7, 8, 4095, 4096, 100_000, MiB - 200, MiB, MiB + 1, 3 * MiB, 40 * MiB]
      const contents = lengths.map((length, i) => new Uint8Array(length).fill(i + 1))
      const writes: Promise<void>[] = []
      for (const [i, content] of contents.entries()) {
        await node.until(() => node.storage.hasRoom(content.length + 1000))
        writes.push(node.write({ alias: `big ${i}`, content }), node.put(`small ${i}`, `${i}`))
      }
      await Promise.all(writes)
      const check = async () => {
        for (const [i, content] of contents.entries()) {
          const found = (await node.get(`big ${i}`)) as Uint8Array
          expect(Buffer.compare(found, content)).toBe(0)
          expect(await node.getText(`small ${i}`)).toBe(`${i}`)
        }
      }
      await check()
      await crash(node)
      node = await TestNode.open(path, { sync })
      await check()
      await node.storage.close()
      node = await TestNode.open(path, { sync })
      await check()
      await node.storage.close()
      expect(node.fatal).toEqual([])
    },
  )

  test("flushes by itself, and cuts the log behind it", async () => {
    const node = await TestNode.open(join(directory(), "data"), { memoryBytesMax: 16 * MiB })
    const content = new Uint8Array(2000).fill(1)
    for (let i = 0; i < 10_000; i++) {
      await node.until(() => node.storage.hasRoom(MiB))
      void node.write({ alias: `key ${i % 3000}`, content })
    }
    await node.put("last", "x")
    await node.until(() => node.storage.figures().persistedEntries >= 3000)
    const figures = node.storage.figures()
    expect(figures.logBytes).toBeLessThan(21_000_000)
    expect(figures.dirtyBytes).toBeLessThan(16 * MiB)
    await node.storage.close()
    expect(node.fatal).toEqual([])
  })

  test("where memory is full of changes, one file at a time is flushed, the one that is furthest behind", async () => {
    const entriesMax = 4000
    const node = await TestNode.open(join(directory(), "data"), { memoryEntriesMax: entriesMax })
    const aliases: string[] = []
    /** At once, so that all are there when the flusher is told. */
    const put = async (count: number) => {
      const fresh = Array.from({ length: count }, (_, i) => `key ${aliases.length + i}`)
      aliases.push(...fresh)
      const writes = fresh.map((alias) => node.append({ alias, content: new Uint8Array(10) }))
      node.storage.publish()
      await Promise.all(writes)
      // As the driver does at the end of each turn.
      node.storage.publish()
    }
    /** Files that hold something, once the flusher is at rest. */
    const flushed = async () => {
      const slots = aliases.map(slotOf)
      const holds = (slot: number) => (node.storage.flushedSlot(slot)?.sequence ?? 0) > 0
      await node.until(() => slots.some(holds))
      // What it is asked it does after a round that is under way; this file has something of its own by then.
      const first = aliases.find((alias) => holds(slotOf(alias))) as string
      await node.put(first, "again")
      await node.storage.readSlot(slotOf(first), undefined, MiB)
      return new Set(slots.filter(holds).map((slot) => slot % partitionFiles))
    }
    await put(entriesMax / 4 + 50)
    const one = await flushed()
    expect(one.size).toBe(1)
    const { persistedEntries } = node.storage.figures()
    await put(entriesMax / 16)
    await node.until(() => node.storage.figures().persistedEntries > persistedEntries)
    const more = await flushed()
    expect(more.size).toBeGreaterThan(1)
    expect(more.size).toBeLessThan(partitionFiles)
    await node.storage.close()
    expect(node.fatal).toEqual([])
  })

  test("takes a batch into the table that is longer than the flusher gathers, or takes at once", async () => {
    const path = join(directory(), "data")
    let node = await TestNode.open(path, { memoryBytesMax: 4 * MiB })
    // More than twice of what is taken at once, so that half of it is still too much.
    const long = new Uint8Array(12 * MiB).fill(7)
    for (let i = 0; i < 3; i++) {
      await node.until(() => node.storage.hasRoom(long.length + 1000))
      await node.write({ alias: `long ${i}`, content: long })
      await node.put(`short ${i}`, "x")
    }
    for (const alias of ["long 0", "long 1", "long 2"]) {
      const { entries } = await node.storage.readSlot(slotOf(alias), undefined, MiB)
      expect(entries.map(({ content }) => content.length)).toContain(long.length)
    }
    await node.storage.close()
    expect(node.fatal).toEqual([])
    node = await TestNode.open(path, { memoryBytesMax: 4 * MiB })
    expect(Buffer.compare((await node.get("long 1")) as Uint8Array, long)).toBe(0)
    expect(await node.getText("short 2")).toBe("x")
    await node.storage.close()
  })

  test("does without files in transient mode, but keeps who it is", async () => {
    const path = join(directory(), "data")
    let node = await TestNode.open(path, { transient: true })
    const { storageId } = node.storage.identity
    let applied = false
    const write = node.put("a", "x").then(() => {
      applied = true
    })
    expect(applied).toBe(false)
    await write
    for (let i = 0; i < 300; i++) await node.put(`key ${i}`, "y")
    await node.remove("key 3")
    expect(await node.getText("a")).toBe("x")
    expect((await node.scan("key ", 200)).sort()).toEqual(
      Array.from({ length: 300 }, (_, i) => `key ${i}`)
        .filter((alias) => alias !== "key 3")
        .sort(),
    )
    await node.storage.close()
    node = await TestNode.open(path, { transient: true })
    expect(node.storage.identity).toMatchObject({ storageId, boot: 2 })
    expect(await node.getText("a")).toBe(undefined)
    await node.storage.close()
    await expect(TestNode.open(path)).rejects.toThrow(/transient/)
  })
})
