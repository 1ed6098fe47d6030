/** The load generator, against small servers of our own that answer rightly, wrongly, in pieces, or not at all. */
import { afterEach, describe, expect, it } from "vitest"
import { sameDigits, writeDigits, type LoadProtocol } from "../../scripts/bench/load/batch.ts"
import { LoadGenerator } from "../../scripts/bench/load/generator.ts"
import { LatencyHistogram } from "../../scripts/bench/load/histogram.ts"
import type { LoadPlan } from "../../scripts/bench/load/plan.ts"
import { qdbProtocol } from "../../scripts/bench/load/qdb.ts"
import { redisProtocol } from "../../scripts/bench/load/redis.ts"
import { decodeFirstFrame } from "../../src/wire/hello.ts"
import { Request } from "../../src/core/entry/request.ts"
import { operation } from "../../src/core/entry/operation.ts"
import { decodeRequest } from "../../src/wire/request.ts"

const stops: Array<() => void> = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

/** @param answer gets all bytes of a connection that are not answered yet; returns what to send and how many it used */
function serve(answer: (bytes: Buffer) => { reply: Uint8Array; used: number }, pieceBytes = 65_536): number {
  const server = Bun.listen<{ open: Buffer }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void (socket.data = { open: Buffer.alloc(0) }),
      data(socket, chunk) {
        socket.data.open = Buffer.concat([socket.data.open, chunk])
        const { reply, used } = answer(socket.data.open)
        socket.data.open = socket.data.open.subarray(used)
        for (let at = 0; at < reply.length; at += pieceBytes) {
          socket.write(reply.subarray(at, at + pieceBytes))
          socket.flush()
        }
      },
    },
  })
  stops.push(() => server.stop(true))
  return server.port
}

const plan = (port: number, change: Partial<LoadPlan> = {}): LoadPlan => ({
  protocol: "redis",
  host: "127.0.0.1",
  port,
  operation: "put",
  connections: 3,
  inFlight: 4,
  aliases: 100,
  contentBytes: 20,
  warmupSeconds: 0,
  seconds: 0.2,
  seed: 1,
  ...change,
})

/** A Redis of one map, whose answers may be bent. */
function redis(
  bend: (reply: string) => string = (reply) => reply,
  pieceBytes?: number,
): { port: number; stored: Map<string, string> } {
  const stored = new Map<string, string>()
  const request = /^\*\d\r\n\$3\r\n(SET|GET)\r\n\$16\r\n(.{16})\r\n(?:\$(\d+)\r\n(.*)\r\n)?/
  const port = serve((bytes) => {
    let text = bytes.toString("latin1")
    let reply = ""
    for (let found = request.exec(text); found !== null; found = request.exec(text)) {
      const [whole, command, alias = "", , content] = found
      if (command === "SET") stored.set(alias, content ?? "")
      const value = stored.get(alias)
      reply += bend(
        command === "SET" ? "+OK\r\n" : value === undefined ? "$-1\r\n" : `$${value.length}\r\n${value}\r\n`,
      )
      text = text.slice(whole.length)
    }
    return { reply: Buffer.from(reply, "latin1"), used: bytes.length - text.length }
  }, pieceBytes)
  return { port, stored }
}

describe("the load generator with Redis' protocol", () => {
  it("puts every alias once in a sequence, with its own content, and finds all of them again", async () => {
    const { port, stored } = redis()
    const filled = await new LoadGenerator(plan(port, { sequential: true }), redisProtocol).run()
    expect(stored.size).toBe(100)
    expect(
      [...stored].every(([alias, content]) => content.length === 20 && content.startsWith(alias.slice(4))),
    ).toBe(true)
    const read = await new LoadGenerator(
      plan(port, { sequential: true, operation: "get" }),
      redisProtocol,
    ).run()
    for (const result of [filled, read]) expect(result.requests).toBeGreaterThanOrEqual(100)
  })

  it("counts what was answered in its time, in pieces of any size", async () => {
    const { port } = redis(undefined, 3)
    const result = await new LoadGenerator(plan(port), redisProtocol).run()
    expect(result.measured).toBeGreaterThan(0)
    expect(result.requests).toBeGreaterThanOrEqual(result.measured)
    expect(result.perSecond.reduce((sum, count) => sum + count, 0)).toBe(result.measured)
    expect(result.latencies.reduce((sum, [, count]) => sum + count, 0)).toBe(result.measured)
  })

  const wrong: ReadonlyArray<readonly [string, (reply: string) => string, Partial<LoadPlan>, string]> = [
    ["an error", () => "-MISCONF no\r\n", {}, "redis: -MISCONF no"],
    ["another status", () => "+NO\r\n", {}, "not OK"],
    ["a missing entry", () => "$-1\r\n", { operation: "get" }, "not there"],
    ["a content of another length", () => "$3\r\nabc\r\n", { operation: "get" }, "of 3 bytes"],
    ["another alias's content", () => `$20\r\n${"9".repeat(20)}\r\n`, { operation: "get" }, "another alias"],
    ["more than was asked", () => "+OK\r\n+OK\r\n", {}, "answer no request"],
  ]
  for (const [what, bend, change, message] of wrong) {
    it(`fails on ${what}`, async () => {
      const { port } = redis(bend)
      await expect(new LoadGenerator(plan(port, change), redisProtocol).run()).rejects.toThrow(message)
    })
  }

  it("fails when the server goes away", async () => {
    const { port } = redis((reply) => {
      for (const stop of stops.splice(0)) stop()
      return reply
    })
    await expect(new LoadGenerator(plan(port, { inFlight: 64 }), redisProtocol).run()).rejects.toThrow(
      "closed",
    )
  })
})

