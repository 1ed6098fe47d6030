import { readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { lacking, sum } from "./coverage.ts"
import { runMembers } from "./member/run.ts"
import { drawOptions } from "./options.ts"
import type { SimulationOptions } from "./options.ts"

/**
 * A slice of what `scripts/simulate.ts` does by the thousand. The seeds are fixed, so that a change of the core and not
 * luck makes it fail.
 */
const seeds = 30
const virtualMinutes = 1

describe("membership under faults", () => {
  const coverage = new Map<string, number>()
  const checks = new Map<string, number>()

  it.each(Array.from({ length: seeds }, (_, i) => 910_025 + i))("seed %i", (seed) => {
    const result = runMembers(drawOptions(seed, virtualMinutes))
    expect(result.violation?.text).toBeUndefined()
    sum(coverage, result.coverage)
    sum(checks, result.checks)
    if (seed % 10 !== 5) return
    const again = runMembers(drawOptions(seed, virtualMinutes))
    expect([again.traceHash, again.steps]).toEqual([result.traceHash, result.steps])
  })

  it("looked at every invariant that membership can break, and met what it must have met", () => {
    const missed = lacking(coverage, checks)
    expect(missed.invariants).toEqual([])
    // Rare ones need more seeds than a slice has.
    expect(missed.coverage.filter((what) => !rare.has(what))).toEqual([])
  })

  it("another seed is another run", () => {
    expect(runMembers(drawOptions(1, 1)).traceHash).not.toBe(runMembers(drawOptions(2, 1)).traceHash)
  })
})

const rare = new Set<string>([
  "founding given up",
  "started over",
  "refusal: wrong_cluster",
  "refusal: old_copy",
  "view change by leave",
])

describe("kept seeds", () => {
  const directory = fileURLToPath(new URL("seeds/", import.meta.url))
  const kept = readdirSync(directory).filter((name) => name.endsWith(".json"))

  it("have a name that says their seed", () =>
    expect(kept.every((name) => /^\d+\.json$/.test(name))).toBe(true))

  it.each(kept)("%s", (name) => {
    const options = JSON.parse(readFileSync(directory + name, "utf8")) as SimulationOptions
    expect(runMembers(options).violation?.text).toBeUndefined()
  })
})
