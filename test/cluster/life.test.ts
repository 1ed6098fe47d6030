/** Three real nodes find each other, serve, and are joined by a fourth. (They die in `kills.test.ts`.) */
import { describe, expect, it } from "vitest"
import { LocalCluster } from "../support/cluster.ts"
import { entryNames, expectAll, putAll } from "../support/entries.ts"

const quickRepair = ["--set", "global.cluster.repair_grace_seconds=1"]
const timeoutMs = 180_000

describe("three nodes", () => {
  it("found one cluster; what one was given every one answers", { timeout: timeoutMs }, async () => {
    await using cluster = await LocalCluster.start({ size: 3 })
    await cluster.until("stable")
    const names = entryNames(300)
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

  it("are joined by a fourth, which takes its share", { timeout: timeoutMs }, async () => {
    await using cluster = await LocalCluster.start({ size: 3, args: quickRepair })
    await cluster.until("stable")
    const client = await cluster.client()
    const names = entryNames(500)
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
