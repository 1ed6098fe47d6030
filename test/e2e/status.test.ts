/** The figures that a node tells about itself, after work whose figures are known. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Client, connect } from "../../src/client/client.ts"
import type { EngineFigures, NodeStatus } from "../../src/wire/status.ts"
import { type Daemon, startDaemon, temporaryDirectory } from "../support/daemon.ts"

const puts = 40
let directory: ReturnType<typeof temporaryDirectory>
let daemon: Daemon
let client: Client

beforeAll(async () => {
  directory = temporaryDirectory()
  daemon = await startDaemon({
    directory: directory.path,
    args: ["--set", "local.logger.slow_operation_ms=1", "--set", "local.logger.flush_interval=0"],
  })
  client = await connect({ daemons: [daemon.address] })
  for (let i = 0; i < puts; i++) await client.put(`alias ${i}`, "x".repeat(100))
  for (let i = 0; i < puts; i++) await client.get(`alias ${i}`)
  await expect(client.get("absent")).rejects.toThrow("An entry matching the provided alias cannot be found.")
})

afterAll(async () => {
  await client.close()
  expect(await daemon.stop()).toBe(0)
  directory.remove()
})

const engineOf = async () => (await client.nodeStatus())["engine"] as EngineFigures

describe("node_status", () => {
  it("counts operations, their contents and failures, and has a time for each", async () => {
    const { operations } = (await client.nodeStatus()) as NodeStatus
    const bytes = String(puts * 100)
    expect(operations.put).toMatchObject({ count: String(puts), failures: "0", in_bytes: bytes })
    expect(operations.get).toMatchObject({ count: String(puts + 1), failures: "1", out_bytes: bytes })
    expect(operations.put.latency.count).toBe(String(puts))
    expect(operations.get.latency.count).toBe(String(puts + 1))
    for (const { latency } of [operations.put, operations.get]) {
      expect(latency.max_us).toBeGreaterThan(0)
      expect(latency.p99_us).toBeLessThanOrEqual(latency.max_us)
    }
    const again = (await client.nodeStatus()) as NodeStatus
    expect(Number(again.operations.node_status.count)).toBeGreaterThan(0)
    expect(Number(again.operations.node_status.latency.count)).toBeGreaterThan(0)
  })

  it("tells of commits, queues, cache, files, heap and the event loop", async () => {
    // The files' sizes are measured once a second, the loop's lag fifty times.
    let engine = await engineOf()
    while (engine.files.log_bytes === "0" || engine.event_loop_lag.count === "0") engine = await engineOf()
    expect(Number(engine.commits.count)).toBeGreaterThan(0)
    expect(engine.commits.max_us).toBeGreaterThan(0)
    expect(engine).toMatchObject({ prepared: 0, loading: 0, uncommitted_bytes: "0", sessions_waiting: 0 })
    // Each alias was new, which the filter of existing keys knew: nothing waited for the disk.
    expect(engine.cache).toEqual({ hits: String(2 * puts + 1), misses: "0" })
    expect(Number(engine.files.table_bytes)).toBeGreaterThan(0)
    expect(Number(engine.heap_bytes)).toBeGreaterThan(0)
    expect(engine.sessions.open).toBe(1)
  })
})

describe("a slow operation", () => {
  it("is in the log, with its alias", async () => {
    // Thirty megabytes are not written and synchronised within a millisecond.
    await client.update("a large one", new Uint8Array(30 * 2 ** 20))
    await daemon.logged(/warning slow: update ms=\d+ alias="a large one"/)
  })
})
