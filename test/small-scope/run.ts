/**
 * Explores scopes from the command line: `bun test/small-scope/run.ts NAME…`; all without a name.
 */
import { explore, type Outcome, type World } from "./explore.ts"
import { FoundingWorld, foundingScopes } from "./founding-world.ts"
import { scopes, type Scope } from "./scope.ts"
import { SeatWorld } from "./seat-world.ts"
import { type SlotScope, slotScopes } from "./slot-scopes.ts"
import { SlotWorld } from "./slot-world.ts"

export interface Exploration {
  readonly name: string
  readonly title: string
  readonly statesMax: number
  readonly msMax: number
  readonly makeWorld: () => World
}

export const explorations: readonly Exploration[] = [
  ...Object.entries<Scope>(scopes).map(([name, scope]) => ({
    name,
    title: scope.name,
    statesMax: scope.statesMax,
    msMax: scope.msMax,
    makeWorld: () => new SeatWorld(scope),
  })),
  ...Object.entries(foundingScopes).map(([name, scope]) => ({
    name,
    title: scope.name,
    statesMax: scope.statesMax,
    msMax: scope.msMax,
    makeWorld: () => new FoundingWorld(scope),
  })),
  ...Object.entries<SlotScope>(slotScopes).map(([name, scope]) => ({
    name,
    title: scope.name,
    statesMax: scope.statesMax,
    msMax: scope.msMax,
    makeWorld: () => new SlotWorld(scope),
  })),
]

export function run({ makeWorld, statesMax, msMax }: Exploration): Outcome {
  return explore(makeWorld, statesMax, msMax)
}

export function summary(name: string, outcome: Outcome): string {
  const { states, transitions, depth, isComplete, ms, violation, trace, stuck, stuckTrace } = outcome
  const end =
    violation !== undefined
      ? `VIOLATED ${violation}`
      : stuck > 0
        ? `STUCK in ${stuck} states`
        : isComplete
          ? "complete"
          : "stopped at its bound"
  const line = `${name}: ${states} states, ${transitions} transitions, depth ${depth}, ${ms} ms, ${end}`
  return [line, ...[...trace, ...stuckTrace].map((step) => `    ${step}`)].join("\n")
}

if (import.meta.main) {
  const names = process.argv.slice(2)
  let isBroken = false
  for (const exploration of explorations) {
    if (names.length > 0 && !names.includes(exploration.name)) continue
    const outcome = run(exploration)
    console.log(summary(`${exploration.name} (${exploration.title})`, outcome))
    if (outcome.violation !== undefined || outcome.stuck > 0) isBroken = true
  }
  process.exitCode = isBroken ? 1 : 0
}
