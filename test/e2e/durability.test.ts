/**
 * What the compiled daemon asks of the kernel: with `sync`, no answer to a write leaves before an fsync of the log that
 * began after the request had arrived; and after an fsync that failed the node stops, keeps what it acknowledged, and
 * never asks for the same again.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { connect } from "../../src/client/client.ts"
import { operation } from "../../src/core/entry/operation.ts"
import { frameBytesMax } from "../../src/core/lib/limits.ts"
import { FrameReader, frameState } from "../../src/wire/frame.ts"
import { decodeArray } from "../../src/wire/value.ts"
import { type Daemon, startDaemon, temporaryDirectory } from "../support/daemon.ts"
import { requirePeer } from "../support/peer.ts"
import { bytesOf, descriptorOf, parseStrace, type SystemCall } from "../support/strace.ts"

let directory: ReturnType<typeof temporaryDirectory>
let daemon: Daemon | undefined

beforeEach(() => {
  directory = temporaryDirectory()
})

afterEach(async () => {
  if (daemon !== undefined && daemon.child.exitCode === null && daemon.child.signalCode === null) {
    daemon.kill("SIGKILL")
    await daemon.exit()
  }
  directory.remove()
})

/** The frames of one direction of one connection, each with the call that completed it. */
function framesOf(calls: readonly SystemCall[]): { call: SystemCall; array: readonly unknown[] }[] {
  const reader = new FrameReader(frameBytesMax)
  const frames: { call: SystemCall; array: readonly unknown[] }[] = []
  for (const call of calls) {
    reader.push(bytesOf(call, call.result))
    while (reader.next() === frameState.whole) {
      const { bytes, start, end } = reader
      frames.push({ call, array: decodeArray(bytes.slice(start, end), 0, end - start) ?? [] })
    }
  }
  return frames
}

/** As `-xx` prints the name in a descriptor's path. */
const logHex = [..."/log-0"].map((letter) => `\\x${letter.charCodeAt(0).toString(16)}`).join("")

interface Checked {
  readonly writes: number
  readonly tooEarly: number
}

/** Matches each answered write with an fsync of the log between its arrival and its answer. */
function checkTrace(calls: readonly SystemCall[]): Checked {
  const syncs = calls.filter(
    (call) =>
      (call.name === "fsync" || call.name === "fdatasync") && call.args.includes(logHex) && call.result === 0,
  )
  const sockets = new Set(calls.filter((call) => call.name === "sendto").map(descriptorOf))
  let writes = 0
  let tooEarly = 0
  for (const socket of sockets) {
    const of = (name: string) =>
      calls.filter((call) => call.name === name && descriptorOf(call) === socket && call.result > 0)
    const arrived = new Map<unknown, SystemCall>()
    for (const { call, array } of framesOf(of("recvfrom")))
      if (array[0] === operation.update) arrived.set(array[1], call)
    for (const { call, array } of framesOf(of("sendto"))) {
      const request = array[0] === 0 ? arrived.get(array[1]) : undefined
      if (request === undefined) continue
      writes++
      if (!syncs.some((sync) => sync.begun > request.ended && sync.ended < call.begun)) tooEarly++
    }
  }
  return { writes, tooEarly }
}

async function traced(file: string, sync: boolean): Promise<Checked> {
  const under = [
    "strace",
    "-f",
    "-y",
    "-xx",
    "-s",
    "1000000",
    "-o",
    file,
    "-e",
    "trace=fsync,fdatasync,recvfrom,sendto",
  ]
  daemon = await startDaemon({
    directory: directory.path,
    under,
    args: ["--set", `global.depot.sync=${sync}`],
  })
  const clients = await Promise.all([1, 2, 3, 4].map(() => connect({ daemons: [daemon?.address ?? ""] })))
  const writers = clients.flatMap((client, owner) =>
    Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; i < 20; i++) await client.update(`alias ${owner} ${writer} ${i}`, `content ${i}`)
    }),
  )
  await Promise.all(writers)
  await Promise.all(clients.map((client) => client.close()))
  expect(await daemon.stop()).toBe(0)
  return checkTrace(parseStrace(readFileSync(file, "latin1")))
}

describe("answers to writes", () => {
  it("leave after the fsync of their batch", async (context) => {
    requirePeer(context, "strace")
    const { writes, tooEarly } = await traced(join(directory.path, "trace"), true)
    expect(writes).toBe(4 * 8 * 20)
    expect(tooEarly).toBe(0)
  })

  it("do not wait for one where sync is false, so the check above can fail", async (context) => {
    requirePeer(context, "strace")
    const { writes, tooEarly } = await traced(join(directory.path, "trace"), false)
    expect(writes).toBe(4 * 8 * 20)
    expect(tooEarly).toBeGreaterThan(writes / 2)
  })
})

describe("an fsync that fails", () => {
  it(
    "stops the node with a dump; everything acknowledged is there at the next start",
    { timeout: 120_000 },
    async (context) => {
      requirePeer(context, "strace")
      // A new directory is made by many fsyncs; the count is to end among those of writes.
      daemon = await startDaemon({ directory: directory.path })
      await daemon.stop()
      const failing = "fsync,fdatasync:error=EIO:when=60+"
      const under = [
        "strace",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        "trace=fsync,fdatasync",
        "-e",
        `inject=${failing}`,
      ]
      daemon = await startDaemon({ directory: directory.path, under })
      const client = await connect({ daemons: [daemon.address], timeoutMs: 3000 })
      const acknowledged: string[] = []
      let failure: { name?: string; definite?: boolean } | undefined
      for (let i = 0; i < 500 && failure === undefined; i++) {
        try {
          await client.put(`alias ${i}`, `content ${i}`)
          acknowledged.push(`alias ${i}`)
        } catch (error) {
          failure = error as { definite?: boolean }
        }
      }
      client.abort()
      expect(acknowledged.length).toBeGreaterThan(5)
      expect(failure?.definite).toBe(false)
      expect((await daemon.exit()).status).toBe(1)
      const dump = readFileSync(join(directory.path, "qdb_error_dump.txt"), "utf8")
      expect(dump).toContain("EIO: i/o error, fdatasync")
      expect(dump).toContain("last log lines:")

      daemon = await startDaemon({ directory: directory.path })
      const reader = await connect({ daemons: [daemon.address] })
      for (const alias of acknowledged) {
        expect(Buffer.from(await reader.get(alias)).toString()).toBe(alias.replace("alias", "content"))
      }
      await reader.close()
      expect(await daemon.stop()).toBe(0)
      expect(existsSync(join(directory.path, "db"))).toBe(true)
    },
  )
})
