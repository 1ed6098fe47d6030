/** The real core in scopes small enough to be explored to the end; and, against each, bugs that it must find. */
import { describe, expect, it } from "vitest"
import { Prng } from "../../src/core/lib/prng.ts"
import { walk } from "./explore.ts"
import { mutants, tryMutant } from "./mutants.ts"
import { mutants as simulated } from "../simulation/seeded-bugs.ts"
import { staleEdits } from "../support/patched-core.ts"
import { requireAll } from "../support/peer.ts"
import { explorations, run, summary } from "./run.ts"

/** Explored in every run; the others in the long one. */
const short = new Set(
  "duel duelRestarted takeover restart heartbeats suspend promote founding slotLearner slotFloor slotSwap slotPieces slotCrash".split(
    " ",
  ),
)
const shortMutants = new Set([
  "voters do not wait for leases",
  "accepted demotion forgotten by a restart",
  "certified learner ignored",
])

describe("small scopes", () => {
  let states = 0
  for (const exploration of explorations) {
    it(exploration.title, { timeout: 180_000 }, (context) => {
      if (!short.has(exploration.name)) requireAll(context, "explores a scope to its end")
      const outcome = run(exploration)
      console.log(summary(exploration.name, outcome))
      states += outcome.states
      expect(outcome.violation, outcome.trace?.join("\n")).toBeUndefined()
      expect(outcome.stuck, outcome.stuckTrace.join("\n")).toBe(0)
      if (exploration.isWhole) expect(outcome.isComplete).toBe(true)
    })
  }

  it("are a hundred thousand states and more together", () => {
    expect(states).toBeGreaterThan(100_000)
  })
})

/** Scopes whose ends lie deeper than breadth soon gets. */
const deep = new Set(["duel", "handOver", "voters", "founding"])

describe("random walks", () => {
  for (const exploration of explorations) {
    if (!deep.has(exploration.name)) continue
    it(exploration.title, { timeout: 180_000 }, () => {
      const prng = new Prng(exploration.name.length)
      const outcome = walk(exploration.makeWorld(), 60, 150, Infinity, (bound) => prng.below(bound))
      console.log(`${exploration.name}: ${outcome.walks} walks, ${outcome.steps} steps`)
      expect(outcome.violation, outcome.trace.join("\n")).toBeUndefined()
      expect(outcome.steps).toBeGreaterThan(1_000)
    })
  }
})

describe("seeded bugs", () => {
  it("are patches that apply to the core", () => {
    const all = [...mutants, ...simulated]
    expect(all.flatMap((mutant) => staleEdits(mutant))).toEqual([])
    expect(all.length).toBeGreaterThan(60)
  })

  for (const mutant of mutants) {
    it(mutant.name, { timeout: 180_000 }, (context) => {
      if (!shortMutants.has(mutant.name)) requireAll(context, "explores a broken copy of the core")
      const { isCaught, text } = tryMutant(mutant)
      expect(isCaught, text).toBe(true)
    })
  }
})
