import { describe, expect, it } from "vitest"
import { type Client, connect, type ConnectOptions } from "../../../src/client/client.ts"
import { QdbError } from "../../../src/client/error.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import { code } from "../../../src/wire/errors.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"
import { type Action, type Decoded, FakeCluster } from "./fake-cluster.ts"
import { VirtualWorld } from "./virtual-world.ts"

const daemons = ["10.0.0.1:2836", "10.0.0.2:2836", "10.0.0.3:2836"]

interface Rig {
  readonly world: VirtualWorld
  readonly cluster: FakeCluster
  readonly client: Client
}

async function rig(options: ConnectOptions = {}, seed: number = 1): Promise<Rig> {
  const cluster = new FakeCluster()
  const world = new VirtualWorld(cluster, seed)
  const client = await world.outcome(
    connect({ daemons: [daemons[0]!], runtime: world.runtime(), ...options }),
  )
  return { world, cluster, client }
}

async function errorOf(world: VirtualWorld, promise: Promise<unknown>): Promise<QdbError> {
  const error = await world.outcome(promise).then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(QdbError)
  return error as QdbError
}

/** The actions in order for what is asked; then it answers. */
function script(cluster: FakeCluster, ...actions: Action[]): void {
  cluster.behaviour = () => actions.shift() ?? { do: "answer" }
}

const numbersOf = (cluster: FakeCluster) => cluster.log.map((l) => l.request.number)
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

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
})

