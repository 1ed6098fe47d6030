/**
 * Runs the simulator: `npm run simulate -- [--cluster] [--seeds N] [--seed S] [--wall-minutes M] [--virtual-minutes V]
 * [--trace] [--mutants [--only NAME]] [--scale [--nodes 10,100,1000]]`.
 *
 * With `--wall-minutes` and no `--seeds` it goes on until the time is over. Seeds are shared out among as many processes as
 * there are cores. The first failing seed is shrunk to the faults that it needs, for some minutes at the most, printed as a
 * command, and kept beside the simulation, where the tests replay it.
 * The run fails if an invariant broke, if a seed did not repeat itself, or if something was never come across.
 */
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { lacking, sum } from "../test/simulation/coverage.ts"
import { minimise } from "../test/simulation/minimise.ts"
import { slotCountDefault } from "../src/core/lib/limits.ts"
import { tell, wrongOf } from "../test/simulation/scale/report.ts"
import { runScale } from "../test/simulation/scale/run.ts"
import { runMutants } from "../test/simulation/mutants.ts"
import type { SimulationOptions } from "../test/simulation/options.ts"
import { drawClusterOptions } from "../test/simulation/cluster/options.ts"
import type { ClusterOptions } from "../test/simulation/cluster/options.ts"
import { runCluster } from "../test/simulation/cluster/run.ts"
import type { ClusterRunResult } from "../test/simulation/cluster/run.ts"
import { faultsMin, runMembers, stepsMin } from "../test/simulation/member/run.ts"
import type { RunResult } from "../test/simulation/member/run.ts"

