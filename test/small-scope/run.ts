/**
 * Explores scopes from the command line: `bun test/small-scope/run.ts NAME…`; all without a name.
 */
import { explore, type Outcome } from "./explore.ts"
import { scopes, type Scope } from "./scope.ts"
import { SeatWorld } from "./seat-world.ts"

/** Runs one scope. */
export function runScope(scope: Scope): Outcome {
  return explore(() => new SeatWorld(scope), scope.statesMax, scope.msMax)
}

export function summary(name: string, outcome: Outcome): string {
  const { states, transitions, depth, isComplete, ms, violation, trace } = outcome
  const end =
    violation !== undefined ? `VIOLATED ${violation}` : isComplete ? "complete" : "stopped at its bound"
  const line = `${name}: ${states} states, ${transitions} transitions, depth ${depth}, ${ms} ms, ${end}`
  return [line, ...trace.map((step) => `    ${step}`)].join("\n")
}

if (import.meta.main) {
  const names = process.argv.slice(2)
  let isBroken = false
  for (const [name, scope] of Object.entries(scopes)) {
    if (names.length > 0 && !names.includes(name)) continue
    const outcome = runScope(scope)
    console.log(summary(`${name} (${scope.name})`, outcome))
    if (outcome.violation !== undefined) isBroken = true
  }
  process.exitCode = isBroken ? 1 : 0
}
