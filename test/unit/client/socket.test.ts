/** The client over real sockets, under each runtime. What depends on time is tested in virtual time (`retry.test.ts`). */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { createServer } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { connect } from "../../../src/client/client.ts"
import { Qdb } from "../../../src/client/effect.ts"
import type { QdbError } from "../../../src/client/error.ts"
import { code } from "../../../src/wire/errors.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"
import { type Action, FakeCluster } from "./fake-cluster.ts"
import { FakeServer } from "./fake-server.ts"

const servers: { stop(): Promise<void> }[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

async function start(cluster: FakeCluster, port?: number): Promise<FakeServer> {
  const server = await FakeServer.start(cluster, port)
  servers.push(server)
  return server
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe("a client on a socket", () => {
  it("asks and is answered, and leaves no connection behind", async () => {
    const cluster = new FakeCluster()
    const server = await start(cluster)
    {
      await using client = await connect({ daemons: [server.address] })
      expect(client.address?.text).toBe(server.address)
      await client.put("a", "content")
      expect(text(await client.get("a"))).toBe("content")
      await expect(client.put("a", "content")).rejects.toMatchObject({ name: "alias_already_exists" })
      await client.ping()
      expect(await client.clusterStatus()).toMatchObject({ node: server.address })
    }
    while (server.sockets.size > 0) {
      await new Promise((resolve) => [...server.sockets][0]!.once("close", resolve))
    }
  })

  it("carries large contents whole, both ways", async () => {
    const server = await start(new FakeCluster())
    await using client = await connect({ daemons: [server.address] })
    const content = "0123456789abcdef".repeat(512 * 1024)
    await client.put("large", content)
    expect(text(await client.get("large"))).toBe(content)
  })

  it("keeps ten thousand requests apart", async () => {
    const cluster = new FakeCluster()
    const server = await start(cluster)
    await using client = await connect({ daemons: [server.address] })
    await Promise.all(Array.from({ length: 5000 }, (_, i) => client.put(`a${i}`, `c${i}`)))
    const got = await Promise.all(Array.from({ length: 5000 }, (_, i) => client.get(`a${i}`)))
    expect(got.map(text)).toEqual(Array.from({ length: 5000 }, (_, i) => `c${i}`))
    expect(cluster.executions.size).toBe(5000)
  })

  it("survives lost connections and cut replies without executing twice", async () => {
    const cluster = new FakeCluster()
    const server = await start(cluster)
    const actions: Action[] = [
      { do: "reset", execute: "before" },
      { do: "cut" },
      { do: "reset", execute: "never" },
      { do: "refuse", code: code.unstable_cluster },
    ]
    cluster.behaviour = () => actions.shift() ?? { do: "answer" }
    await using client = await connect({ daemons: [server.address], learnAddresses: false })
    await client.put("a", "x")
    expect([...cluster.executions]).toEqual([[1, 1]])
    expect(cluster.log.length).toBe(5)
  })

  it("goes to another daemon when its own is gone, and back when that one is", async () => {
    const cluster = new FakeCluster()
    const first = await start(cluster)
    const second = await start(cluster)
    await using client = await connect({ daemons: [first.address, second.address] })
    await client.put("a", "x")
    const port = first.port
    await first.stop()
    expect(text(await client.get("a"))).toBe("x")
    expect(client.address?.text).toBe(second.address)
    await start(cluster, port)
    await second.stop()
    expect(text(await client.get("a"))).toBe("x")
    expect(client.address?.text).toBe(first.address)
  })

  it("lists what it tried when nothing listens", async () => {
    const server = await start(new FakeCluster())
    await server.stop()
    servers.length = 0
    const error = await connect({ daemons: [server.address, "host.invalid"] }).then(
      () => undefined,
      (e: QdbError) => e,
    )
    expect(error).toMatchObject({ name: "connection_refused", exitStatus: 3, definite: true })
    expect(error!.addresses[0]).toEqual({ address: server.address, reason: "connection refused" })
    expect(error!.addresses[1]!.address).toBe("host.invalid:2836")
    expect(error!.message).toContain(`${server.address}: connection refused`)
  })

  it("tells why a node refuses it, or that what answers is no node", async () => {
    const refusal = new ReplyWriter()
    refusal.errorReply(code.too_many_sessions, 0)
    const answers = [
      [refusal.copy(), "too_many_sessions: The node has as many sessions as it allows."],
      [new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"), "it sent a longer frame than allowed"],
      [new Uint8Array([1, 0, 0, 0, 0xc0]), "no hello of qdb"],
    ] as const
    for (const [bytes, reason] of answers) {
      const server = createServer((socket) => {
        socket.on("error", () => socket.destroy()).resume()
        socket.write(bytes)
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      servers.push({ stop: () => new Promise((resolve) => server.close(() => resolve())) })
      const { port } = server.address() as { port: number }
      await expect(connect({ daemons: [`127.0.0.1:${port}`] })).rejects.toThrow(reason)
    }
  })
})

describe("the Effect face", () => {
  it("connects with its layer, fails with typed errors, and closes with the scope", async () => {
    const cluster = new FakeCluster()
    const server = await start(cluster)
    const program = Effect.gen(function* () {
      const qdb = yield* Qdb
      yield* qdb.put("a1", "x")
      yield* qdb.put("a2", "x")
      const swapped = yield* qdb.cas("a1", "y", "x")
      const missing = yield* qdb.get("b").pipe(Effect.catchTag("QdbError", (e) => Effect.succeed(e.name)))
      const streamed = yield* Stream.runCollect(qdb.prefixGet("a"))
      const sorted = yield* qdb.prefixGetSorted("a")
      return { swapped: swapped.swapped, missing, streamed: [...streamed], sorted }
    })
    const layer = Qdb.layer({ daemons: [server.address] })
    expect(await Effect.runPromise(program.pipe(Effect.provide(layer)))).toEqual({
      swapped: true,
      missing: "alias_not_found",
      streamed: ["a1", "a2"],
      sorted: ["a1", "a2"],
    })
    while (server.sockets.size > 0) {
      await new Promise((resolve) => [...server.sockets][0]!.once("close", resolve))
    }
  })

  it("fails to build where no daemon is", async () => {
    const server = await start(new FakeCluster())
    await server.stop()
    servers.length = 0
    const layer = Qdb.layer({ daemons: [server.address] })
    const exit = await Effect.runPromiseExit(Qdb.pipe(Effect.provide(layer)))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ name: "connection_refused" })
  })

  it("gives a request up when it is interrupted", async () => {
    const cluster = new FakeCluster()
    const server = await start(cluster)
    const asked = new Promise<void>((resolve) => {
      cluster.behaviour = (request) => {
        if (request.alias === "slow") {
          resolve()
          return { do: "ignore" }
        }
        return { do: "answer" }
      }
    })
    const program = Effect.gen(function* () {
      const qdb = yield* Qdb
      const fiber = yield* Effect.forkChild(qdb.put("slow", "x"))
      yield* Effect.promise(() => asked)
      yield* Fiber.interrupt(fiber)
      yield* qdb.put("next", "x")
    })
    await Effect.runPromise(
      program.pipe(Effect.provide(Qdb.layer({ daemons: [server.address], learnAddresses: false }))),
    )
    expect(cluster.log.map((l) => [l.request.number, l.request.floor])).toEqual([
      [1, 1],
      [2, 2],
    ])
  })
})
