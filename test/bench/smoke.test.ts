/** The whole instrument, small: real servers, real load. It shows that it measures, not how fast anything is. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { projectRoot } from "../../scripts/source/files.ts"
import { bunPath } from "../../scripts/testing/runtime.ts"
import { qdbdPath } from "../support/executables.ts"
import { requirePeer } from "../support/peer.ts"

const folder = mkdtempSync(join(tmpdir(), "qdb-bench-test-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Targets may be missed by so small a run: the status says so, and the figures are there all the same. */
function bench(...words: ReadonlyArray<string>): {
  readonly output: string
  readonly figures: Record<string, unknown>
} {
  const json = join(folder, "figures.json")
  const args = ["scripts/bench.ts", ...words, "--qdbd", qdbdPath, "--json", json]
  const ran = spawnSync(bunPath, args, { cwd: projectRoot, encoding: "utf8" })
  expect(ran.status, ran.stderr).toBeLessThanOrEqual(1)
  return { output: ran.stdout, figures: JSON.parse(readFileSync(json, "utf8")) as Record<string, unknown> }
}

describe("the benchmark", () => {
  it("compares with Redis in all four cells", (context) => {
    requirePeer(context, "redis-server")
    requirePeer(context, "redis-benchmark")
    const { output, figures } = bench(
      "compare",
      "--rounds",
      "1",
      "--seconds",
      "0.5",
      "--durability",
      "always",
    )
    const ratios = figures["ratios"] as Record<string, Record<string, number>>
    expect(Object.keys(ratios).toSorted()).toEqual(["get1", "get16", "put1", "put16"])
    for (const { median, min, max } of Object.values(ratios)) {
      expect(median).toBeGreaterThan(0)
      expect([min, max]).toEqual([median, median])
    }
    expect(output).toMatch(/load generator against redis-benchmark: put1 \d/)
    expect(figures).toHaveProperty("machine.redis")
    expect(figures).toHaveProperty("compare.figures.qdb.put16.processorMicros")
  })

  it("lets hostile peers at the daemon, of whom nothing is left", { timeout: 120_000 }, () => {
    const { figures } = bench("hostile", "--seconds", "2")
    // How much slower everybody else becomes is for a quiet machine to say; that all were answered is not.
    expect(figures["hostile"]).toMatchObject({ leaked: { sessions: 0, heldBytes: 0, descriptors: 0 } })
    const { opened, grownMiB, heldMiBMax } = figures["hostile"] as Record<string, number>
    expect(opened).toBeGreaterThan(1_000)
    expect(heldMiBMax).toBeLessThanOrEqual(256)
    expect(grownMiB).toBeLessThan(384)
  })

  it("measures idle sessions, and sees the one too many refused", () => {
    const { figures } = bench("sessions", "--scale", "0.01", "--seconds", "0.2")
    expect(figures["sessions"]).toMatchObject({ count: 100, closed: 0 })
    expect(figures).toHaveProperty("sessions.refusal", expect.stringContaining("too_many_sessions"))
  })
})