const { values } = parseArgs({
  options: {
    /** 100, unless it is said how long to go on. */
    seeds: { type: "string" },
    seed: { type: "string", default: "1" },
    /** 20 */
    "wall-minutes": { type: "string" },
    /** Of processor time, of each worker: how much it is given does not depend on what else the machine does. */
    "cpu-seconds": { type: "string", default: "Infinity" },
    "virtual-minutes": { type: "string", default: "3" },
    workers: { type: "string", default: String(availableParallelism()) },
    /** Every so many seeds is run twice; 0 = none. */
    "repeat-every": { type: "string", default: "10" },
    "stop-at-first": { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    /** Whole clusters with clients, not membership alone. */
    cluster: { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    /** What clusters of so many nodes cost, instead of what small ones stand. */
    scale: { type: "boolean", default: false },
    nodes: { type: "string", default: "10,100,1000" },
    /** Of the processes that do the work. */
    worker: { type: "boolean", default: false },
    stride: { type: "string", default: "1" },
    skip: { type: "string", default: "" },
  },
})

/** More than any run comes to. */
const seedsMax = 1e9
/** Whoever waits for hours wants to see that something moves. */
const progressMs = 5 * 60_000
/** A seed that takes half a minute cannot be run a hundred times to be shrunk. */
const shrinkMinutesMax = 5

const firstSeed = Number(values.seed)
const wallMinutes = Number(values["wall-minutes"] ?? 20)
const seeds = Number(values.seeds ?? (values["wall-minutes"] === undefined ? 100 : seedsMax))
const stride = Number(values.stride)
const virtualMinutes = Number(values["virtual-minutes"])
const untilMs = Date.now() + wallMinutes * 60_000
const cpuMs = () => (process.cpuUsage().user + process.cpuUsage().system) / 1_000

function draw(seed: number): ClusterOptions {
  return drawClusterOptions(seed, virtualMinutes, values.cluster)
}

function run(options: ClusterOptions, print?: (line: string) => void): RunResult | ClusterRunResult {
  return values.cluster ? runCluster(options, print) : runMembers(options, print)
}

/** What a worker tells of one seed, as a line of JSON. */
interface Line {
  readonly seed: number
  readonly violation: RunResult["violation"]
  readonly repeated: boolean | undefined
  readonly steps: number
  readonly epochs: number
  /** Of clients; 0 where there are none. */
  readonly operations: number
  /** Carried out. */
  readonly faults: number
  /** Of processor time. */
  readonly cpuMs: number
  readonly stableAfterMs: number | undefined
  readonly checks: Record<string, number>
  readonly coverage: Record<string, number>
}

function work(): void {
  const repeatEvery = Number(values["repeat-every"])
  const skipped = new Set(values.skip.split(",").filter(Boolean).map(Number))
  const cpuMsMax = Number(values["cpu-seconds"]) * 1_000
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += stride) {
    if (skipped.has(seed)) continue
    const startMs = cpuMs()
    if (Date.now() >= untilMs || startMs >= cpuMsMax) return
    const options = draw(seed)
    const result = run(options)
    let repeated: boolean | undefined
    if (repeatEvery > 0 && seed % repeatEvery === 0) repeated = run(draw(seed)).traceHash === result.traceHash
    const line: Line = {
      seed,
      violation: result.violation,
      repeated,
      steps: result.steps,
      epochs: result.epochs,
      operations: "operations" in result ? result.operations : 0,
      faults: result.faults,
      cpuMs: cpuMs() - startMs,
      stableAfterMs: result.stableAfterMs,
      checks: Object.fromEntries(result.checks),
      coverage: Object.fromEntries(result.coverage),
    }
    process.stdout.write(`${JSON.stringify(line)}\n`)
    if (values["stop-at-first"] && (result.violation !== undefined || repeated === false)) return
  }
}

/** Workers that did not end well; what they had told counts all the same. */
const failed: string[] = []

/** Starts the workers. @returns all that they told */
async function shareOut(): Promise<Line[]> {
  const workers = Number(values.workers)
  const lines: Line[] = []
  const startedMs = Date.now()
  const progress = setInterval(() => {
    const broken = lines.filter((line) => line.violation !== undefined).length
    const minutes = ((Date.now() - startedMs) / 60_000).toFixed(0)
    console.log(`${minutes} min: ${lines.length} seeds, ${broken} failed`)
  }, progressMs)
  await Promise.all(
    Array.from({ length: workers }, (_, i) => {
      const own = ["--worker", "--seed", String(firstSeed + i), "--stride", String(workers)]
      const shared = ["--seeds", String(seeds - i), "--repeat-every", values["repeat-every"]]
      const limits = ["--wall-minutes", String(wallMinutes), "--virtual-minutes", String(virtualMinutes)]
      const flags = [
        ...(values["stop-at-first"] ? ["--stop-at-first"] : []),
        ...(values.cluster ? ["--cluster"] : []),
      ]
      return listen([...own, ...shared, ...limits, ...flags], lines)
    }),
  )
  clearInterval(progress)
  return lines.sort((a, b) => a.seed - b.seed)
}

function listen(args: string[], lines: Line[]): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    // There is a worker for each core: helpers that look for garbage in parallel would only be in each other's way.
    env: { ...process.env, BUN_JSC_numberOfGCMarkers: "1" },
  })
  let rest = ""
  let told = "before its first seed was done"
  child.stdout.setEncoding("utf8")
  child.stdout.on("data", (text: string) => {
    const parts = (rest + text).split("\n")
    rest = parts.pop() ?? ""
    for (const part of parts) {
      const line = JSON.parse(part) as Line
      lines.push(line)
      told = `behind seed ${line.seed}`
      if (line.violation !== undefined) console.log(`seed ${line.seed}: ${line.violation.text.slice(0, 300)}`)
      if (line.repeated === false) console.log(`seed ${line.seed}: two runs, two traces`)
    }
  })
  return new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (status, signal) => {
      if (status !== 0) failed.push(`a worker ended with ${signal ?? `status ${status}`}, ${told}`)
      resolve()
    })
  })
}

