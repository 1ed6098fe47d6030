/** Sessions of the compiled daemon, met by peers that follow the protocol to its edges and by some that do not. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { operation } from "../../src/core/entry/operation.ts"
import { Prng } from "../../src/core/lib/prng.ts"
import { code } from "../../src/wire/errors.ts"
import { type Daemon, startDaemon, temporaryDirectory } from "../support/daemon.ts"
import { frameOf, RawConnection } from "../support/raw-connection.ts"

const sessionsMax = 50
let directory: ReturnType<typeof temporaryDirectory>
let daemon: Daemon
const opened: RawConnection[] = []

beforeAll(async () => {
  directory = temporaryDirectory()
  daemon = await startDaemon({ directory: directory.path, args: ["--sessions", String(sessionsMax)] })
})

afterAll(async () => {
  for (const connection of opened) connection.close()
  expect(await daemon.stop()).toBe(0)
  directory.remove()
})

async function greeted(): Promise<RawConnection> {
  const connection = await RawConnection.greeted(daemon.port)
  opened.push(connection)
  return connection
}

async function open(): Promise<RawConnection> {
  const connection = await RawConnection.open(daemon.port)
  opened.push(connection)
  return connection
}

const clientId = new Uint8Array(16).fill(7)
let lastNumber = 0
const bytes = (text: string) => new TextEncoder().encode(text)
const update = (requestId: number, alias: string, content: Uint8Array) => {
  const number = ++lastNumber
  return [operation.update, requestId, 0, 60_000, clientId, number, number, bytes(alias), content, 0]
}

/** The daemon serves an ordinary client. */
async function serves(): Promise<void> {
  const connection = await greeted()
  connection.array(operation.ping, 1, 0, 1000)
  await connection.until(() => connection.frames.length === 2)
  expect(connection.frames[1]).toEqual([0, 1])
  connection.close()
}

describe("the hello", () => {
  it("is answered with the node's identity", async () => {
    const connection = await greeted()
    const [magic, versions, role, version, , node] = connection.frames[0] ?? []
    expect([magic, role]).toEqual(["qdb", "node"])
    expect(versions).toEqual([1, 1])
    expect(String(version)).toMatch(/^\d+\.\d+\.\d+/)
    expect(node).toHaveLength(3)
    connection.close()
  })

  it("of another version is refused with both ranges, and the connection closed", async () => {
    const connection = await open()
    connection.hello(7, 9)
    await connection.until(() => connection.closed)
    expect(connection.frames[0]?.slice(0, 3)).toEqual([code.unsupported_version, 0, "unsupported_version"])
    expect(String(connection.frames[0]?.[3])).toContain("7 to 9")
  })

  for (const [what, sent] of [
    ["a request before the hello", frameOf([operation.ping, 1, 0, 1000])],
    ["garbage", new Uint8Array(64).fill(0x47)],
    ["an announced frame of 4 GiB", new Uint8Array([0xff, 0xff, 0xff, 0xff])],
    ["an announced first frame above its bound", new Uint8Array([1, 0x20, 0, 0])],
    ["an empty frame", new Uint8Array(4)],
  ] as const) {
    it(`${what} is a protocol error, and the connection closed`, async () => {
      const connection = await open()
      connection.send(sent)
      await connection.until(() => connection.closed)
      expect(connection.frames[0]?.slice(0, 3)).toEqual([code.protocol_error, 0, "protocol_error"])
      await serves()
    })
  }

  it("that does not come is not waited for longer than ten seconds", async () => {
    const connection = await open()
    connection.send(new Uint8Array([30, 0, 0, 0, 0x98]))
    const begun = performance.now()
    await connection.until(() => connection.closed)
    expect(performance.now() - begun).toBeGreaterThan(9_000)
  })
})

describe("sessions", () => {
  it("above their number are told so, and a closed one makes room", async () => {
    const many: RawConnection[] = []
    for (let i = 0; i < sessionsMax; i++) many.push(await greeted())
    const extra = await open()
    // Whether it is a client is not known before it says so: another node would be let in.
    extra.hello()
    await extra.until(() => extra.closed)
    expect(extra.frames[0]?.slice(0, 3)).toEqual([code.too_many_sessions, 0, "too_many_sessions"])
    for (const connection of many) connection.close()
    await serves()
  })

  it("are answered in one order or another, but each request once", async () => {
    const connection = await greeted()
    const count = 500
    for (let id = 1; id <= count; id++) {
      if (id % 2 === 0) connection.array(operation.ping, id, 0, 1000)
      else connection.array(...update(id, `alias ${id}`, bytes("x")))
    }
    await connection.until(() => connection.frames.length === count + 1)
    const ids = connection.frames.slice(1).map((frame) => Number(frame[1]))
    expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i + 1))
    connection.close()
  })

  it("that state no time are given the node's own", async () => {
    const connection = await greeted()
    connection.array(operation.get, 1, 0, 0, bytes("nothing is here"))
    await connection.until(() => connection.frames.length === 2)
    expect(connection.frames[1]?.slice(0, 3)).toEqual([code.alias_not_found, 1, "alias_not_found"])
    connection.close()
  })

  it("survive an argument at fault and an unknown operation, and not a malformed message", async () => {
    const connection = await greeted()
    connection.array(operation.get, 1, 0, 1000, new Uint8Array(0))
    connection.array(operation.get, 2, 0, 1000, new Uint8Array(1025))
    connection.array(250, 3, 0, 1000)
    connection.array(operation.get, 5, 0, 1000, bytes("absent"))
    await connection.until(() => connection.frames.length === 5)
    expect(connection.frames.slice(1).map((frame) => frame.slice(0, 2))).toEqual([
      [code.invalid_argument, 1],
      [code.invalid_argument, 2],
      [code.unknown_operation, 3],
      [code.alias_not_found, 5],
    ])
    connection.array(operation.get, 6)
    await connection.until(() => connection.closed)
    expect(connection.frames[5]?.slice(0, 3)).toEqual([code.protocol_error, 6, "protocol_error"])
  })

  it("that send any garbage after the hello leave everyone else alone", async () => {
    const prng = new Prng(11)
    for (let i = 0; i < 200; i++) {
      const connection = await greeted()
      const garbage = new Uint8Array(prng.between(1, 300))
      prng.scribble(garbage)
      // A plausible length in most, so that the decoder sees the rest.
      if (prng.chance(3, 4)) new DataView(garbage.buffer).setUint8(Math.min(3, garbage.length - 1), 0)
      if (garbage.length > 4 && prng.chance(3, 4))
        new DataView(garbage.buffer).setUint32(0, garbage.length - 4, true)
      connection.send(garbage)
      if (prng.chance(1, 2)) connection.reset()
      else connection.close()
    }
    await serves()
  })

  it("that do not read their answers are not read from, and memory stays bounded", async () => {
    const writer = await greeted()
    const content = new Uint8Array(256 * 1024).fill(65)
    writer.array(...update(1, "large", content))
    await writer.until(() => writer.frames.length === 2)
    const greedy = await greeted()
    greedy.pause()
    const count = 1000
    for (let id = 1; id <= count; id++) greedy.array(operation.get, id, 0, 60_000, bytes("large"))
    await serves()
    const status = await residentBytes()
    expect(status).toBeLessThan(400 * 1024 * 1024)
    greedy.resume()
    await greedy.until(() => greedy.frames.length === 101)
    greedy.close()
    writer.close()
  })
})

/** Peak memory of the daemon. */
async function residentBytes(): Promise<number> {
  const { readFileSync } = await import("node:fs")
  const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${daemon.pid}/status`, "utf8"))
  return Number(found?.[1]) * 1024
}