describe("a write", () => {
  const lost: readonly [string, Action][] = [
    ["lost before it was read", { do: "reset", execute: "never" }],
    ["whose connection was lost after it was executed", { do: "reset", execute: "before" }],
    ["whose reply was cut", { do: "cut" }],
    ["refused as unstable", { do: "refuse", code: code.unstable_cluster }],
    ["refused as the wrong node", { do: "refuse", code: code.wrong_node }],
    ["refused as overloaded", { do: "refuse", code: code.overloaded }],
    ["refused by a stopping node", { do: "refuse", code: code.shutting_down }],
    ["in doubt, and executed", { do: "refuse", code: code.in_doubt, execute: true }],
    ["in doubt, and not executed", { do: "refuse", code: code.in_doubt }],
    ["timed out at the node, and executed", { do: "refuse", code: code.timeout, execute: true }],
  ]
  for (const [what, action] of lost) {
    it(`${what} is sent again under the same number, and executed once`, async () => {
      const { world, cluster, client } = await rig()
      script(cluster, action, action, action)
      await world.outcome(client.put("a", "x"))
      expect(numbersOf(cluster)).toEqual([1, 1, 1, 1])
      expect([...cluster.executions]).toEqual([[1, 1]])
      expect(new Set(cluster.log.map((l) => l.request.floor))).toEqual(new Set([1]))
      expect(new Set(cluster.log.map((l) => l.request.client)).size).toBe(1)
    })
  }

  it("that was executed before its connection was lost tells the first attempt's result", async () => {
    const { world, cluster, client } = await rig()
    await world.outcome(client.put("a", "x"))
    script(cluster, { do: "reset", execute: "before" })
    expect(text(await world.outcome(client.getRemove("a")))).toBe("x")
    script(cluster, { do: "reset", execute: "before" })
    await world.outcome(client.put("a", "y"))
    expect(cluster.entries.get("a")!.content).toBe("y")
  })

  it("goes to another address when its node is lost or stops", async () => {
    const { world, cluster, client } = await rig({ daemons })
    cluster.behaviour = (_, node) =>
      node === daemons[0] ? { do: "refuse", code: code.shutting_down } : { do: "answer" }
    const start = world.nowMs
    await world.outcome(client.put("a", "x"))
    expect(cluster.log.map((l) => l.node)).toEqual([daemons[0], daemons[1]])
    expect(world.nowMs - start).toBeLessThan(100)
  })

  it("goes to another address when a node keeps refusing it", async () => {
    const { world, cluster, client } = await rig({ daemons })
    cluster.behaviour = (_, node) =>
      node === daemons[2] ? { do: "answer" } : { do: "refuse", code: code.unstable_cluster }
    await world.outcome(client.put("a", "x"))
    expect(cluster.log.at(-1)!.node).toBe(daemons[2])
    expect(world.nowMs).toBeLessThan(10_000)
  })

  it("refused until its deadline ends with the refusal, which is definite", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "refuse", code: code.unstable_cluster })
    const error = await errorOf(world, client.put("a", "x"))
    expect([error.name, error.definite]).toEqual(["unstable_cluster", true])
    expect(world.nowMs).toBeGreaterThanOrEqual(60_000)
    expect(world.nowMs).toBeLessThan(60_100)
    // Pauses grow to two seconds, halved at most: 30 attempts at least, 70 at most.
    expect(cluster.log.length).toBeGreaterThan(30)
    expect(cluster.log.length).toBeLessThan(70)
    expect(cluster.executions.size).toBe(0)
  })

  it("refused after an attempt of unknown fate ends in doubt", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "refuse", code: code.unstable_cluster })
    script(
      cluster,
      { do: "reset", execute: "later", laterMs: 90_000 },
      ...Array.from({ length: 200 }, (): Action => ({ do: "refuse", code: code.unstable_cluster })),
    )
    const error = await errorOf(world, client.put("a", "x"))
    expect([error.name, error.definite, error.exitStatus]).toEqual(["in_doubt", false, 4])
    expect(error.message).toContain("unstable_cluster")
  })

  it("refused for good after an attempt of unknown fate is in doubt at once, or tried on if that may help", async () => {
    const { world, cluster, client } = await rig()
    const lose: Action = { do: "reset", execute: "never" }
    script(cluster, lose, { do: "refuse", code: code.entry_too_large })
    expect((await errorOf(world, client.put("a", "x"))).name).toBe("in_doubt")
    script(cluster, lose, { do: "refuse", code: code.disk_full }, { do: "refuse", code: code.disk_full })
    await world.outcome(client.put("b", "x"))
    script(cluster, { do: "refuse", code: code.disk_full })
    const full = await errorOf(world, client.put("c", "x"))
    expect([full.name, full.definite]).toEqual(["disk_full", true])
  })

  it("that met a node's own error, or one it does not know, is in doubt", async () => {
    const { world, cluster, client } = await rig()
    for (const unknownFate of [code.internal_error, 999]) {
      script(cluster, { do: "refuse", code: unknownFate, execute: true })
      const error = await errorOf(world, client.update("a", "x"))
      expect([error.name, error.definite]).toEqual(["in_doubt", false])
      script(cluster, { do: "refuse", code: unknownFate })
      expect((await errorOf(world, client.get("a"))).name).toBe("internal_error")
    }
  })

  it("that is never answered ends as timeout, and raises the floor", async () => {
    const { world, cluster, client } = await rig()
    script(cluster, { do: "ignore", execute: true })
    const error = await errorOf(world, client.put("a", "x", { timeoutMs: 1000 }))
    expect([error.name, error.definite, error.exitStatus]).toEqual(["timeout", false, 4])
    expect(world.nowMs).toBeLessThan(1100)
    await world.outcome(client.put("b", "x"))
    expect(cluster.log.map((l) => [l.request.number, l.request.floor])).toEqual([
      [1, 1],
      [2, 2],
    ])
  })

  it("that could never be sent has no effect, and says which addresses failed", async () => {
    const { world, cluster, client } = await rig({ daemons })
    world.dialOutcome = () => "refused"
    for (const daemon of daemons) world.reset(daemon)
    const error = await errorOf(world, client.put("a", "x", { timeoutMs: 2000 }))
    expect([error.name, error.definite, error.exitStatus]).toEqual(["connection_refused", true, 3])
    expect(error.addresses.length).toBe(3)
    world.dialOutcome = () => "open"
    await world.outcome(client.put("a", "y"))
    expect(numbersOf(cluster)).toEqual([1])
  })

  it("holds the floor while it is unanswered, whatever later writes do", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = (r) =>
      r.alias === "slow" && world.nowMs < 5000
        ? { do: "refuse", code: code.unstable_cluster }
        : { do: "answer" }
    const slow = client.put("slow", "x")
    for (let i = 0; i < 20; i++) await world.outcome(client.put(`a${i}`, "x"))
    expect(cluster.log.filter((l) => l.request.alias !== "slow").map((l) => l.request.floor)).toEqual(
      Array(20).fill(1),
    )
    await world.outcome(slow)
    await world.outcome(client.put("last", "x"))
    expect(cluster.log.at(-1)!.request).toMatchObject({ number: 22, floor: 22 })
  })

  it("says how much time it has left, less at each attempt", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () =>
      cluster.log.length < 6 ? { do: "refuse", code: code.unstable_cluster } : { do: "answer" }
    await world.outcome(client.put("a", "x", { timeoutMs: 30_000 }))
    const left = cluster.log.map((l) => l.request.timeLeftMs)
    expect(left[0]).toBe(30_000)
    expect([...left].sort((a, b) => b - a)).toEqual(left)
    expect(left.at(-1)).toBeLessThan(29_900)
  })
})

