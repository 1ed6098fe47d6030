/** What befalls one node's disk, on real nodes: entries that decay on it, and no room. */
import { spawnSync } from "node:child_process"
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { Client } from "../../src/client/client.ts"
import { QdbError } from "../../src/client/error.ts"
import { partitionPrefix } from "../../src/storage/directory/names.ts"
import { LocalCluster } from "../support/cluster.ts"
import { requireRoot } from "../support/peer.ts"

const timeoutMs = 180_000
const names = Array.from({ length: 300 }, (_, i) => `entry ${i}`)
const contentOf = (name: string) => `the content of ${name}.`

async function expectAll(client: Client): Promise<void> {
  const contents = await Promise.all(names.map((name) => client.get(name)))
  expect(contents.map((content) => Buffer.from(content).toString())).toEqual(names.map(contentOf))
}

/** Changes a letter of every content in the table of a stopped node. @returns how many */
function decay(directory: string): number {
  let count = 0
  for (const name of readdirSync(directory).filter((each) => each.startsWith(partitionPrefix))) {
    const bytes = readFileSync(join(directory, name))
    for (let at = bytes.indexOf("the content of"); at >= 0; at = bytes.indexOf("the content of", at + 1)) {
      bytes[at] = 84
      count++
    }
    writeFileSync(join(directory, name), bytes)
  }
  return count
}

/** Takes all room that there is. */
function fill(path: string): void {
  const file = openSync(path, "w")
  try {
    for (;;) writeSync(file, new Uint8Array(4096).fill(1))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error
  } finally {
    closeSync(file)
  }
}

/** @returns whether there was room for it; @throws whatever else befalls the request */
async function isTaken(request: Promise<unknown>): Promise<boolean> {
  try {
    await request
    return true
  } catch (error) {
    if (error instanceof QdbError && error.name === "disk_full") return false
    throw error
  }
}

async function writeUntilFull(client: Client): Promise<void> {
  for (let i = 0; i < 3_000; i++)
    if (!(await isTaken(client.put(`large ${i}`, new Uint8Array(100_000).fill(i))))) return
  throw new Error("the disk is not full")
}

/** The node measures its disk once a second. */
async function writeUntilTaken(client: Client): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (await isTaken(client.update("another", "is written again"))) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error("the disk is still full")
}

describe("one node's disk", () => {
  it(
    "has entries that decay: they are read from the other replica, and copied anew",
    { timeout: timeoutMs },
    async () => {
      await using cluster = await LocalCluster.start({ size: 3 })
      await cluster.until("stable")
      const client = await cluster.client()
      await Promise.all(names.map((name) => client.put(name, contentOf(name))))
      await cluster.stop(1)
      expect(decay(join(cluster.root(1), "db"))).toBeGreaterThan(names.length / 2)
      const node = await cluster.startNode(1)
      await cluster.until("stable")
      await expectAll(client)
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
      await expectAll(client)
    },
  )

  it(
    "is full: reads go on, nothing is lost, and writes resume when there is room",
    { timeout: timeoutMs },
    async (context) => {
      requireRoot(context)
      await using cluster = await LocalCluster.make({ size: 3 })
      const root = cluster.root(1)
      mkdirSync(root, { recursive: true })
      expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=160m", "tmpfs", root]).status).toBe(0)
      try {
        await Promise.all([0, 1, 2].map((place) => cluster.startNode(place)))
        await cluster.until("stable")
        const client = await cluster.client()
        await Promise.all(names.map((name) => client.put(name, contentOf(name))))
        const filler = join(root, "filler")
        fill(filler)
        await writeUntilFull(client)
        await cluster.daemon(1).logged(/the file system is full/)
        await expectAll(client)
        rmSync(filler)
        await writeUntilTaken(client)
        await cluster.until("stable", 60_000)
        await expectAll(await cluster.client([1]))
      } finally {
        for (const daemon of cluster.daemons) daemon?.child.kill("SIGKILL")
        spawnSync("umount", ["-l", root])
      }
    },
  )
})
