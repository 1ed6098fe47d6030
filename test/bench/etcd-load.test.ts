/**
 * The load generator's gRPC driver, against a server of `node:http2`: an implementation of the protocol that is not ours,
 * with answers that are right or bent.
 */
import { createHash } from "node:crypto"
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2"
import { afterEach, describe, expect, it } from "vitest"
import { AliasSource } from "../../scripts/bench/load/aliases.ts"
import { etcdProtocol } from "../../scripts/bench/load/etcd.ts"
import { flag, frame, frameType } from "../../scripts/bench/load/http2.ts"
import { LoadGenerator } from "../../scripts/bench/load/generator.ts"
import type { LoadPlan } from "../../scripts/bench/load/plan.ts"
import { slotOfDigest } from "../../src/core/ring/slot.ts"

const servers: Array<Http2Server> = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

interface Call {
  readonly path: string
  readonly key: string
  readonly value: string
}

/** Fields 1 and 2 of a message, both length-delimited and shorter than 128 bytes. */
function callOf(path: string, body: Buffer): Call {
  expect([body[0], body.readUInt32BE(1)]).toEqual([0, body.length - 5])
  const key = body.toString("latin1", 7, 7 + (body[6] as number))
  const at = 7 + key.length
  const value = at < body.length ? body.toString("latin1", at + 2, at + 2 + (body[at + 1] as number)) : ""
  return { path, key, value }
}

const field = (tag: number, bytes: Uint8Array) => Buffer.concat([Buffer.of(tag, bytes.length), bytes])

function message(body: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(body.length, 1)
  return Buffer.concat([prefix, body])
}

/** A header as etcd sends it: four numbers. */
const header = field(0x0a, Buffer.of(0x08, 0x96, 0x01, 0x10, 0x07, 0x18, 0x02, 0x20, 0x03))

/** @returns the answer to a Range: a count of one, and the entry with its revisions around key and value */
function rangeAnswer(key: string, value: string): Buffer {
  const entry = [
    field(0x0a, Buffer.from(key)),
    Buffer.of(0x10, 1, 0x18, 2, 0x20, 1),
    field(0x2a, Buffer.from(value)),
  ]
  return Buffer.concat([header, field(0x12, Buffer.concat(entry)), Buffer.of(0x20, 1)])
}

type Answer = (call: Call, stream: ServerHttp2Stream) => Buffer | undefined

