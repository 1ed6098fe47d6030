import { describe, expect, it } from "vitest"
import { connect } from "../../../src/client/client.ts"
import type { QdbError } from "../../../src/client/error.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import { code } from "../../../src/wire/errors.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"
import type { NodeReference } from "../../../src/wire/status.ts"
import { FakeCluster } from "./fake-cluster.ts"
import { daemons, errorOf, numbersOf, rig, text } from "./rig.ts"
import { VirtualWorld } from "./virtual-world.ts"

describe("a client", () => {
  it("carries out every operation", async () => {
    const { world, cluster, client } = await rig()
    const run = <A>(promise: Promise<A>) => world.outcome(promise)
    await run(client.put("a", "one"))
    expect(text(await run(client.get("a")))).toBe("one")
    await run(client.update("a", new Uint8Array([116, 119, 111])))
    expect(text(await run(client.getUpdate("a", "three")))).toBe("two")
    const swapped = await run(client.cas("a", "four", "three"))
    expect([swapped.swapped, text(swapped.content)]).toEqual([true, "three"])
    const kept = await run(client.cas("a", "five", "three"))
    expect([kept.swapped, text(kept.content)]).toEqual([false, "four"])
    expect(await run(client.getExpiry("a"))).toBe("never")
    await run(client.expiresAt("a", new Date(5000)))
    expect(await run(client.getExpiry("a"))).toEqual(new Date(5000))
    await run(client.expiresAt("a", "never"))
    expect(cluster.entries.get("a")!.expiresMs).toBe(0)
    await run(client.expiresAt("a", new Date(0)))
    expect(cluster.entries.get("a")!.expiresMs).toBe(1)
    await run(client.expiresFromNow("a", 250))
    expect(cluster.entries.get("a")!.expiresMs).toBe(1_000_250)
    await run(client.update("a", "four", { expiresAt: 9000 }))
    expect(cluster.entries.get("a")!.expiresMs).toBe(9000)
    expect(await run(client.removeIf("a", "five"))).toBe(false)
    expect(await run(client.removeIf("a", "four"))).toBe(true)
    await run(client.put("b", ""))
    expect(text(await run(client.getRemove("b")))).toBe("")
    await run(client.put("c", "x"))
    await run(client.remove("c"))
    expect(cluster.entries.size).toBe(0)
    expect(await run(client.nodeStatus())).toEqual({ node: daemons[0], opcode: operation.node_status })
    expect(await run(client.nodeConfig())).toEqual({ node: daemons[0], opcode: operation.node_config })
    expect(await run(client.nodeTopology())).toEqual({ node: daemons[0], opcode: operation.node_topology })
    expect(await run(client.clusterStatus())).toEqual({ node: daemons[0], opcode: operation.cluster_status })
    await run(client.ping())
    await run(client.stopNode("enough"))
    expect(cluster.stopped).toEqual([`${daemons[0]}: enough`])
  })

  it("lists aliases in pieces, iterated or in byte order", async () => {
    const { world, cluster, client } = await rig()
    // U+FF5E sorts above U+1F600 by UTF-16 units, and below it by bytes.
    for (const alias of ["a1", "b1", "a3", "b2", "a2", "c", "\u{1f600}", "\uff5e"]) {
      cluster.entries.set(alias, { content: "", expiresMs: 0 })
    }
    expect(await world.outcome(client.prefixGet("a").sorted())).toEqual(["a1", "a2", "a3"])
    expect(await world.outcome(client.prefixGet("").sorted())).toEqual([
      "a1",
      "a2",
      "a3",
      "b1",
      "b2",
      "c",
      "\uff5e",
      "\u{1f600}",
    ])
    const iterated: string[] = []
    const walk = async () => {
      for await (const alias of client.prefixGet("")) iterated.push(alias)
    }
    await world.outcome(walk())
    expect(iterated.length).toBe(8)
    expect(new Set(iterated).size).toBe(8)
    expect(await world.outcome(client.prefixGet("zzz").sorted())).toEqual([])
  })

  it("refuses a list that does not go on", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = (request) => {
      const writer = new ReplyWriter()
      writer.beginListReply(request.requestId)
      writer.endListReplyWithCursor(request.cursorSlot, new Uint8Array([97]), 0, 1)
      return { do: "bytes", bytes: writer.copy() }
    }
    expect((await errorOf(world, client.prefixGet("x").sorted())).name).toBe("protocol_error")
  })

  it("removes all entries but the cluster's own, and tells how far it is", async () => {
    const { world, cluster, client } = await rig()
    for (let i = 0; i < 300; i++) cluster.entries.set(`entry${i}`, { content: "", expiresMs: 0 })
    cluster.entries.set("qdb.own", { content: "", expiresMs: 0 })
    const progress: number[] = []
    expect(await world.outcome(client.removeAll({ onProgress: (n) => progress.push(n) }))).toBe(300)
    expect([...cluster.entries.keys()]).toEqual(["qdb.own"])
    expect(progress.at(-1)).toBe(300)
    expect([...progress].sort((a, b) => a - b)).toEqual(progress)
  })

  it("tells when not all entries could be removed", async () => {
    const { world, cluster, client } = await rig()
    for (let i = 0; i < 10; i++) cluster.entries.set(`entry${i}`, { content: "", expiresMs: 0 })
    cluster.behaviour = (request) =>
      request.opcode === operation.remove && request.alias === "entry7"
        ? { do: "refuse", code: code.disk_full }
        : { do: "answer" }
    const error = await errorOf(world, client.removeAll())
    expect(error.name).toBe("disk_full")
    expect(error.message).toMatch(/[0-9]+ entries had been removed; others may remain/)
    expect(error.definite).toBe(false)
    expect(cluster.entries.has("entry7")).toBe(true)
  })

  it("tells a node's error with the catalogue's facts", async () => {
    const { world, client } = await rig()
    const error = await errorOf(world, client.get("nothing"))
    expect(error).toMatchObject({
      name: "alias_not_found",
      code: 1,
      definite: true,
      retryable: false,
      exitStatus: 1,
    })
    expect(error.solution).not.toBe("")
  })

  it("refuses wrong arguments before it sends anything", async () => {
    const { world, cluster, client } = await rig()
    const wrong = [
      () => client.get(""),
      () => client.get("x".repeat(1025)),
      () => client.get("\ud800"),
      () => client.put("a", "\ud800"),
      () => client.expiresAt("a", Number.NaN),
      () => client.expiresAt("a", 253_402_300_800_000),
      () => client.expiresFromNow("a", -1),
      () => client.get("a", { timeoutMs: 0 }),
      () => client.get("a", { timeoutMs: 300_001 }),
      () => client.stopNode(""),
      () => client.stopNode("x".repeat(1025)),
    ]
    for (const ask of wrong) {
      const error = await errorOf(world, ask())
      expect([error.name, error.definite]).toEqual(["invalid_argument", true])
    }
    const large = await errorOf(world, client.put("a", new Uint8Array(64 * 1024 * 1024 + 1)))
    expect(large.name).toBe("entry_too_large")
    expect(cluster.log).toEqual([])
  })

  it("sends what is asked in one turn in one write, and matches answers in any order", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "answer", delayMs: world.prng.between(0, 50) })
    const before = world.writes
    const puts = Array.from({ length: 100 }, (_, i) => client.put(`a${i}`, `c${i}`))
    await world.outcome(Promise.all(puts))
    expect(world.writes - before).toBe(1)
    const got = await world.outcome(Promise.all(Array.from({ length: 100 }, (_, i) => client.get(`a${i}`))))
    expect(got.map(text)).toEqual(Array.from({ length: 100 }, (_, i) => `c${i}`))
  })

  it("keeps a window on the connection, and goes on as answers come", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "answer", delayMs: 100 })
    const all = Array.from({ length: 3000 }, (_, i) => client.update("a", `${i}`))
    await world.run(() => cluster.log.length > 0)
    await world.run(() => false, world.nowMs + 20)
    expect(cluster.log.length).toBe(1024)
    expect(client.pendingRequests).toBe(3000)
    await world.outcome(Promise.all(all))
    expect(numbersOf(cluster)).toEqual(Array.from({ length: 3000 }, (_, i) => i + 1))
    expect(client.pendingRequests).toBe(0)
  })

  it("does not count its own question among the caller's requests", async () => {
    const cluster = new FakeCluster()
    const world = new VirtualWorld(cluster, 1)
    cluster.behaviour = ({ opcode }) => ({ do: opcode === operation.node_topology ? "ignore" : "answer" })
    const client = await world.outcome(connect({ daemons, runtime: world.runtime() }))
    await world.outcome(client.update("a", "x"))
    await world.run(() => cluster.log.some(({ request }) => request.opcode === operation.node_topology))
    expect(client.pendingRequests).toBe(0)
    const writing = client.update("a", "y")
    expect(client.pendingRequests).toBe(1)
    await world.outcome(writing)
    expect(client.pendingRequests).toBe(0)
  })

  it("sends what waited for room again as well when the connection is lost", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "answer", delayMs: 100 })
    const all = Array.from({ length: 3000 }, (_, i) => client.update(`a${i}`, `${i}`))
    await world.run(() => cluster.log.length === 1024)
    world.reset(daemons[0]!)
    await world.outcome(Promise.all(all))
    expect([...cluster.executions.values()]).toEqual(Array(3000).fill(1))
  })

  it("bounds the bytes on the connection, and still sends one that is larger than the bound", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "answer", delayMs: 100 })
    const content = new Uint8Array(3 * 1024 * 1024).fill(97)
    const all = [0, 1, 2, 3].map((i) => client.update(`a${i}`, content))
    const large = client.update("large", new Uint8Array(9 * 1024 * 1024).fill(98))
    await world.run(() => false, world.nowMs + 50)
    expect(cluster.log.length).toBe(2)
    await world.outcome(Promise.all([...all, large]))
    expect(cluster.log.length).toBe(5)
  })

  it("refuses more requests than the bound, which has no effect, and says when there is room", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "answer", delayMs: 10 })
    const all = Array.from({ length: 16_384 }, () => client.get("a").catch((e: QdbError) => e.name))
    const error = await errorOf(world, client.put("b", "x"))
    expect([error.name, error.definite]).toEqual(["overloaded", true])
    let room = false
    void client.writable().then(() => (room = true))
    await world.run(() => room)
    expect(client.pendingRequests).toBeLessThan(16_384)
    expect(new Set(await world.outcome(Promise.all(all)))).toEqual(new Set(["alias_not_found"]))
    expect(cluster.entries.has("b")).toBe(false)
  })
})

