/**
 * A slice of what `scripts/simulate.ts` does by the thousand: whole clusters, clients and all faults. The seeds are fixed, so
 * that a change of the core and not luck makes it fail.
 */
import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { sum } from "../coverage.ts"
import { type ClusterOptions, drawClusterOptions } from "./options.ts"
import { runCluster } from "./run.ts"

const seeds = 12
const virtualMinutes = 0.5

describe("a cluster under load and faults", () => {
  const coverage = new Map<string, number>()
  const checks = new Map<string, number>()

  it.each(Array.from({ length: seeds }, (_, i) => i + 1))("seed %i", (seed) => {
    const options = drawClusterOptions(seed, virtualMinutes)
    const result = runCluster(options)
    expect(result.violation?.text).toBeUndefined()
    sum(coverage, result.coverage)
    sum(checks, result.checks)
    if (seed === 1) expect(runCluster(options).traceHash).toBe(result.traceHash)
  })

  it("looked at the invariants of replication, and met what it must have met", () => {
    const invariants =
      "I1 I2 I3 I4 I5 I6 I7 I8 I9 I10 I11 I12 I13 I14 I15 I16 I18 I19 I20 I21 I22 I23 I24 I25 I26 I27 I28 I29 I30 linearizability".split(
        " ",
      )
    expect(invariants.filter((invariant) => !checks.has(invariant))).toEqual([])
    const needed = [
      "takeover",
      "promotion",
      "tail catch-up",
      "snapshot catch-up",
      "duplicate request answered from memory",
      "in_doubt",
      "unavailable slot that came back",
      "primary restarted within its lease",
      "replicas compared",
      "records copied out of the ring",
      "request forwarded",
      "list complete",
      "connections broken",
      "factor changed",
    ]
    expect(needed.filter((what) => !coverage.has(what))).toEqual([])
  })
})

describe("broken nodes are caught", () => {
  it.each([
    ["I26", { isOpen: true, stranger: true }],
    ["I12", { isForgetful: true }],
  ] as const)("by %s", (invariant, broken) => {
    const caught = Array.from({ length: 10 }, (_, i) => i + 1).find((seed) => {
      const result = runCluster({ ...drawClusterOptions(seed, 0.3), ...broken })
      return result.violation?.invariant === invariant
    })
    expect(caught).toBeDefined()
  })
})

describe("kept seeds", () => {
  const directory = fileURLToPath(new URL("seeds/", import.meta.url))
  it.each(readdirSync(directory))("%s", (name) => {
    const options = JSON.parse(readFileSync(directory + name, "utf8")) as ClusterOptions
    expect(runCluster(options).violation?.text).toBeUndefined()
  })
})