/** An etcd of one map. @returns its port, and what it holds */
async function etcd(bend?: Answer): Promise<{ port: number; stored: Map<string, string> }> {
  const stored = new Map<string, string>()
  const server = createServer()
  server.on("stream", (opened, headers) => {
    const stream = opened as ServerHttp2Stream
    const pieces: Array<Buffer> = []
    stream.on("data", (piece: Buffer) => pieces.push(piece))
    stream.on("error", () => undefined)
    stream.on("end", () => {
      const call = callOf(String(headers[":path"]), Buffer.concat(pieces))
      if (call.path === "/etcdserverpb.KV/Put") stored.set(call.key, call.value)
      const bent = bend?.(call, stream)
      if (stream.destroyed || stream.headersSent) return
      const found = stored.get(call.key)
      const right = call.path.endsWith("Put")
        ? header
        : found === undefined
          ? header
          : rangeAnswer(call.key, found)
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
      stream.end(message(bent ?? right))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  servers.push(server)
  return { port: (server.address() as { port: number }).port, stored }
}

const plan = (port: number, change: Partial<LoadPlan> = {}): LoadPlan => ({
  protocol: "etcd",
  host: "127.0.0.1",
  port,
  operation: "put",
  connections: 3,
  inFlight: 4,
  aliases: 100,
  contentBytes: 20,
  warmupSeconds: 0,
  seconds: 0.3,
  seed: 1,
  ...change,
})

describe("the load generator with etcd's protocol", () => {
  it("puts every alias once in a sequence, with its own content, and finds all of them again", async () => {
    const { port, stored } = await etcd()
    await new LoadGenerator(plan(port, { sequential: true }), etcdProtocol).run()
    expect(stored.size).toBe(100)
    for (const [alias, content] of stored)
      expect([content.length, content.startsWith(alias.slice(4))]).toEqual([20, true])
    const read = await new LoadGenerator(
      plan(port, { sequential: true, operation: "get" }),
      etcdProtocol,
    ).run()
    expect(read.requests).toBeGreaterThanOrEqual(100)
  })

  it("goes on for many calls on one connection, answering the server's pings", async () => {
    let pings = 0
    const { port } = await etcd((_, stream) => {
      if (pings++ % 50 === 0) stream.session?.ping((error) => expect(error).toBeNull())
      return undefined
    })
    const result = await new LoadGenerator(plan(port, { connections: 1, seconds: 0.5 }), etcdProtocol).run()
    expect(result.measured).toBeGreaterThan(100)
  })

  const wrong: ReadonlyArray<readonly [string, Answer, Partial<LoadPlan>, string]> = [
    [
      "a call that fails",
      (_, stream) => {
        stream.respond(
          { ":status": 200, "grpc-status": "14", "grpc-message": "no leader" },
          { endStream: true },
        )
        return undefined
      },
      {},
      "a call failed",
    ],
    ["a missing entry", () => header, { operation: "get" }, "not there"],
    [
      "a content of another length",
      ({ key }) => rangeAnswer(key, "abc"),
      { operation: "get" },
      "another length",
    ],
    [
      "another alias's content",
      ({ key }) => rangeAnswer(key, "9".repeat(20)),
      { operation: "get" },
      "another alias",
    ],
  ]
  for (const [what, bend, change, text] of wrong) {
    it(`fails on ${what}`, async () => {
      const { port } = await etcd(bend)
      await expect(new LoadGenerator(plan(port, change), etcdProtocol).run()).rejects.toThrow(text)
    })
  }
})

describe("a batch of etcd's calls", () => {
  it("fails on streams that are reset or not open, and when the connection ends", () => {
    const fails = (type: number, flags: number, stream: number, payload: Buffer, text: string) => {
      const batch = etcdProtocol.batch("put", 2, 20)
      batch.seal()
      const bytes = frame(type, flags, stream, payload)
      expect(() => batch.read(bytes, 0, bytes.length)).toThrow(text)
    }
    const two = Buffer.of(0, 0, 0, 2)
    fails(frameType.resetStream, 0, 1, two, "stream 1 was reset, error 2")
    fails(frameType.goAway, 0, 0, Buffer.concat([two, two, Buffer.from("bye")]), "ends the connection: bye")
    fails(frameType.data, 0, 5, message(header), "stream 5, which is not open")
    fails(frameType.data, 0, 1, message(header).subarray(1), "no whole message")
    fails(frameType.headers, flag.endStream, 3, Buffer.alloc(1), "a call failed")
  })

  it("answers pings, and reads a frame only when it is whole", () => {
    const batch = etcdProtocol.batch("put", 1, 20)
    batch.seal()
    const ping = frame(frameType.ping, 0, 0, Buffer.from("12345678"))
    expect(batch.read(ping, 0, ping.length - 1)).toBe(0)
    expect(batch.takeControl?.()).toBeUndefined()
    expect(batch.read(ping, 0, ping.length)).toBe(ping.length)
    expect(batch.takeControl?.()).toEqual(frame(frameType.ping, flag.acknowledge, 0, Buffer.from("12345678")))
    expect(batch.takeControl?.()).toBeUndefined()
  })
})

describe("the aliases of a connection", () => {
  const slots = 16
  const slotOf = (alias: number) =>
    slotOfDigest(
      createHash("sha3-256")
        .update(`bch:${String(alias).padStart(12, "0")}`)
        .digest(),
      slots,
    )

  it("are those of its node's slots, each once in a sequence", () => {
    const members = [0, 1, 2].map((member) => ({
      host: "x",
      port: 1,
      slots: Array.from({ length: slots }, (_, slot) => slot).filter((slot) => slot % 3 === member),
    }))
    const sources = AliasSource.of(plan(1, { members, sequential: true, aliases: 500 }))
    const taken = sources.map((source) => {
      const own: Array<number> = []
      while (!source.isOver) own.push(source.take())
      return own
    })
    taken.forEach((own, member) => expect(own.every((alias) => slotOf(alias) % 3 === member)).toBe(true))
    expect(taken.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, alias) => alias))
    const random = AliasSource.of(plan(1, { members, aliases: 500 }))
    random.forEach((source, member) => {
      for (let i = 0; i < 200; i++) expect(slotOf(source.take()) % 3).toBe(member)
    })
  })

  it("are all of them where nobody says who serves what, each once for all connections", () => {
    const members = [1, 2].map((port) => ({ host: "x", port }))
    const [first, second] = AliasSource.of(plan(1, { members, sequential: true })) as [
      AliasSource,
      AliasSource,
    ]
    expect([first.take(), second.take(), first.take()]).toEqual([0, 1, 2])
  })
})