describe("a client that connects", () => {
  it("lists all addresses with their reasons when none answers", async () => {
    const world = new VirtualWorld(new FakeCluster(), 1)
    world.dialOutcome = (address) => (address === daemons[1] ? "silent" : "refused")
    const error = await errorOf(world, connect({ daemons, runtime: world.runtime() }))
    expect(error).toMatchObject({ name: "connection_refused", exitStatus: 3, definite: true })
    expect(error.addresses).toEqual([
      { address: daemons[0], reason: "connection refused" },
      { address: daemons[1], reason: "no connection in time" },
      { address: daemons[2], reason: "connection refused" },
    ])
    for (const daemon of daemons) expect(error.message).toContain(daemon)
    expect(world.nowMs).toBeLessThan(5100)
  })

  it("takes the first address that answers", async () => {
    const cluster = new FakeCluster()
    const world = new VirtualWorld(cluster, 1)
    world.dialOutcome = (address) => (address === daemons[2] ? "open" : "refused")
    const client = await world.outcome(connect({ daemons: [daemons.join(",")], runtime: world.runtime() }))
    expect(client.address?.text).toBe(daemons[2])
  })

  it("can be given up", async () => {
    const world = new VirtualWorld(new FakeCluster(), 1)
    world.dialOutcome = () => "silent"
    const control = new AbortController()
    const connecting = connect({ daemons, runtime: world.runtime(), signal: control.signal })
    control.abort("enough")
    const error = await errorOf(world, connecting)
    expect([error.name, error.definite, error.cause]).toEqual(["cancelled", true, "enough"])
    await world.run(() => false)
    expect(world.dials.length).toBe(1)
  })

  it("refuses addresses that are none", async () => {
    for (const daemon of [
      "",
      "a:b",
      "a:0",
      "a:65536",
      "192.168.1.256:1",
      "[::1",
      "::g",
      "a b",
      "x,,y",
      "[name]:1",
    ]) {
      await expect(connect({ daemons: [daemon] }), daemon).rejects.toMatchObject({ name: "invalid_argument" })
    }
    await expect(connect({ daemons: [] })).rejects.toMatchObject({ name: "invalid_argument" })
  })

  it("keeps to the cluster it began with", async () => {
    const { world, cluster, client } = await rig({ daemons, timeoutMs: 3000 })
    ;(cluster as { clusterId: string }).clusterId = "99999999-0000-0000-0000-000000000000"
    world.reset(daemons[0]!)
    const error = await errorOf(world, client.get("a"))
    expect(error.name).toBe("connection_refused")
    expect(error.addresses.map((a) => a.reason.split(":")[0])).toEqual([
      "wrong_cluster",
      "wrong_cluster",
      "wrong_cluster",
    ])
  })

  it("learns the addresses of the other members, and goes there when its own is lost", async () => {
    const cluster = new FakeCluster()
    const references = [daemons[1]!, daemons[0]!, "nonsense:x:1"].map((endpoint, i) => ({
      reference: `${i + 1}-0-0-0`,
      endpoint,
    }))
    const [predecessor, center, successor] = references as [NodeReference, NodeReference, NodeReference]
    const topology = { predecessor, center, successor, cluster_id: "c", epoch: 3, members: references }
    cluster.documents.set(operation.node_topology, { ...topology, primaries: [0, 1, 2, 2] })
    const world = new VirtualWorld(cluster, 1)
    const client = await world.outcome(connect({ daemons: [daemons[0]!], runtime: world.runtime() }))
    await world.outcome(client.put("a", "x"))
    world.dialOutcome = (address) => (address === daemons[0] ? "refused" : "open")
    world.reset(daemons[0]!)
    expect(text(await world.outcome(client.get("a")))).toBe("x")
    expect(world.dials.map((d) => d.address)).toEqual([daemons[0], daemons[1]])
    // Those that were given come first again, when it is their turn.
    cluster.documents.set(operation.node_topology, { members: "none" })
    world.dialOutcome = () => "open"
    world.reset(daemons[1]!)
    await world.outcome(client.get("a"))
    expect(client.address?.text).toBe(daemons[0])
    cluster.behaviour = () => ({ do: "ignore" })
    world.reset(daemons[0]!)
    const start = world.nowMs
    await world.outcome(client.close())
    expect(world.nowMs - start).toBeLessThan(10)
  })
})
