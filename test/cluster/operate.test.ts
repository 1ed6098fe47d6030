/**
 * A cluster of real daemons as its users and its operator see it: requests find their way, nodes come and go without a change at
 * any client, and the shell's commands for clusters do what they say.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Client, connect } from "../../src/client/client.ts"
import { commands } from "../../src/command/table.ts"
import type { ClusterPlan, ClusterStatus, NodeStatus } from "../../src/wire/status.ts"
import { requireAll } from "../support/peer.ts"
import { LocalCluster } from "../support/cluster.ts"
import { runShell } from "../support/shell.ts"

let cluster: LocalCluster
beforeAll(async () => {
  cluster = await LocalCluster.start({ size: 3 })
  await cluster.until("stable")
}, 60_000)
afterAll(() => cluster[Symbol.asyncDispose]())

const qdbsh = (...args: readonly string[]) => runShell(cluster.addresses, args)

async function ok(...args: readonly string[]): Promise<string> {
  const ran = await qdbsh(...args)
  expect([ran.status, ran.errors], args.join(" ")).toEqual([0, ""])
  return ran.text
}

const statusOf = async () => JSON.parse(await ok("cluster_status")) as ClusterStatus

/** What the nodes have forwarded for clients that know a view. */
async function forwarded(): Promise<number> {
  const counts = await Promise.all(
    cluster.addresses.map(async (address) => {
      const status = JSON.parse(await ok("node_status", address)) as NodeStatus
      return Number(status.engine.forwarded.routed)
    }),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}

async function work(client: Client, name: string, count: number): Promise<void> {
  for (let begun = 0; begun < count; begun += 200) {
    const puts = Array.from({ length: 200 }, (_, i) =>
      client.update(`${name}${begun + i}`, `content ${begun + i}`),
    )
    await Promise.all(puts)
  }
}

async function check(client: Client, name: string, count: number): Promise<void> {
  const got = await Promise.all(Array.from({ length: count }, (_, i) => client.get(`${name}${i}`)))
  expect(got.map((content) => Buffer.from(content).toString())).toEqual(
    Array.from({ length: count }, (_, i) => `content ${i}`),
  )
}

describe("a client of a cluster", () => {
  it("sends under 1 % of its requests to a node that has to forward them, knowing one address", async () => {
    await using client = await connect({ daemons: [cluster.address(0)] })
    await work(client, "warm", 400)
    const before = await forwarded()
    const { sent, astray } = client.routing
    await work(client, "steady", 4000)
    await check(client, "steady", 4000)
    expect(client.routing.sent - sent).toBe(8000)
    expect(client.routing.astray - astray).toBe(0)
    expect((await forwarded()) - before).toBeLessThan(80)
  })

  it("is served through one node alone, which forwards", async () => {
    await using client = await connect({ daemons: [cluster.address(1)], learnAddresses: false })
    await check(client, "steady", 400)
    expect(client.routing.epoch).toBe(0)
    // A list waits until what was written is in the table, which needs no further write to happen.
    const since = performance.now()
    const listed = await client.prefixGet("steady").sorted()
    expect(listed.length).toBe(4000)
    expect(performance.now() - since).toBeLessThan(10_000)
  })
})

describe("an operator's shell", () => {
  it("shows the cluster, and waits for it", async () => {
    await ok("cluster_wait", "--stable", "--timeout", "20s")
    const status = await statusOf()
    expect(status).toMatchObject({
      state: "stable",
      reasons: [],
      factor: { wanted: 2, reached: 2 },
      moves: [],
    })
    expect(status.members.map((member) => member.address).toSorted()).toEqual(cluster.addresses.toSorted())
    const topology = JSON.parse(await ok("node_topology", cluster.address(2))) as Record<
      string,
      Record<string, string>
    >
    expect(topology["center"]?.["endpoint"]).toBe(cluster.address(2))
  })

  it("does what the manual's examples of cluster_plan show", async () => {
    const command = commands.find(({ name }) => name === "cluster_plan")
    for (const { input } of command?.examples ?? []) {
      const words = input.replace(/192\.168\.1\.(\d):2836/, (_, place) => cluster.address(Number(place) - 1))
      expect(JSON.parse(await ok(...words.split(" "))), input).toMatchObject({ members: expect.any(Array) })
    }
  })

  it("says what a fourth node would move", async () => {
    const plan = JSON.parse(await ok("cluster_plan", "--add", "1")) as ClusterPlan
    expect(plan.members.map((member) => member.change).toSorted()).toEqual([
      "joins",
      "stays",
      "stays",
      "stays",
    ])
    const newcomer = plan.members.find((member) => member.change === "joins")
    expect(newcomer?.after).toEqual({ primary: 1024, replica: 1024 })
    expect(plan.copies).toBe(2048)
  })

  it("takes a fourth node in under load, and lets it leave again, and no client has to change", async (context) => {
    requireAll(context, "a node joins and leaves, two minutes")
    await using client = await connect({ daemons: [cluster.address(0)] })
    await work(client, "before", 1000)
    const fourth = await cluster.startNode(3)
    const load = { goesOn: true }
    const loading = (async () => {
      for (let round = 0; load.goesOn; round++) await work(client, `during${round}.`, 200)
    })()
    await fourth.logged(/is a member of cluster/)
    await ok("cluster_wait", "--timeout", "120s")
    load.goesOn = false
    await loading
    await check(client, "before", 1000)
    const status = await statusOf()
    expect(status.members.length).toBe(4)
    for (const { slots } of status.members) {
      expect(Math.abs(slots.primary - 1024)).toBeLessThanOrEqual(51)
      expect(Math.abs(slots.primary + slots.replica - 2048)).toBeLessThanOrEqual(102)
    }
    await work(client, "learn", 400)
    const before = await forwarded()
    await work(client, "after", 4000)
    expect((await forwarded()) - before).toBeLessThan(40)
    const leaver = cluster.address(3)
    await ok("cluster_remove_node", leaver, "--wait", "--timeout", "120s")
    expect((await cluster.daemon(3).exit()).status).toBe(0)
    cluster.daemons[3] = undefined
    await ok("cluster_wait", "--timeout", "60s")
    expect((await statusOf()).members.map((member) => member.address)).not.toContain(leaver)
    await check(client, "before", 1000)
    await check(client, "after", 4000)
  }, 400_000)

  it("changes a setting of the running cluster", async () => {
    await ok("cluster_set", "repair_grace_seconds", "5")
    const refused = await qdbsh("cluster_set", "replication_factor", "9")
    expect([refused.status, refused.errors.split("\n")[0]]).toEqual([
      1,
      "error: replication_factor is a whole number from 1 to 4. (invalid_argument)",
    ])
  })

  it("is refused what would cost the factor, or name nobody", async () => {
    await ok("cluster_set", "replication_factor", "3")
    await ok("cluster_wait", "--timeout", "120s")
    const refused = await qdbsh("cluster_remove_node", cluster.address(2))
    expect([refused.status, refused.errors.includes("(factor_would_fall)")]).toEqual([1, true])
    const nobody = await qdbsh("cluster_remove_node", "127.0.0.9:1")
    expect([nobody.status, nobody.errors.includes("No member has the node id")]).toEqual([1, true])
    await ok("cluster_set", "replication_factor", "2")
    await ok("cluster_wait", "--timeout", "120s")
  }, 240_000)

  it("stops a node that it names, and the clients go on", async () => {
    await using client = await connect({ daemons: [cluster.address(0)] })
    await work(client, "stop", 400)
    await ok("stop_node", cluster.address(0), "new memory")
    const stopped = cluster.daemon(0)
    expect((await stopped.exit()).status).toBe(0)
    // What it served was handed over first: nobody waits for its lease.
    expect(stopped.log).toContain("stop_node: new memory")
    expect(stopped.log).not.toContain("without having handed over")
    cluster.daemons[0] = undefined
    const since = performance.now()
    await check(client, "stop", 400)
    await work(client, "stopped", 400)
    expect(performance.now() - since).toBeLessThan(10_000)
    expect((await statusOf()).state).not.toBe("unstable")
  }, 60_000)

  it("lists all that was tried where nobody answers", async () => {
    const [one, two] = [`127.0.0.8:${cluster.port}`, `127.0.0.9:${cluster.port}`]
    const ran = await qdbsh("--daemon", `${one},${two}`, "get", "x")
    expect(ran.status).toBe(3)
    for (const address of [one, two]) expect(ran.errors).toContain(`${address}: connection refused`)
  })
})