function report(lines: readonly Line[], startedMs: number): boolean {
  const coverage = new Map<string, number>()
  const checks = new Map<string, number>()
  for (const line of lines) {
    sum(coverage, new Map(Object.entries(line.coverage)))
    sum(checks, new Map(Object.entries(line.checks)))
  }
  const print = (title: string, counts: ReadonlyMap<string, number>) =>
    console.log(
      `${title}: ${[...counts]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, count]) => `${name} ${count}`)
        .join(", ")}`,
    )
  print("came across", coverage)
  print("looked at", checks)
  const total = (of: (line: Line) => number) => lines.reduce((all, line) => all + of(line), 0)
  const least = (of: (line: Line) => number) => Math.min(...lines.map(of))
  const wallS = (Date.now() - startedMs) / 1000
  const settled = lines.flatMap((line) => line.stableAfterMs ?? []).sort((a, b) => a - b)
  console.log(
    `${lines.length} seeds of ${virtualMinutes} virtual minutes in ${wallS.toFixed(1)} s (${(total((l) => l.cpuMs) / 1_000).toFixed(1)} s of processor time): ${total((l) => l.steps)} steps, ` +
      `${total((l) => l.operations)} operations, ${total((l) => l.faults)} faults, ${total((l) => l.epochs)} views; fewest of a seed: ${least((l) => l.steps)} steps, ${least((l) => l.faults)} faults; ` +
      `stable after the last fault: median ${settled[settled.length >> 1]} ms, longest ${settled.at(-1)} ms`,
  )
  // A seed that ended early has its reason; of the others each must have been through enough.
  const idle = lines.filter((l) => l.violation === undefined && (l.steps < stepsMin || l.faults < faultsMin))
  const isLong = virtualMinutes >= 3
  if (isLong && idle.length > 0)
    console.log(`too little happened in seeds ${idle.map((line) => line.seed).join(", ")}`)
  const broken = lines.filter((line) => line.violation !== undefined)
  const unrepeated = lines.filter((line) => line.repeated === false)
  const { coverage: never, invariants } = lacking(coverage, checks, values.cluster)
  // Few seeds cannot come across everything.
  const judged = lines.length >= 200
  if (judged && never.length > 0) console.log(`never came across: ${never.join(", ")}`)
  if (judged && invariants.length > 0) console.log(`never looked at: ${invariants.join(", ")}`)
  console.log(`${broken.length} seeds failed, ${unrepeated.length} did not repeat themselves`)
  for (const text of failed) console.log(text)
  if (broken[0] !== undefined) shrink(broken[0].seed)
  if (failed.length > 0 || (isLong && idle.length > 0)) return false
  return broken.length + unrepeated.length === 0 && (!judged || never.length + invariants.length === 0)
}

function shrink(seed: number): void {
  const options = draw(seed)
  const shrunkByMs = Date.now() + shrinkMinutesMax * 60_000
  const again = (smaller: SimulationOptions) => run({ ...options, ...smaller })
  const small = minimise(options, run(options), again, () => Date.now() < shrunkByMs)
  const kept = values.cluster ? "test/simulation/cluster/seeds/" : "test/simulation/seeds/"
  const directory = fileURLToPath(new URL(`../${kept}`, import.meta.url))
  mkdirSync(directory, { recursive: true })
  const path = `${directory}${seed}.json`
  writeFileSync(path, `${JSON.stringify(small.options, null, 2)}\n`)
  console.log(`seed ${seed} needs ${small.options.faults.length} of ${options.faults.length} faults:`)
  for (const fault of small.options.faults) console.log(`  ${JSON.stringify(fault)}`)
  console.log(small.result.violation?.text.slice(0, 2_000))
  console.log(`kept in ${kept}${seed}.json; replay the whole seed with:`)
  const cluster = values.cluster ? "--cluster " : ""
  console.log(`  npm run simulate -- ${cluster}--seed ${seed} --virtual-minutes ${virtualMinutes} --trace`)
}

function replay(): boolean {
  const result = run(draw(firstSeed), (line) => console.log(line))
  console.log(result.violation?.text ?? `no violation; stable after ${result.stableAfterMs} ms`)
  console.log(`${result.steps} steps, trace ${result.traceHash}`)
  return result.violation === undefined
}

function scale(): boolean {
  const reports = values.nodes.split(",").map((text) => {
    const nodes = Number(text)
    const seed = firstSeed
    const report = runScale({
      seed,
      nodes,
      slotCount: slotCountDefault,
      replicationFactor: 2,
      repairGraceMs: 5_000,
      copyMsMax: 500,
    })
    console.log(tell(nodes, report))
    return report
  })
  const wrong = wrongOf(reports)
  for (const text of wrong) console.log(text)
  return wrong.length === 0
}

if (values.worker) work()
else if (values.scale) process.exitCode = scale() ? 0 : 1
else if (values.trace) process.exitCode = replay() ? 0 : 1
else if (values.mutants) process.exitCode = (await runMutants(values.only, values.cluster)) ? 0 : 1
else {
  const startedMs = Date.now()
  process.exitCode = report(await shareOut(), startedMs) ? 0 : 1
}
