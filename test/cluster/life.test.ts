/** Three real nodes find each other, serve, die, come back, and are joined by a fourth. */
import { describe, expect, it } from "vitest"
import type { Client } from "../../src/client/client.ts"
import type { ClusterStatus } from "../../src/wire/status.ts"
import { LocalCluster, untilStatus } from "../support/cluster.ts"

const quickRepair = ["--set", "global.cluster.repair_grace_seconds=1"]
const timeoutMs = 180_000
/** What all slots may take to serve again after a kill. */
const servingDeadlineMs = 10_000

const aliases = (count: number) => Array.from({ length: count }, (_, i) => `entry ${i}`)
const contentOf = (alias: string) => `content of ${alias}`

async function putAll(client: Client, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((alias) => client.put(alias, contentOf(alias))))
}

async function expectAll(client: Client, names: readonly string[]): Promise<void> {
  const contents = await Promise.all(names.map((alias) => client.get(alias)))
  const texts = contents.map((content) => Buffer.from(content).toString())
  expect(texts).toEqual(names.map(contentOf))
}

describe("three nodes", () => {
  it("found one cluster; what one was given every one answers", { timeout: timeoutMs }, async () => {
    await using cluster = await LocalCluster.start({ size: 3 })
    await cluster.until("stable")
    const names = aliases(300)
    await putAll(await cluster.client([0]), names)
    for (const place of [0, 1, 2]) {
      const client = await cluster.client([place])
      await expectAll(client, names)
      expect(await client.clusterStatus()).toMatchObject({
        state: "stable",
        factor: { wanted: 2, reached: 2 },
        members: [{ state: "up" }, { state: "up" }, { state: "up" }],
      })
    }
  })

  it.each([0, 1, 2])(
    "lose nothing when node %i is killed, and restore the factor",
    { timeout: timeoutMs },
    async (victim) => {
      await using cluster = await LocalCluster.start({ size: 3, args: quickRepair })
      await cluster.until("stable")
      const client = await cluster.client()
      const names = aliases(500)
      await putAll(client, names)
      await cluster.kill(victim)
      const killedMs = performance.now()
      // Before its death is noticed, the others still find every slot served.
      await untilStatus(client, (status) => memberAt(status, cluster.address(victim))?.state === "down")
      await cluster.until("serving")
      expect(performance.now() - killedMs).toBeLessThan(servingDeadlineMs)
      await expectAll(client, names)
      // Two nodes are left: the factor of two is restored on them, and the second death loses nothing either.
      const status = await waitForFactor(client, 2)
      expect(status).toMatchObject({ factor: { wanted: 2, reached: 2 } })
      await cluster.startNode(victim)
      // Half of all replicas are copied back: some 15 s on a quiet machine, three times that on a busy one.
      await cluster.until("stable", 100_000)
      await expectAll(client, names)
    },
  )

  it("are joined by a fourth, which takes its share", { timeout: timeoutMs }, async () => {
    await using cluster = await LocalCluster.start({ size: 3, args: quickRepair })
    await cluster.until("stable")
    const client = await cluster.client()
    const names = aliases(500)
    await putAll(client, names)
    const fourth = await cluster.startNode(3)
    await fourth.logged(/is a member of cluster/)
    await cluster.until("stable", 60_000)
    const { members } = (await client.clusterStatus()) as unknown as {
      members: { slots: { primary: number; replica: number } }[]
    }
    for (const { slots } of members) {
      expect(slots.primary).toBeGreaterThan(0.95 * 1024)
      expect(slots.primary).toBeLessThan(1.05 * 1024)
    }
    await expectAll(await cluster.client([3]), names)
  })
})

function memberAt({ members }: ClusterStatus, address: string) {
  return members.find((member) => member.address === address)
}

function waitForFactor(client: Client, reached: number): Promise<ClusterStatus> {
  return untilStatus(client, ({ factor }) => factor.reached === reached)
}
