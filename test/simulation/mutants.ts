/**
 * Seeded bugs: each is a text patch to a copy of the core, and the simulator must catch it. A simulator that never failed
 * proves nothing; one that misses a bug which the protocol is designed against has a scope that cannot reach it. A patch
 * that no longer applies fails, so the list cannot rot.
 */
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { StalePatch, withPatchedCore } from "../support/patched-core.ts"
import type { Edit, Mutant } from "../support/patched-core.ts"
import { slotBugs } from "../small-scope/slot-bugs.ts"
import { mutants } from "./seeded-bugs.ts"

const seedsMax = 200
/** Of processor time, so that a loaded machine shows no less than an idle one. */
const cpuSecondsMax = 60

/** Of the bugs of replication, those that simulated clusters come across within the bound. */
const reachedInClusters: ReadonlySet<string> = new Set([
  "acknowledged before all in sync have it",
  "acknowledged before the own append",
  "a backup acknowledges before its own append",
  "certified learner ignored",
  "commit point applied unmatched",
  "cut to the last commit",
  "served before the taken-over tail is committed",
  "a prepared value is served",
  "results dropped without a floor",
  "a proposed removal counts as decided",
  "the exactly-once table is forgotten in a snapshot",
])

/** Of these, what shows in runs of three virtual minutes and hardly in those of one, in so much longer. */
const lateInClusters: ReadonlySet<string> = new Set(["the exactly-once table is forgotten in a snapshot"])
const lateCpuSecondsMax = 150

/** Of the bugs of membership, those that it need not come across: `test/small-scope/mutants.ts` does. */
const exploredOnly: ReadonlySet<string> = new Set([
  "ballot used again",
  "a majority of the list founds",
  "a founder starts over as soon as another is gone",
])

/**
 * Runs every mutant whose name contains `only` in a copy of the sources.
 * @returns whether all were caught
 */
export async function runMutants(only: string, isCluster: boolean): Promise<boolean> {
  let missed = 0
  const kind = isCluster ? clusterRuns(1) : []
  // Seeds that fail without a patch show nothing about one.
  const unpatched = run([], [], kind)
  const failing = unpatched.lines.filter((line) => line.violation !== undefined)
  for (const { seed, violation } of failing)
    console.log(`the unpatched core FAILS seed ${seed}: ${firstLine(violation?.text ?? "")}`)
  console.log(`the unpatched core: ${unpatched.lines.length} seeds, ${failing.length} failed`)
  const skip = failing.map((line) => line.seed)
  for (const mutant of isCluster ? slotBugs : mutants) {
    if (!mutant.name.includes(only)) continue
    const isLate = isCluster && lateInClusters.has(mutant.name)
    const outcome = isLate
      ? tryMutant(mutant, skip, clusterRuns(3), lateCpuSecondsMax)
      : tryMutant(mutant, skip, kind, cpuSecondsMax)
    // What takes a rare order of few messages is for exploration to find, and is found there.
    const isExplored = isCluster ? !reachedInClusters.has(mutant.name) : exploredOnly.has(mutant.name)
    const isLeft = isExplored && !outcome.isStale
    if (!outcome.caught && !isLeft) missed++
    const seconds = outcome.cpuSeconds.toFixed(1)
    const verdict = outcome.caught ? "caught" : isLeft ? "left to the small scope" : "MISSED"
    console.log(`${verdict}  ${mutant.name} (${seconds} s): ${outcome.text}`)
  }
  console.log(missed === 0 ? "all caught" : `${missed} missed`)
  return missed === 0 && failing.length === 0
}

/** What the runs of one copy told, seed by seed. */
interface Line {
  readonly seed: number
  readonly cpuMs: number
  readonly violation?: { readonly text: string }
  readonly repeated?: boolean
}

interface Outcome {
  /** The patch does not fit the core any more. */
  readonly isStale: boolean
  readonly caught: boolean
  readonly cpuSeconds: number
  readonly text: string
}

const clusterRuns = (virtualMinutes: number) => ["--cluster", "--virtual-minutes", String(virtualMinutes)]

function tryMutant(
  mutant: Mutant,
  skip: readonly number[],
  kind: readonly string[],
  secondsMax: number,
): Outcome {
  const flags = [...kind, "--stop-at-first", "--cpu-seconds", String(secondsMax)]
  const { lines, error } = run(mutant.edits, skip, flags)
  const cpuSeconds = lines.reduce((all, line) => all + line.cpuMs, 0) / 1_000
  for (const { seed, violation, repeated } of lines) {
    const text = violation?.text ?? (repeated === false ? "two runs, two traces" : undefined)
    if (text !== undefined)
      return { caught: true, isStale: false, cpuSeconds, text: `seed ${seed}: ${firstLine(text)}` }
  }
  return {
    caught: false,
    isStale: error !== undefined && lines.length === 0,
    cpuSeconds,
    text: error ?? `${lines.length} seeds passed`,
  }
}

/** Runs seeds on a copy of the sources to which the edits were applied. */
function run(
  edits: readonly Edit[],
  skip: readonly number[],
  flags: readonly string[],
): { readonly lines: readonly Line[]; readonly error: string | undefined } {
  const tests = ["test/simulation", "test/small-scope", "test/linearizability", "test/support"]
  const parts = ["src", ...tests, "scripts/simulate.ts"]
  const own = [
    "--worker",
    "--wall-minutes",
    "60",
    "--repeat-every",
    "5",
    "--seeds",
    String(seedsMax),
    "--skip",
    skip.join(),
  ]
  try {
    const done = withPatchedCore(edits, parts, (directory) =>
      spawnSync(process.execPath, [join(directory, "scripts/simulate.ts"), ...own, ...flags], {
        encoding: "utf8",
        maxBuffer: 256 * 1024 * 1024,
      }),
    )
    const lines = done.stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as Line)
    return { lines, error: done.status === 0 ? undefined : done.stderr.slice(0, 500) }
  } catch (error) {
    if (error instanceof StalePatch) return { lines: [], error: error.message }
    throw error
  }
}

const firstLine = (text: string) => (text.split("\n")[0] ?? "").slice(0, 160)
