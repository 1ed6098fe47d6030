/** The figures that a node tells about itself, after work whose figures are known. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Client, connect } from "../../src/client/client.ts"
import type { EngineFigures, NodeStatus, NodeTopology } from "../../src/wire/status.ts"
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

  it("has the documented shape, with figures that can be true", async () => {
    const { memory, cpu_times, disk_usage, network, entries, overall, ...status } =
      (await client.nodeStatus()) as NodeStatus
    const used = ({ used, total }: { readonly used: string; readonly total: string }) => {
      expect(Number(used)).toBeGreaterThan(0)
      expect(Number(used)).toBeLessThanOrEqual(Number(total))
    }
    used(memory.physmem)
    used(memory.vm)
    expect(Number(cpu_times.user)).toBeGreaterThan(0)
    expect(Number(cpu_times.idle) + Number(cpu_times.system)).toBeGreaterThan(0)
    used({ used: disk_usage.free, total: disk_usage.total })
    const { listening_endpoint, partitions } = network
    expect(listening_endpoint).toBe(daemon.address)
    expect(partitions.available_sessions).toEqual([partitions.max_sessions - 1])
    expect(entries.resident.count).toBe(String(puts))
    expect(Number(entries.resident.size)).toBeGreaterThanOrEqual(puts * 100)
    // What is persisted may lag.
    expect(Number(entries.persisted.count)).toBeLessThanOrEqual(puts)
    expect(Number(overall.count)).toBe(Number(overall.successes) + Number(overall.failures))
    expect(Number(overall.in_bytes)).toBe(puts * 100)
    expect(status.node_id).toMatch(/^[0-9a-f]+(-[0-9a-f]+){3}$/)
    expect(status.hardware_concurrency).toBeGreaterThan(0)
    expect(status.listening_addresses).toEqual([daemon.address])
    expect(status.timestamp).toBeGreaterThan(status.startup)
    expect(status.startup).toBeGreaterThan(Date.now() - 600_000)
    expect(status.operating_system).toMatch(/\S+ \S+/)
    expect(status.engine_build_date).toMatch(/^(\d{4}-\d\d-\d\dT[\d:]+([+-][\d:]+|Z)|unknown)$/)
    expect(status.engine_build_commit).toMatch(/^([0-9a-f]{12}\+?|unknown)$/)
  })

  it("is one ring of one node to a node that is alone", async () => {
    const { predecessor, center, successor } = (await client.nodeTopology()) as NodeTopology
    const { node_id } = (await client.nodeStatus()) as NodeStatus
    expect(center).toEqual({ reference: node_id, endpoint: daemon.address })
    expect([predecessor, successor]).toEqual([center, center])
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
