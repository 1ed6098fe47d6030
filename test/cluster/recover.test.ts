/** What only lost nodes held is given up when an operator says so, and never otherwise: on real nodes, by the shell's command. */
import { describe, expect, it } from "vitest"
import type { Client } from "../../src/client/client.ts"
import { QdbError } from "../../src/client/error.ts"
import type { ClusterRecovery, ClusterStatus } from "../../src/wire/status.ts"
import { LocalCluster, untilStatus } from "../support/cluster.ts"
import { requireAll } from "../support/peer.ts"
import { runShell } from "../support/shell.ts"

const timeoutMs = 120_000
const names = Array.from({ length: 300 }, (_, i) => `entry ${i}`)

/** Asks the first node. */
const qdbsh = (cluster: LocalCluster, ...args: readonly string[]) => runShell([cluster.address(0)], args)

/** Waits until the cluster has seen that this node is down, and says of whom it waits. */
function seenDown(client: Client, address: string): Promise<ClusterStatus> {
  return untilStatus(client, ({ members }) =>
    members.some((member) => member.address === address && member.state === "down"),
  )
}

/** @returns what is there under each name; undefined where nothing is */
async function contents(client: Client): Promise<(string | undefined)[]> {
  return Promise.all(
    names.map(async (name) => {
      try {
        return Buffer.from(await client.get(name)).toString()
      } catch (error) {
        if (error instanceof QdbError && error.name === "alias_not_found") return undefined
        throw error
      }
    }),
  )
}

describe("a node that held the only copies and is gone for good", () => {
  it(
    "is given up by name; its slots begin empty, and it brings nothing back",
    { timeout: timeoutMs },
    async () => {
      await using cluster = await LocalCluster.start({ size: 3, replicationFactor: 1 })
      await cluster.until("stable")
      const client = await cluster.client([0])
      await Promise.all(names.map((name) => client.put(name, "old")))
      const lost = cluster.address(2)

      // Nothing is given up of who is up, and nothing without being asked for in so many words.
      const early = await qdbsh(cluster, "--yes", "cluster_recover", lost)
      expect([early.status, early.errors]).toEqual([1, expect.stringContaining("not all of")])
      await cluster.kill(2)
      const { reasons } = await seenDown(client, lost)
      expect(reasons.join("\n")).toContain(`waits for ${lost} (if it is gone for good: cluster_recover)`)
      const unasked = await qdbsh(cluster, "cluster_recover", lost)
      expect([unasked.status, unasked.errors]).toEqual([2, expect.stringContaining("--yes")])

      const recovered = await qdbsh(cluster, "--yes", "cluster_recover", lost)
      expect([recovered.status, recovered.errors]).toEqual([0, ""])
      const given = JSON.parse(recovered.text) as ClusterRecovery
      expect(given.nodes).toEqual([lost])
      expect(given.slots).toBeGreaterThan(4096 / 4)
      expect(given.slots).toBeLessThan(4096 / 2)
      await cluster.until("stable")
      const after = await contents(client)
      const missing = names.filter((_, i) => after[i] === undefined)
      expect(new Set(after)).toEqual(new Set(["old", undefined]))
      await Promise.all(missing.slice(1).map((name) => client.put(name, "new")))

      // It comes back with its disk: a member like any other, and what it held is not of this cluster's history any more.
      await cluster.startNode(2)
      await cluster.daemon(2).logged(/is no longer a member/)
      await cluster.until("stable", 60_000)
      const expected = names.map((name) =>
        name === missing[0] ? undefined : missing.includes(name) ? "new" : "old",
      )
      expect(await contents(await cluster.client([2]))).toEqual(expected)
      const { reasons: remarks } = (await client.clusterStatus()) as ClusterStatus
      expect(remarks.join("\n")).toMatch(
        /what only 127\.0\.0\.3:\d+ held of \d+ slots was given up in view \d+/,
      )
    },
  )

  it("is replaced by the newest older copy that there is", { timeout: timeoutMs }, async (context) => {
    requireAll(context, "two nodes die and one is given up, half a minute")
    await using cluster = await LocalCluster.start({ size: 3 })
    await cluster.until("stable")
    const client = await cluster.client()
    await Promise.all(names.map((name) => client.put(name, "old")))
    await cluster.kill(2)
    await seenDown(await cluster.client([0]), cluster.address(2))
    await Promise.all(names.map((name) => client.update(name, "new")))
    // The third misses what the first two have; of a third of the slots only the second has it.
    await cluster.kill(1)
    await cluster.startNode(2)
    const first = await cluster.client([0])
    await seenDown(first, cluster.address(1))
    const recovered = await qdbsh(cluster, "--yes", "cluster_recover", cluster.address(1))
    expect([recovered.status, recovered.errors]).toEqual([0, ""])
    await cluster.until("stable", 60_000)
    const after = await contents(first)
    expect(new Set(after)).toEqual(new Set(["old", "new"]))
    expect(await contents(await cluster.client([2]))).toEqual(after)
    const old = after.filter((content) => content === "old").length
    expect(old).toBeGreaterThan(names.length / 6)
    expect(old).toBeLessThan(names.length / 2)
  })
})
