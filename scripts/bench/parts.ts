/** The parts of the benchmark by name: each gives a table, figures for the JSON, and which targets it missed. */
import { compare, type Comparison } from "./compare.ts"
import { cellNames } from "./cell.ts"
import { measureCluster } from "./cluster.ts"
import { measureHostile } from "./hostile.ts"
import { measureJoin } from "./join.ts"
import { measureLag } from "./lag.ts"
import { measureMemory } from "./memory.ts"
import type { BenchOptions, PartName } from "./options.ts"
import type { Programs } from "./programs.ts"
import { showComparison, targets } from "./report.ts"
import { measureSessions } from "./sessions.ts"
import { measureStart } from "./start-up.ts"
import { measureSustained } from "./sustained.ts"

export interface PartResult {
  readonly table: string
  /** Members of the JSON document. */
  readonly figures: Readonly<Record<string, unknown>>
  readonly missed: ReadonlyArray<string>
}

const comparisonSeconds = 5

export function runPart(part: PartName, programs: Programs, options: BenchOptions): Promise<PartResult> {
  if (part === "cluster") return measureCluster(programs, options)
  if (part === "join") return measureJoin(programs, options)
  if (part === "lag") return measureLag(programs, options)
  if (part === "compare") return runComparisons(programs, options)
  if (part === "sustained") return measureSustained(programs, options)
  if (part === "memory") return measureMemory(programs, options)
  if (part === "start") return measureStart(programs, options)
  if (part === "sessions") return measureSessions(programs, options)
  return measureHostile(programs, options)
}

async function runComparisons(programs: Programs, options: BenchOptions): Promise<PartResult> {
  const found: Array<Comparison> = []
  for (const durability of options.durabilities) {
    // A get does not wait for the disk: it is the same under both.
    const isSecond = durability === "everysec" && options.durabilities.length > 1
    const cells = options.cells.filter((cell) => !isSecond || cell.startsWith("put"))
    if (cells.length === 0) continue
    const { rounds } = options
    const seconds = options.seconds ?? comparisonSeconds
    found.push(
      await compare(programs, { durability, rounds, seconds, cells, say: (text) => console.log(text) }),
    )
  }
  const strict = found.find((comparison) => comparison.durability === "always")
  const relaxed = found.find((comparison) => comparison.durability === "everysec")
  return {
    table: found.map(showComparison).join("\n\n"),
    figures: {
      ...(strict === undefined ? {} : { ratios: strict.ratios, compare: strict }),
      ...(relaxed === undefined ? {} : { ratiosRelaxed: relaxed.ratios, compareRelaxed: relaxed }),
    },
    missed: found.flatMap(missedTargets),
  }
}

/** The same floors hold at either durability. */
function missedTargets(comparison: Comparison): ReadonlyArray<string> {
  const missed = comparison.validity.valid
    ? []
    : ["the load generator is too slow on this machine: no figure counts"]
  const name = comparison.durability === "always" ? "" : " without sync"
  for (const cell of cellNames) {
    const ratio = comparison.ratios[cell]?.median
    const { floor } = targets[cell]
    if (ratio !== undefined && ratio < floor)
      missed.push(`${cell}${name}: ${ratio.toFixed(2)} of Redis, at least ${floor}`)
  }
  return missed
}
