/** What a node counts as a lease that came too late. */
import { expect, it } from "vitest"
import { firstView } from "../../small-scope/seat-steps.ts"
import { Machine } from "../../small-scope/slot-node.ts"
import { slotScopes } from "../../small-scope/slot-scopes.ts"
import { scopes } from "../../small-scope/scope.ts"

function nodeWithLeases() {
  const scope = slotScopes.slotMove
  const view = firstView({ ...scopes.duel, inSync: scope.inSync, learners: scope.learners })
  const machine = new Machine(scope, 0, 1, view, 0, [])
  return (endMs: number, atMs: number): number => {
    machine.member.effects.push({ kind: "lease", endMs })
    machine.node.stop("stop", { monotonicMs: atMs, wallMs: 0 })
    return machine.node.leasesLapsed
  }
}

it("is counted where the one before had ended, and only there", () => {
  const lease = nodeWithLeases()
  expect(lease(4_000, 1_000)).toBe(0)
  expect(lease(5_000, 3_999)).toBe(0)
  expect(lease(8_000, 5_000)).toBe(1)
  expect(lease(9_000, 7_999)).toBe(1)
})

it("is not counted where a lease was taken back, or none is needed", () => {
  const lease = nodeWithLeases()
  expect(lease(4_000, 1_000)).toBe(0)
  expect(lease(-Infinity, 2_000)).toBe(0)
  expect(lease(9_000, 6_000)).toBe(0)
  expect(lease(Infinity, 7_000)).toBe(0)
  expect(lease(Infinity, 700_000)).toBe(0)
})
