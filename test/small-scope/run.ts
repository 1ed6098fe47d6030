/**
 * Explores scopes from the command line: `bun test/small-scope/run.ts NAME…`; `membership` and `replication` are the names of
 * all of a kind, and without a name it is all of them. Each of several has a process of its own, as many at a time as there are
 * cores.
 */
import { spawn } from "node:child_process"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { explore, type Outcome, type World } from "./explore.ts"
import { FoundingWorld, foundingScopes } from "./founding-world.ts"
import { scopes, type Scope } from "./scope.ts"
import { SeatWorld } from "./seat-world.ts"
import { type SlotScope, slotScopes } from "./slot-scopes.ts"
import { SlotWorld } from "./slot-world.ts"

export interface Exploration {
  readonly name: string
  readonly kind: "membership" | "replication"
  readonly title: string
  readonly statesMax: number
  readonly msMax: number
  /** Has to be explored to its end. */
  readonly isWhole: boolean
  readonly makeWorld: () => World
}

type Bounds = Pick<Scope, "name" | "statesMax" | "msMax"> & Partial<Pick<Scope, "isWhole">>

function listed<Kind extends Bounds>(
  kind: Exploration["kind"],
  scopes: Readonly<Record<string, Kind>>,
  makeWorld: (scope: Kind) => World,
): Exploration[] {
  return Object.entries(scopes).map(([name, scope]) => {
    const { name: title, statesMax, msMax, isWhole = false } = scope
    return { name, kind, title, statesMax, msMax, isWhole, makeWorld: () => makeWorld(scope) }
  })
}

export const explorations: readonly Exploration[] = [
  ...listed<Scope>("membership", scopes, (scope) => new SeatWorld(scope)),
  ...listed("membership", foundingScopes, (scope) => new FoundingWorld(scope)),
  ...listed<SlotScope>("replication", slotScopes, (scope) => new SlotWorld(scope)),
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

/** @returns whether nothing was found, and nothing left out */
function runHere(exploration: Exploration): boolean {
  const outcome = run(exploration)
  console.log(summary(`${exploration.name} (${exploration.title})`, outcome))
  return (
    outcome.violation === undefined && outcome.stuck === 0 && (outcome.isComplete || !exploration.isWhole)
  )
}

/** @returns whether nothing was found in any of them */
async function runApart(chosen: readonly Exploration[]): Promise<boolean> {
  const startedMs = performance.now()
  // Those that take all of their time first, so that the last ones are short.
  const waiting = chosen.toSorted((a, b) => Number(a.isWhole) - Number(b.isWhole))
  let isSound = true
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const child = spawn(process.execPath, [fileURLToPath(import.meta.url), next.name], {
        stdio: "inherit",
        // There is a process for each core: helpers that look for garbage in parallel would only be in each other's way.
        env: { ...process.env, BUN_JSC_numberOfGCMarkers: "1" },
      })
      const status = await new Promise((resolve) => child.on("close", resolve))
      if (status !== 0) isSound = false
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  console.log(`${chosen.length} scopes in ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`)
  return isSound
}

if (import.meta.main) {
  const names = process.argv.slice(2)
  const chosen = explorations.filter(
    ({ name, kind }) => names.length === 0 || names.includes(name) || names.includes(kind),
  )
  const [only] = chosen
  if (only === undefined) throw new Error(`no scope is called ${names.join(", ")}`)
  const isSound = chosen.length === 1 ? runHere(only) : await runApart(chosen)
  process.exitCode = isSound ? 0 : 1
}
