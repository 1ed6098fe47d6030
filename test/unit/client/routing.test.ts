/** How a client finds its way in a cluster that changes, in virtual time. */
import { describe, expect, it } from "vitest"
import { type Client, connect } from "../../../src/client/client.ts"
import type { ConnectOptions } from "../../../src/client/options.ts"
import { isWrite, operation } from "../../../src/core/entry/operation.ts"
import { code } from "../../../src/wire/errors.ts"
import { FakeCluster } from "./fake-cluster.ts"
import { FakeRing } from "./fake-ring.ts"
import { daemons, errorOf, text } from "./rig.ts"
import { VirtualWorld } from "./virtual-world.ts"

interface RingRig {
  readonly world: VirtualWorld
  readonly ring: FakeRing
  readonly client: Client
  /** Where the requests for entries went, since it was last asked. */
  readonly visited: () => { readonly node: string; readonly alias: string; readonly number: number }[]
}

/** A client that was given the first address only, and has found its way to all members. */
async function ringRig(options: ConnectOptions = {}, members: readonly string[] = daemons): Promise<RingRig> {
  const world = new VirtualWorld(new FakeCluster(), 1)
  const ring = new FakeRing(world, members)
  const client = await world.outcome(
    connect({ daemons: [daemons[0]!], runtime: world.runtime(), ...options }),
  )
  const { log } = ring.cluster
  const visited = () =>
    log
      .splice(0)
      .filter((l) => isWrite(l.request.opcode) || l.request.opcode === operation.get)
      .map(({ node, request }) => ({ node, alias: request.alias, number: request.number }))
  await world.run(() => false, world.nowMs + 50)
  await world.outcome(putAll(client, "warm", 100))
  await world.run(() => false, world.nowMs + 50)
  visited()
  return { world, ring, client, visited }
}

async function putAll(client: Client, name: string, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => client.update(`${name}${i}`, "x")))
}

