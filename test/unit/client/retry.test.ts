import { describe, expect, it } from "vitest"
import type { QdbError } from "../../../src/client/error.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import { code } from "../../../src/wire/errors.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"
import type { Action, Decoded, FakeCluster } from "./fake-cluster.ts"
import { daemons, errorOf, numbersOf, rig, script, text } from "./rig.ts"
import type { VirtualWorld } from "./virtual-world.ts"

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

  it("leaves a node that says nothing while it waits for it, and asks another", async () => {
    const { world, cluster, client } = await rig({ daemons })
    await world.outcome(client.put("a", "x"))
    // From now on nothing comes back from the first node.
    const silent = silence(world, cluster)
    const start = world.nowMs
    expect(text(await world.outcome(client.get("a")))).toBe("x")
    expect(world.nowMs - start).toBeGreaterThan(3_900)
    expect(world.nowMs - start).toBeLessThan(4_100)
    expect(client.address?.text).toBe(daemons[1])
    silent()
  })

  it("waits 15 s for the only node there is", async () => {
    const { world, cluster, client } = await rig()
    await world.outcome(client.put("a", "x"))
    const silent = silence(world, cluster)
    const start = world.nowMs
    const get = client.get("a")
    await world.run(() => client.address === undefined)
    expect(world.nowMs - start).toBeGreaterThan(14_000)
    expect(world.nowMs - start).toBeLessThan(16_000)
    silent()
    expect(text(await world.outcome(get))).toBe("x")
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