describe("the load generator with qdb's protocol", () => {
  it("sends frames that the daemon's own decoder reads, numbered without gaps", () => {
    const batch = qdbProtocol.batch("put", 3, 20)
    const numbers: Array<number> = []
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 3; index++) batch.setAlias(index, 1_000 * round + index)
      batch.seal()
      for (const { request, bytes } of requestsOf(batch.bytes)) {
        expect(request.opcode).toBe(operation.update)
        const alias = Buffer.from(bytes.subarray(request.aliasStart, request.aliasEnd)).toString()
        expect(alias).toBe(
          `bch:${String(1_000 * round + request.requestId - 1 - 3 * round).padStart(12, "0")}`,
        )
        expect(request.floor).toBe(1 + 3 * round)
        numbers.push(request.number)
      }
    }
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6])
  })

  it("says a hello that the daemon reads", () => {
    const greeting = qdbProtocol.greeting() as Uint8Array
    const first = decodeFirstFrame(greeting, 4, greeting.length)
    expect(first).toMatchObject({ kind: "hello", hello: { role: "client", versionMin: 1 } })
  })

  it("reads replies in any order, and fails on errors, doubles and wrong contents", () => {
    const fresh = () => {
      const batch = qdbProtocol.batch("get", 2, 12)
      batch.setAlias(0, 7)
      batch.setAlias(1, 8)
      batch.seal()
      return batch
    }
    const right = Buffer.concat([content(2, 8), content(1, 7)])
    const batch = fresh()
    expect(batch.read(right, 0, right.length - 1)).toBe(content(2, 8).length)
    expect(batch.read(right, content(2, 8).length, right.length)).toBe(right.length)
    expect(batch.answered).toBe(2)
    const fails = (bytes: Buffer, message: string) =>
      expect(() => fresh().read(bytes, 0, bytes.length)).toThrow(message)
    fails(Buffer.concat([content(2, 8), content(2, 8)]), "not open")
    fails(content(3, 7), "not open")
    fails(content(1, 8), "another alias")
    fails(frame(Buffer.from([0x95, 1, 1, 0xa1, 0x78, 0xa1, 0x79, 0xc2])), "answered with an error")
  })
})

function* requestsOf(bytes: Uint8Array): Generator<{ request: Request; bytes: Uint8Array }> {
  const view = Buffer.from(bytes)
  for (let at = 0; at < view.length;) {
    const end = at + 4 + view.readUInt32LE(at)
    const request = new Request()
    expect(decodeRequest(bytes, at + 4, end, request)).toBe(0)
    yield { request, bytes }
    at = end
  }
}

function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt32LE(message.length, 0)
  return Buffer.concat([header, message])
}

function content(requestId: number, alias: number): Buffer {
  const digits = Buffer.from(String(alias).padStart(12, "0"))
  return frame(Buffer.concat([Buffer.from([0x93, 0, requestId, 0xc4, 12]), digits]))
}

describe("parts of it", () => {
  it("writes and compares digits", () => {
    const bytes = Buffer.alloc(26, 0x78)
    for (const value of [0, 7, 9_999, 10_000, 123_456_789_012, 999_999_999_999]) {
      writeDigits(bytes, 1, value)
      writeDigits(bytes, 13, value)
      expect(bytes.toString("latin1", 1, 13)).toBe(String(value).padStart(12, "0"))
      expect(sameDigits(bytes, 1, bytes, 13)).toBe(true)
    }
    bytes[24] = 0x78
    expect(sameDigits(bytes, 1, bytes, 13)).toBe(false)
  })

  it("has percentiles right within a hundredth, also after a journey as JSON", () => {
    const histogram = new LatencyHistogram()
    for (let micros = 1; micros <= 100_000; micros++) histogram.record(micros, 1)
    const copy = new LatencyHistogram()
    copy.add(JSON.parse(JSON.stringify(histogram.sparse())) as ReturnType<LatencyHistogram["sparse"]>)
    for (const ratio of [0.001, 0.5, 0.99, 0.999, 1]) {
      const exact = 100_000 * ratio
      expect(Math.abs(copy.quantile(ratio) - exact) / exact).toBeLessThan(0.01)
    }
    expect(new LatencyHistogram().quantile(0.5)).toBe(0)
    expect(() => copy.add([[99_999_999, 1]])).toThrow("no bucket")
  })

  it("offers both protocols alike", () => {
    const protocols: ReadonlyArray<LoadProtocol> = [qdbProtocol, redisProtocol]
    for (const protocol of protocols) expect(protocol.batch("put", 16, 100).size).toBe(16)
  })
})