describe("a client of a cluster", () => {
  it("goes to the primary of each entry, knowing one address at first", async () => {
    const { world, ring, client, visited } = await ringRig()
    const before = client.routing
    expect(before.epoch).toBe(1)
    await world.outcome(putAll(client, "a", 300))
    const went = visited()
    expect(went.length).toBe(300)
    for (const { node, alias } of went) expect(node).toBe(ring.primaryOf(alias))
    expect(new Set(went.map((w) => w.node))).toEqual(new Set(daemons))
    expect(client.routing).toEqual({ ...before, sent: before.sent + 300 })
    expect(world.dials.map((d) => d.address).sort()).toEqual([...daemons].sort())
  })

  it("says which view it goes by, and 0 before it knows one", async () => {
    const world = new VirtualWorld(new FakeCluster(), 1)
    const ring = new FakeRing(world, daemons)
    ring.decide({})
    const client = await world.outcome(connect({ daemons: [daemons[0]!], runtime: world.runtime() }))
    await world.outcome(client.put("a", "x"))
    await world.run(() => false, world.nowMs + 50)
    await world.outcome(client.get("a"))
    const epochs = ring.cluster.log.filter((l) => l.request.alias === "a").map((l) => l.request.epoch)
    expect(epochs).toEqual([0, 2])
  })

  it("sends under 1 % of its requests astray, and none while nothing changes", async () => {
    const { world, ring, client } = await ringRig()
    ring.forwarded = 0
    for (let i = 0; i < 20; i++) await world.outcome(putAll(client, `${i}.`, 200))
    expect(ring.forwarded).toBe(0)
    expect(client.routing.astray / client.routing.sent).toBeLessThan(0.03)
    ring.decide({ members: [...daemons, "10.0.0.4:2836"] })
    const { astray } = client.routing
    for (let i = 0; i < 20; i++) await world.outcome(putAll(client, `${i}.`, 200))
    // What was sent before it was told, and while the new member was dialled.
    expect(client.routing.told).toBeGreaterThan(0)
    expect(ring.forwarded).toBeLessThanOrEqual(200)
    ring.forwarded = 0
    for (let i = 0; i < 20; i++) await world.outcome(putAll(client, `${i}.`, 200))
    expect(ring.forwarded).toBe(0)
    expect(client.routing.astray - astray).toBeLessThanOrEqual(400)
    expect(world.dials.some((d) => d.address === "10.0.0.4:2836")).toBe(true)
  })

  it("learns of a change from who forwards, with one question", async () => {
    const { world, ring, client, visited } = await ringRig()
    ring.moveAway(daemons[1]!)
    const questions = () =>
      ring.cluster.log.filter((l) => l.request.opcode === operation.node_topology).length
    const alias = ["a", "b", "c", "d", "e", "f", "g", "h"].find((a) => ring.primaryOf(a) !== daemons[0])!
    await world.outcome(putAll(client, "a", 50))
    await world.run(() => false, world.nowMs + 50)
    expect(client.routing).toMatchObject({ epoch: 2, told: 1 })
    expect(questions()).toBe(1)
    visited()
    await world.outcome(client.update(alias, "x"))
    expect(visited().map((v) => v.node)).toEqual([ring.primaryOf(alias)])
  })

  it("that is answered wrong_node asks another for the view, and goes there under the same number", async () => {
    const { world, ring, client, visited } = await ringRig()
    // The second node has lost its slots and does not know where they are: it refuses.
    const alias = Array.from({ length: 50 }, (_, i) => `a${i}`).find((a) => ring.primaryOf(a) === daemons[1])!
    ring.moveAway(daemons[1]!, (node) => (node === daemons[1] ? 60_000 : 0))
    await world.outcome(client.put(alias, "x"))
    const went = visited()
    expect(went[0]!.node).toBe(daemons[1])
    expect(went.at(-1)!.node).toBe(ring.primaryOf(alias))
    expect(new Set(went.map((w) => w.number)).size).toBe(1)
    expect(ring.cluster.executions.get(went[0]!.number)).toBe(1)
    expect(world.nowMs).toBeLessThan(1000)
  })

  it("asks another than the one that refuses, even if that one is its home", async () => {
    const { world, ring, client, visited } = await ringRig()
    const alias = Array.from({ length: 50 }, (_, i) => `a${i}`).find((a) => ring.primaryOf(a) === daemons[0])!
    // Cut off from the others, it still believes to be the primary.
    ring.moveAway(daemons[0]!, (node) => (node === daemons[0] ? 60_000 : 0))
    const start = world.nowMs
    await world.outcome(client.put(alias, "x"))
    expect(visited().at(-1)!.node).toBe(ring.primaryOf(alias))
    expect(world.nowMs - start).toBeLessThan(200)
  })

  it("goes on through the others while one is dead, and leaves it once there is a view without it", async () => {
    const { world, ring, client, visited } = await ringRig()
    ring.kill(daemons[2]!)
    world.at(world.nowMs + 3500, () => ring.moveAway(daemons[2]!))
    const start = world.nowMs
    await world.outcome(putAll(client, "a", 300))
    // The last attempt may come a pause after the new view.
    expect(world.nowMs - start).toBeGreaterThan(3000)
    expect(world.nowMs - start).toBeLessThan(6000)
    visited()
    await world.outcome(putAll(client, "b", 300))
    for (const { node, alias } of visited()) expect(node).toBe(ring.primaryOf(alias))
    ring.revive(daemons[2]!)
    ring.decide({
      members: daemons,
      primaries: daemons.flatMap((d) => Array<string>(64).fill(d)).slice(100, 164),
    })
    await world.outcome(putAll(client, "c", 300))
    await world.run(() => false, world.nowMs + 100)
    await world.outcome(putAll(client, "d", 300))
    visited()
    await world.outcome(putAll(client, "e", 300))
    for (const { node, alias } of visited()) expect(node).toBe(ring.primaryOf(alias))
  })

  it("leaves a node that says nothing within 4 s, and does not wait for it again", async () => {
    const { world, ring, client } = await ringRig()
    ring.freeze(daemons[1]!)
    world.at(world.nowMs + 3000, () => ring.moveAway(daemons[1]!))
    const start = world.nowMs
    await world.outcome(putAll(client, "a", 300))
    expect(world.nowMs - start).toBeGreaterThan(3900)
    expect(world.nowMs - start).toBeLessThan(6500)
    const again = world.nowMs
    await world.outcome(putAll(client, "b", 300))
    expect(world.nowMs - again).toBeLessThan(50)
  })

  it("waits for a slow answer of a node that answers pings", async () => {
    const { world, ring, client } = await ringRig()
    ring.serve = () => ({ do: "answer", delayMs: 9000 })
    const dials = world.dials.length
    await world.outcome(putAll(client, "a", 50))
    expect(world.dials.length).toBe(dials)
  })

  it("lets everything be forwarded where it cannot reach the others, without delay", async () => {
    const world = new VirtualWorld(new FakeCluster(), 1)
    const ring = new FakeRing(world, daemons)
    world.dialOutcome = (address) => (address === daemons[0] ? "open" : "silent")
    const client = await world.outcome(connect({ daemons: [daemons[0]!], runtime: world.runtime() }))
    for (let i = 0; i < 20; i++) {
      const start = world.nowMs
      await world.outcome(putAll(client, `${i}.`, 50))
      expect(world.nowMs - start).toBeLessThan(50)
      await world.run(() => false, world.nowMs + 1000)
    }
    expect(ring.forwarded).toBeGreaterThan(600)
    // It tries to reach them now and then, not with each request.
    expect(world.dials.length).toBeLessThan(15)
  })

  it("takes another open connection when it loses the one for everything", async () => {
    const { world, ring, client } = await ringRig()
    expect(client.address?.text).toBe(daemons[0])
    const dials = world.dials.length
    const start = world.nowMs
    ring.kill(daemons[1]!)
    ring.kill(daemons[0]!)
    await world.outcome(client.ping())
    expect(client.address?.text).toBe(daemons[2])
    expect(world.nowMs - start).toBeLessThan(20)
    expect(world.dials.length).toBe(dials)
  })

  it("knows a node behind another address by its id", async () => {
    const world = new VirtualWorld(new FakeCluster(), 1)
    const members = ["10.0.0.1:7", "10.0.0.2:7"]
    const ring = new FakeRing(world, members)
    // The client's way to both is a tunnel at another port; their own addresses lead nowhere from here.
    world.dialOutcome = (address) => (address.endsWith(":9") ? "open" : "refused")
    const client = await world.outcome(
      connect({ daemons: ["10.0.0.1:9", "10.0.0.2:9"], runtime: world.runtime() }),
    )
    // Only the first is connected to: the second one's slots are forwarded.
    ring.serve = () => ({ do: "answer" })
    await world.outcome(putAll(client, "a", 50))
    const before = client.routing
    const alias = Array.from({ length: 50 }, (_, i) => `b${i}`).find((a) => ring.primaryOf(a) === members[0])!
    await world.outcome(client.put(alias, "x"))
    expect(client.routing.astray).toBe(before.astray)
    expect(world.dials.filter((d) => d.address === members[0])).toEqual([])
  })

  it("closes the connections to nodes that have left, and those that it does not use", async () => {
    const { world, ring, client } = await ringRig()
    expect(world.openTo(daemons[2]!)).toBe(1)
    ring.decide({ members: daemons.slice(0, 2) })
    await world.outcome(putAll(client, "a", 100))
    await world.run(() => false, world.nowMs + 10_000)
    expect(world.openTo(daemons[2]!)).toBe(0)
    expect(world.openTo(daemons[1]!)).toBe(1)
    await world.run(() => false, world.nowMs + 130_000)
    expect([world.openTo(daemons[0]!), world.openTo(daemons[1]!)]).toEqual([1, 0])
    const start = world.nowMs
    await world.outcome(putAll(client, "b", 100))
    expect(world.nowMs - start).toBeLessThan(50)
  })

  it("lists through any node", async () => {
    const { world, client } = await ringRig()
    await world.outcome(client.removeAll())
    await world.outcome(putAll(client, "a", 20))
    expect((await world.outcome(client.prefixGet("a").sorted())).length).toBe(20)
  })

  it("does not learn where it is told not to, and stays with one connection", async () => {
    const { world, ring, client } = await ringRig({ learnAddresses: false })
    await world.outcome(putAll(client, "a", 50))
    expect(world.dials.length).toBe(1)
    expect(client.routing).toMatchObject({ epoch: 0, told: 0 })
    expect(ring.cluster.log.every((l) => l.request.epoch === 0)).toBe(true)
  })

  it("learns nothing from a broken topology, and asks again later", async () => {
    const world = new VirtualWorld(new FakeCluster(), 1)
    const ring = new FakeRing(world, daemons)
    const whole = ring.cluster.documents.get(operation.node_topology) as (node: string) => object
    const broken = [{}, { ...whole(daemons[0]!), primaries: [9] }, { ...whole(daemons[0]!), members: [] }]
    ring.cluster.documents.set(operation.node_topology, () => (broken.shift() ?? whole(daemons[0]!)) as never)
    const client = await world.outcome(connect({ daemons: [daemons[0]!], runtime: world.runtime() }))
    await world.outcome(client.put("a", "x"))
    await world.run(() => client.routing.epoch > 0, world.nowMs + 5000)
    expect(client.routing.epoch).toBe(1)
    expect(text(await world.outcome(client.get("a")))).toBe("x")
  })

  it("ignores a notice of what it knows, and one from before", async () => {
    const { world, ring, client } = await ringRig()
    ring.cluster.notice = () => 1
    await world.outcome(putAll(client, "a", 20))
    expect(client.routing.told).toBe(0)
    expect(ring.cluster.log.every((l) => l.request.opcode !== operation.node_topology)).toBe(true)
  })

  it("tells where a slot that nobody serves is refused until the deadline that it is unstable", async () => {
    const { world, ring, client } = await ringRig()
    ring.serve = () => ({ do: "refuse", code: code.unstable_cluster })
    const start = world.nowMs
    const error = await errorOf(world, client.put("a", "x", { timeoutMs: 10_000 }))
    expect(error).toMatchObject({ name: "unstable_cluster", definite: true })
    expect(world.nowMs - start).toBeLessThan(10_100)
    // It asks for the view with pauses that grow, not at each refusal.
    const questions = ring.cluster.log.filter((l) => l.request.opcode === operation.node_topology).length
    expect(questions).toBeGreaterThan(3)
    expect(questions).toBeLessThan(20)
  })
})
