/**
 * A file system without room and a quota: writes wait or are refused, reads go on, nothing acknowledged is lost, and writing
 * resumes when there is room. The file system is a small tmpfs, which takes root to mount.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { diskReserveBytes, flushAgeMs, logSegmentFileBytes } from "../../src/core/lib/limits.ts"
import { logSegmentName, reserveName } from "../../src/storage/directory/names.ts"
import type { MetaWriter } from "../../src/storage/directory/meta-writer.ts"
import type { DiskStorage } from "../../src/storage/disk-storage.ts"
import { fillDisk, mountSmallDisk, requireSmallDisks, unmountSmallDisk } from "../support/small-disk.ts"
import { TestNode } from "../unit/storage/support/node.ts"

const MiB = 1024 * 1024
let directory = ""
let mounted = false

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "qdb-full-"))
})
afterEach(() => {
  if (mounted) unmountSmallDisk(directory)
  mounted = false
  rmSync(directory, { recursive: true, force: true })
})

const content = (i: number) => Buffer.alloc(4000, `${i} `)

/** Polls: what is waited for is measured once a second. */
async function eventually(what: string, done: () => boolean, timeoutMs = 20_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!done()) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe("a full disk", () => {
  test.for([true, false])(
    "costs nothing acknowledged, and is over when there is room (sync: %s)",
    { timeout: 120_000 },
    async (sync, context) => {
      requireSmallDisks(context)
      mounted = mountSmallDisk(directory, "48m")
      const path = join(directory, "data")
      let node = await TestNode.open(path, { sync })
      const acknowledged = new Set<number>()
      let next = 0
      const isTold = () => node.notices.some((text) => /file system is full/.test(text))
      // What finds no room for a moment may have some in the next: what the table took over made it.
      while (!(isTold() && node.storage.diskFull) && next < 20_000) {
        await eventually("room in the ring", () => {
          return node.storage.diskFull ? isTold() : node.storage.hasRoom(MiB)
        })
        const i = next++
        void node.write({ alias: `key ${i}`, content: content(i) }).then(() => acknowledged.add(i))
        if (i % 64 === 63) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      expect(node.storage.diskFull).toBe(true)
      expect(acknowledged.size).toBeGreaterThan(1000)
      for (const i of [0, 100, acknowledged.size - 1])
        expect(Buffer.compare((await node.get(`key ${i}`)) as Uint8Array, content(i))).toBe(0)
      // A kill in this state, and a start on the full disk.
      await (node.storage as DiskStorage).kill()
      const before = new Set(acknowledged)
      node = await TestNode.open(path, { sync })
      for (const i of before)
        expect(Buffer.compare((await node.get(`key ${i}`)) as Uint8Array, content(i))).toBe(0)
      const late = node.put("late", "x")
      mountSmallDisk(directory, "400m", "remount")
      await late
      await eventually("room", () => !node.storage.diskFull)
      await node.put("later", "y")
      expect(node.fatal).toEqual([])
      await node.storage.close()
      node = await TestNode.open(path, { sync })
      for (const i of before)
        expect(Buffer.compare((await node.get(`key ${i}`)) as Uint8Array, content(i))).toBe(0)
      expect(await node.getText("late")).toBe("x")
      expect(await node.getText("later")).toBe("y")
      await node.storage.close()
      expect(node.fatal).toEqual([])
    },
  )

  test("lets views and votes wait, and does not stop the node", async (context) => {
    requireSmallDisks(context)
    mounted = mountSmallDisk(directory, "48m")
    const path = join(directory, "data")
    let node = await TestNode.open(path)
    const view = (token: number) => [{ key: "view", value: new Uint8Array(MiB).fill(token) }]
    const write = (token: number) => node.storage.meta.write(token, view(token))
    const seen = () => [...node.storage.meta.recovered.entries()].find(([key]) => key === "view")?.[1][0]
    write(1)
    await eventually("a written view", () => node.metaTokens.includes(1))
    // A start does not wait for the reserve.
    const reserve = join(path, reserveName)
    await eventually(
      "a reserve",
      () => statSync(reserve, { throwIfNoEntry: false })?.size === diskReserveBytes,
    )
    const spare = join(path, logSegmentName(1))
    await eventually(
      "a spare file of the log",
      () => existsSync(spare) && statSync(spare).size === logSegmentFileBytes,
    )
    // Something else takes all the room that there is: the reserve makes some.
    fillDisk(join(directory, "ballast 1"))
    write(2)
    await eventually("a view that the reserve has made room for", () => node.metaTokens.includes(2))
    await eventually("a notice", () => node.notices.some((text) => /file system is full/.test(text)))
    fillDisk(join(directory, "ballast 2"))
    write(3)
    await eventually("a view that waits", () => (node.storage.meta as MetaWriter).full)
    expect(node.metaTokens).toEqual([1, 2])
    // A kill in this state, and a start on the full disk: what was confirmed is there.
    await (node.storage as DiskStorage).kill()
    expect(node.fatal).toEqual([])
    node = await TestNode.open(path)
    expect(seen()).toBe(2)
    fillDisk(join(directory, "ballast 3"))
    write(4)
    write(5)
    await eventually("a view that waits", () => (node.storage.meta as MetaWriter).full)
    for (const place of [1, 2, 3]) rmSync(join(directory, `ballast ${place}`))
    await eventually("views that waited, in order", () => node.metaTokens.join() === "4,5")
    await eventually("room", () => !node.storage.diskFull)
    expect(node.fatal).toEqual([])
    await node.storage.close()
    node = await TestNode.open(path)
    expect(seen()).toBe(5)
    await node.storage.close()
  }, 60_000)

  test("refuses to make a directory, in one line", async (context) => {
    requireSmallDisks(context)
    mounted = mountSmallDisk(directory, "64k")
    await expect(TestNode.open(join(directory, "data"))).rejects.toThrow(
      /^[^\n]*(full|ENOSPC|no space)[^\n]*$/i,
    )
  })

  test("by quota: told at 90 %, full at 100 %, over when enough was removed", async () => {
    const quota = 40 * MiB
    const node = await TestNode.open(join(directory, "data"), { diskBytesMax: quota })
    let next = 0
    const isTold = () => node.notices.some((text) => /quota of 41943040 bytes is used up/.test(text))
    while (!isTold() && next < 20_000) {
      // What is full by reckoning may be found to have room: the log was cut meanwhile.
      await eventually("a measurement", () => isTold() || !node.storage.diskFull)
      await node.until(() => node.storage.hasRoom(MiB))
      const i = next++
      void node.write({ alias: `key ${i}`, content: content(i) })
      if (i % 256 === 255) await node.write({ alias: "tick", content: content(i) })
    }
    expect(next).toBeGreaterThan(2000)
    expect(isTold()).toBe(true)
    expect(node.storage.diskFull).toBe(true)
    await node.put("tick", "")
    const used = readdirSync(join(directory, "data")).reduce(
      (sum, name) => sum + statSync(join(directory, "data", name)).size,
      0,
    )
    // Once more what WAL files and the reserve take beside it: what was taken without a measurement counted for log and table.
    expect(used).toBeLessThan(1.5 * quota)
    for (let i = 0; i < next; i++) void node.remove(`key ${i}`)
    await node.put("tick", "last")
    await eventually("room", () => !node.storage.diskFull)
    expect(await node.getText("key 7")).toBe(undefined)
    expect(await node.getText("tick")).toBe("last")
    await node.storage.close()
    expect(node.fatal).toEqual([])
  }, 60_000)

  test("by quota: what few large removals have made free is there within seconds", async () => {
    // With that much memory the flusher has no other reason to work.
    const options = { diskBytesMax: 80 * MiB, memoryBytesMax: 4096 * MiB }
    const node = await TestNode.open(join(directory, "data"), options)
    const large = Buffer.alloc(4 * MiB, "large")
    let next = 0
    for (; !node.storage.diskFull && next < 50; next++) {
      await node.until(() => node.storage.hasRoom(large.length + 1000))
      await node.write({ alias: `key ${next}`, content: large })
    }
    expect(node.storage.diskFull).toBe(true)
    for (let i = 0; i < next / 2; i++) await node.remove(`key ${i}`)
    // Far less than a change may wait for the flusher where room is not short.
    await eventually("room", () => !node.storage.diskFull, flushAgeMs / 3)
    await node.storage.close()
    expect(node.fatal).toEqual([])
  }, 60_000)
})
