/** What befalls one node's disk, on real nodes: entries that decay on it, and no room. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { Client } from "../../src/client/client.ts"
import { QdbError } from "../../src/client/error.ts"
import { partitionPrefix } from "../../src/storage/directory/names.ts"
import { LocalCluster } from "../support/cluster.ts"
import { contentOf, entryNames, expectAll, putAll } from "../support/entries.ts"
import { fillDisk, mountSmallDisk, requireSmallDisks, unmountSmallDisk } from "../support/small-disk.ts"

const timeoutMs = 180_000
const names = entryNames(300)

/** Changes a letter of every content in the table of a stopped node. @returns how many */
function decay(directory: string): number {
  let count = 0
  for (const name of readdirSync(directory).filter((each) => each.startsWith(partitionPrefix))) {
    const bytes = readFileSync(join(directory, name))
    for (
      let at = bytes.indexOf("content of entry");
      at >= 0;
      at = bytes.indexOf("content of entry", at + 1)
    ) {
      bytes[at] = 0x43
      count++
    }
    writeFileSync(join(directory, name), bytes)
  }
  return count
}

async function writeUntilFull(client: Client): Promise<void> {
  for (let i = 0; i < 3_000; i++) {
    try {
      await client.put(`large ${i}`, new Uint8Array(100_000).fill(i))
    } catch (error) {
      if (error instanceof QdbError && error.name === "disk_full") return
      throw error
    }
  }
  throw new Error("the disk is not full")
}

describe("one node's disk", () => {
  it(
    "has entries that decay: they are read from the other replica, and copied anew",
    { timeout: timeoutMs },
    async () => {
      await using cluster = await LocalCluster.start({ size: 3 })
      await cluster.until("stable")
      const client = await cluster.client()
      await putAll(client, names)
      await cluster.stop(1)
      expect(decay(join(cluster.root(1), "db"))).toBeGreaterThan(names.length / 2)
      const node = await cluster.startNode(1)
      await cluster.until("stable")
      await expectAll(client, names)
      await node.logged(/this replica gives up its place/)
      await cluster.until("stable", 60_000)
      const { engine } = (await (await cluster.client([1])).nodeStatus()) as unknown as {
        engine: { replicas: { damaged: string } }
      }
      expect(Number(engine.replicas.damaged)).toBeGreaterThan(0)
      // Where it was not asked, being the backup, nobody has looked: alone, it says so of what it cannot read, and shows nothing else.
      await cluster.stop(0)
      const alone = await Promise.allSettled(names.map((name) => client.get(name)))
      for (const [i, outcome] of alone.entries()) {
        if (outcome.status === "fulfilled")
          expect(Buffer.from(outcome.value).toString()).toBe(contentOf(names[i] as string))
        else expect((outcome.reason as QdbError).name).toBe("data_corrupt")
      }
      expect(alone.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(names.length / 3)
      await cluster.startNode(0)
      await cluster.until("stable", 60_000)
      await expectAll(client, names)
    },
  )

  it(
    "is full: reads go on, nothing is lost, and writes resume when there is room",
    { timeout: timeoutMs },
    async (context) => {
      requireSmallDisks(context)
      await using cluster = await LocalCluster.make({ size: 3 })
      const root = cluster.root(1)
      mkdirSync(root, { recursive: true })
      expect(mountSmallDisk(root, "160m")).toBe(true)
      try {
        await Promise.all([0, 1, 2].map((place) => cluster.startNode(place)))
        await cluster.until("stable")
        const client = await cluster.client()
        await putAll(client, names)
        const filler = join(root, "filler")
        fillDisk(filler)
        await writeUntilFull(client)
        await cluster.daemon(1).logged(/the file system is full/)
        await expectAll(client, names)
        rmSync(filler)
        await cluster.daemon(1).logged(/the file system has room again/)
        const more = names.map((name) => `more of ${name}`)
        await putAll(client, more)
        await cluster.until("stable", 60_000)
        await expectAll(await cluster.client([1]), [...names, ...more])
      } finally {
        for (const daemon of cluster.daemons) daemon?.child.kill("SIGKILL")
        unmountSmallDisk(root)
      }
    },
  )
})