describe("a request that its caller gives up", () => {
  it("is definite if it was not sent, and is never sent", async () => {
    const { world, cluster, client } = await rig()
    const control = new AbortController()
    const put = client.put("a", "x", { signal: control.signal })
    control.abort("changed my mind")
    const error = await errorOf(world, put)
    expect([error.name, error.definite, error.cause]).toEqual(["cancelled", true, "changed my mind"])
    await world.run(() => false, world.nowMs + 100)
    expect(cluster.log).toEqual([])
    const already = await errorOf(world, client.put("a", "x", { signal: AbortSignal.abort() }))
    expect([already.name, already.definite]).toEqual(["cancelled", true])
  })

  it("is of unknown outcome if it was sent, and is not sent again", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "answer", delayMs: 500 })
    const control = new AbortController()
    const put = client.put("a", "x", { signal: control.signal })
    await world.run(() => cluster.log.length === 1)
    control.abort()
    const error = await errorOf(world, put)
    expect([error.name, error.definite, error.exitStatus]).toEqual(["cancelled", false, 4])
    world.reset(daemons[0]!)
    await world.outcome(client.put("b", "x"))
    expect(cluster.log.map((l) => [l.request.number, l.request.floor])).toEqual([
      [1, 1],
      [2, 2],
    ])
  })

  it("is definite if all that was sent was refused", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "refuse", code: code.unstable_cluster })
    const control = new AbortController()
    const put = client.put("a", "x", { signal: control.signal })
    await world.run(() => cluster.log.length === 3)
    await world.run(() => false, world.nowMs + 10)
    control.abort()
    expect((await errorOf(world, put)).definite).toBe(true)
  })

  it("does not give its late reply to another", async () => {
    const { world, cluster, client } = await rig()
    await world.outcome(client.put("a", "first"))
    await world.outcome(client.put("b", "second"))
    cluster.behaviour = (r) => ({ do: "answer", delayMs: r.alias === "a" ? 200 : 300 })
    const late = await errorOf(world, client.get("a", { timeoutMs: 100 }))
    expect([late.name, late.definite]).toEqual(["timeout", true])
    expect(text(await world.outcome(client.get("b")))).toBe("second")
  })
})

describe("stop_node", () => {
  it("is never sent twice", async () => {
    const { world, cluster, client } = await rig({ daemons })
    script(cluster, { do: "reset", execute: "never" })
    const error = await errorOf(world, client.stopNode("enough"))
    expect([error.name, error.definite]).toEqual(["in_doubt", false])
    await world.run(() => false, world.nowMs + 5000)
    expect(cluster.log.filter((l) => l.request.opcode === operation.stop_node).length).toBe(1)
    script(cluster, { do: "refuse", code: code.operation_disabled })
    expect(await errorOf(world, client.stopNode("enough"))).toMatchObject({
      name: "operation_disabled",
      definite: true,
    })
  })
})

describe("an idle client", () => {
  it("pings, and notices a dead connection when it is used or silent", async () => {
    const { world, client } = await rig()
    const before = world.writes
    await world.run(() => false, world.nowMs + 60_000)
    expect(world.writes - before).toBeGreaterThanOrEqual(11)
    expect(world.writes - before).toBeLessThanOrEqual(13)
    expect(client.address).toBeDefined()
    world.reset(daemons[0]!)
    await world.run(() => false, world.nowMs + 60_000)
    expect(client.address).toBeUndefined()
    expect(world.dials.length).toBe(1)
    const start = world.nowMs
    await errorOf(world, client.get("a"))
    expect(world.nowMs - start).toBeLessThan(20)
    expect(world.dials.length).toBe(2)
  })

  it("leaves a node that is silent for 15 s, and asks another", async () => {
    const { world, cluster, client } = await rig({ daemons })
    await world.outcome(client.put("a", "x"))
    // From now on nothing comes back from the first node.
    const silent = silence(world, cluster)
    const start = world.nowMs
    expect(text(await world.outcome(client.get("a")))).toBe("x")
    expect(world.nowMs - start).toBeGreaterThan(14_000)
    expect(world.nowMs - start).toBeLessThan(16_000)
    expect(client.address?.text).toBe(daemons[1])
    silent()
  })

  it("pauses longer and longer between dials of a dead node, and comes back", async () => {
    const { world, client } = await rig()
    world.dialOutcome = () => "refused"
    world.reset(daemons[0]!)
    const get = client.get("a").catch((e: QdbError) => e.name)
    await world.run(() => false, world.nowMs + 30_000)
    expect(world.dials.length).toBeGreaterThan(15)
    expect(world.dials.length).toBeLessThan(45)
    world.dialOutcome = () => "open"
    expect(await world.outcome(get)).toBe("alias_not_found")
  })
})

