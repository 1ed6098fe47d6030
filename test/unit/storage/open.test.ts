import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { openStorage } from "../../../src/storage/open.ts"
import { temporaryDirectory } from "./support/directory.ts"
import { slotOf, TestNode } from "./support/node.ts"

const directory = temporaryDirectory()

describe("storage", () => {
  test("keeps what was written over a close, and over many", async () => {
    const path = join(directory(), "data")
    let node = await TestNode.open(path)
    await node.put("a", "one")
    await node.put("b", "two")
    await node.put("a", "three")
    await node.remove("b")
    expect(await node.getText("a")).toBe("three")
    await node.storage.close()
    for (let i = 0; i < 3; i++) {
      node = await TestNode.open(path)
      expect(node.storage.identity.boot).toBe(i + 2)
      expect(node.recovered).toEqual([])
      expect(await node.getText("a")).toBe(i === 0 ? "three" : `round ${i - 1}`)
      expect(await node.getText("b")).toBe(undefined)
      expect(node.slots.get(slotOf("b"))?.sequence).toBe(2)
      await node.put("a", `round ${i}`)
      await node.storage.close()
    }
    expect(node.fatal).toEqual([])
  })

  test("asks whether commits wait for the disk once the directory has told what its cluster wants", async () => {
    const path = join(directory(), "data")
    let told = false
    const storage = await openStorage(
      {
        directory: path,
        get sync() {
          if (!told) throw new Error("asked too early")
          return false
        },
        transient: false,
        memoryBytesMax: 0,
        memoryEntriesMax: 0,
        diskBytesMax: 0,
        diskWarnShare: 0.9,
        diskWarnIntervalMs: 3_600_000,
        partitions: 1,
        onProgress: () => {},
        onMeta: () => {},
        onFatal: () => {},
        onNotice: () => {},
      },
      () => {
        told = true
        return { slot: () => {}, result: () => {}, record: () => {} }
      },
    )
    await storage.close()
  })

  test("tells the exactly-once table and forgets what it is told to", async () => {
    const path = join(directory(), "data")
    let node = await TestNode.open(path)
    const big = new Uint8Array(5000).fill(7)
    const id = "0123456789abcdef"
    await node.put("k", "1", { client: { id, number: 1, floor: 1 } })
    await node.put("k", "2", { client: { id, number: 2, floor: 1, result: Buffer.from("small") } })
    await node.put("k", "3", { client: { id, number: 3, floor: 2, result: big } })
    await node.put("k", "x", { client: { id: "fedcba9876543210", number: 9, floor: 9 } })
    await node.storage.close()
    node = await TestNode.open(path)
    const known = () => node.results.map((r) => [r.client, r.floor, r.number, r.content?.length]).sort()
    expect(known()).toEqual([
      [id, 2, 2, 5],
      [id, 2, 3, 5000],
      ["fedcba9876543210", 9, 9, undefined],
    ])
    await node.forget(["fedcba9876543210"])
    await node.put("k", "4", { client: { id, number: 4, floor: 4 } })
    await node.storage.close()
    node = await TestNode.open(path)
    expect(known()).toEqual([[id, 4, 4, undefined]])
    await node.storage.close()
  })
})
