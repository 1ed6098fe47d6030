/** Who does not belong to a cluster, and who only seems not to: secrets, wiped directories, ids and clusters that meet. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { LocalCluster } from "../support/cluster.ts"
import { spawnAt } from "../support/daemon.ts"

const timeoutMs = 120_000

describe("a cluster secret", () => {
  it("lets in who knows it, and nobody else", { timeout: timeoutMs }, async () => {
    await using cluster = await LocalCluster.make({ size: 2 })
    const write = (name: string, text: string) => {
      const path = join(cluster.directory.path, name)
      writeFileSync(path, text)
      return ["--set", `local.network.cluster_secret_file=${path}`]
    }
    const secret = write("secret", "a secret that is long enough\n")
    await cluster.startNode(0, secret)
    await cluster.startNode(1, secret)
    await cluster.until("stable")
    const other = await cluster.startNode(2, write("other", "another secret, long enough too"))
    await other.logged(/error link: cannot talk to .*its cluster secret is another/)
    await cluster.kill(2)
    const none = await cluster.startNode(3)
    await none.logged(/error link: cannot talk to .*This node has a cluster secret, and the peer has none/)
    await cluster.daemon(0).logged(/warning listener: refuses a node at .*and the peer has none/)
    const client = await cluster.client([0])
    expect((await client.clusterStatus())["members"]).toHaveLength(2)
    await cluster.kill(3)
  })
})

describe("a node with an empty directory at a known address", () => {
  it("is called, waits for its old self's eviction, and is taken in", { timeout: timeoutMs }, async () => {
    await using cluster = await LocalCluster.start({
      size: 3,
      args: ["--set", "global.cluster.repair_grace_seconds=1"],
    })
    await cluster.until("stable")
    const client = await cluster.client([0, 1])
    await client.put("kept", "here")
    await cluster.kill(2)
    rmSync(join(cluster.root(2), "db"), { recursive: true })
    const wiped = await cluster.startNode(2)
    await wiped.logged(/is a member of cluster/, 60_000)
    expect(Buffer.from(await (await cluster.client([2])).get("kept")).toString()).toBe("here")
  })
})

describe("a cluster of one at an address that another cluster knows", () => {
  it("stops and says why, and the other cluster is unchanged", { timeout: timeoutMs }, async () => {
    await using cluster = await LocalCluster.make({ size: 2 })
    // Of two nodes the one with the lower id votes, and so calls who is silent.
    const ids = (place: number) => ["--id", `${place + 1}-0-0-1`]
    await Promise.all([0, 1].map((place) => cluster.startNode(place, ids(place))))
    await cluster.until("stable")
    mkdirSync(cluster.root(2), { recursive: true })
    const elsewhere = spawnAt(cluster.address(2), cluster.root(2), [])
    await elsewhere.logged(/ ready on /)
    expect(await elsewhere.stop()).toBe(0)
    await cluster.kill(1)
    const stranger = spawnAt(cluster.address(1), cluster.root(2), [])
    cluster.daemons[1] = stranger
    expect(await stranger.exit()).toMatchObject({ status: 1 })
    expect(stranger.log).toMatch(
      /founded a cluster of its own, but cluster [0-9a-f]+ \(127\.0\.0\.1:\d+\) lists this node/,
    )
    // The one that belongs there is taken back.
    await cluster.startNode(1, ids(1))
    await cluster.until("stable", 60_000)
  })
})

describe("a node id that is another's", () => {
  it("aborts the newcomer with an error, and the cluster is unchanged", { timeout: timeoutMs }, async () => {
    await using cluster = await LocalCluster.make({ size: 2 })
    await cluster.startNode(0, ["--id", "1-0-0-1"])
    await cluster.startNode(1, ["--id", "2-0-0-1"])
    await cluster.until("stable")
    const twin = await cluster.startNode(2, ["--id", "2-0-0-1"])
    expect(await twin.exit()).toMatchObject({ status: 1 })
    expect(twin.log).toMatch(/node id .* belongs to another data directory, of the node at 127\.0\.0\.2/)
    cluster.daemons[2] = undefined
    const status = await (await cluster.client([0])).clusterStatus()
    expect(status).toMatchObject({ state: "stable", members: [{ state: "up" }, { state: "up" }] })
  })
})

describe("a peer that is missing", () => {
  it("is named, and founding goes on once it is there", { timeout: timeoutMs }, async () => {
    await using cluster = await LocalCluster.make({ size: 3 })
    const first = await cluster.startNode(0)
    await cluster.startNode(1)
    await first.logged(new RegExp(`waits for ${cluster.address(2)}`.replaceAll(".", "\\.")))
    const client = await cluster.client([0])
    const status = await client.clusterStatus()
    expect(status).toMatchObject({ state: "unstable", members: [] })
    expect(String(status["reasons"])).toContain(cluster.address(2))
    await cluster.startNode(2)
    await first.logged(/is a member of cluster/)
  })
})