describe("closing", () => {
  it("waits for what is under way, takes nothing more, and leaves nothing to happen", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () =>
      cluster.log.length < 3 ? { do: "reset", execute: "never" } : { do: "answer", delayMs: 100 }
    const put = client.put("a", "x")
    const closed = client.close()
    expect(await errorOf(world, client.put("b", "x"))).toMatchObject({ name: "cancelled", definite: true })
    await world.outcome(Promise.all([put, closed]))
    expect(cluster.entries.has("a")).toBe(true)
    const at = world.nowMs
    await world.run(() => false)
    expect(world.nowMs - at).toBeLessThan(20)
    await world.outcome(client.close())
  })

  it("by `await using` does the same", async () => {
    const { world, cluster, client } = await rig()
    const scope = async () => {
      await using used = client
      void used.put("a", "x")
    }
    await world.outcome(scope())
    expect(cluster.entries.has("a")).toBe(true)
  })

  it("by abort tells all callers", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = () => ({ do: "ignore" })
    const sent = client.put("a", "x")
    await world.run(() => cluster.log.length === 1)
    const unsent = client.put("b", "x")
    client.abort("enough")
    await Promise.allSettled([sent, unsent])
    expect(await errorOf(world, sent)).toMatchObject({ name: "cancelled", definite: false })
    expect(await errorOf(world, unsent)).toMatchObject({ name: "cancelled", definite: true })
  })
})

describe("a hostile node", () => {
  const hostile: readonly [string, (request: Decoded) => Uint8Array][] = [
    ["a frame longer than allowed", () => new Uint8Array([255, 255, 255, 255])],
    ["bytes that are no reply", () => new Uint8Array([1, 0, 0, 0, 0xc1])],
  ]
  for (const [what, bytes] of hostile) {
    it(`that sends ${what} is left, and the request sent again`, async () => {
      const { world, cluster, client } = await rig()
      cluster.behaviour = (r) =>
        cluster.log.length === 1 ? { do: "bytes", bytes: bytes(r) } : { do: "answer" }
      await world.outcome(client.put("a", "x"))
      expect(world.dials.length).toBe(2)
      expect([...cluster.executions]).toEqual([[1, 1]])
    })
  }

  it("that answers with a result of another shape is a protocol error", async () => {
    const { world, cluster, client } = await rig()
    cluster.behaviour = (r) => {
      const writer = new ReplyWriter()
      writer.integerReply(r.requestId, 7)
      return { do: "bytes", bytes: writer.copy() }
    }
    expect(await errorOf(world, client.get("a"))).toMatchObject({ name: "protocol_error", definite: true })
    expect(await errorOf(world, client.put("a", "x"))).toMatchObject({
      name: "protocol_error",
      definite: false,
    })
    expect(await errorOf(world, client.nodeStatus())).toMatchObject({ name: "protocol_error" })
    expect(await errorOf(world, client.prefixGet("a").sorted())).toMatchObject({ name: "protocol_error" })
    expect(client.pendingRequests).toBe(0)
  })
})

/** Swallows everything the first node would send. @returns what ends it */
function silence(world: VirtualWorld, cluster: FakeCluster): () => void {
  const before = cluster.behaviour
  cluster.behaviour = (request, node) => (node === daemons[0] ? { do: "ignore" } : before(request, node))
  world.muted.add(daemons[0]!)
  return () => {
    world.muted.clear()
    cluster.behaviour = before
  }
}
