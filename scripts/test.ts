/**
 * `npm test`: types, every suite under Bun, the portable suites again under Node 24 and Deno. At most two processes at
 * once. The last lines are each skip and each failure with its reason and `N passed, N failed, N skipped`, summed over all runs; the exit
 * status is 0 only when nothing failed.
 *
 *   npm test -- [--list] [--all] [--runtime bun|node|deno] [NAME | PATH …]
 *
 * NAME chooses jobs whose name contains it, PATH (anything with a slash) test files.
 */
import { parseArgs } from "node:util"
import { isTypeScript, projectFiles, projectRoot } from "./source/files.ts"
import { readImportGraph } from "./source/import-graph.ts"
import { killRunningJobs, runJob, type Job, type JobResult } from "./testing/job.ts"
import { installablePeer } from "./testing/peer.ts"
import { makePlan } from "./testing/plan.ts"
import type { RuntimeName } from "./testing/runtime.ts"
import { schedule } from "./testing/schedule.ts"

const jobsAtOnce = 2
const heartbeatMs = 30_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: "boolean" }, all: { type: "boolean" }, runtime: { type: "string" } },
})
const runtime = values.runtime
if (runtime !== undefined && !["bun", "node", "deno"].includes(runtime)) {
  console.error(`test: --runtime is bun, node or deno, not ${runtime}`)
  process.exit(2)
}

const graph = readImportGraph(projectRoot, projectFiles().filter(isTypeScript))
const plan = makePlan(graph, {
  runtime: runtime as RuntimeName | undefined,
  all: values.all ?? false,
  filters: positionals,
})
if (values.list) {
  for (const job of plan.jobs) console.log(job.name)
  process.exit(0)
}
if (plan.jobs.length === 0 && plan.skipped.length === 0) {
  console.error(`test: nothing to run for ${positionals.join(" ")}`)
  process.exit(2)
}

const skipped = [...plan.skipped]
let passed = 0
let failed = 0
let ended = 0
const running = new Map<string, number>()
const problems: Array<string> = []

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    killRunningJobs()
    process.exit(130)
  })
}
const heartbeat = setInterval(() => {
  const names = [...running].map(
    ([name, since]) => `${name} (${((performance.now() - since) / 1000).toFixed(0)} s)`,
  )
  if (names.length > 0) console.log(`        still running: ${names.join(", ")}`)
}, heartbeatMs)

await schedule(plan.jobs, jobsAtOnce, execute, (job, predecessor) => {
  failed += 1
  ended += 1
  problems.push(`${job.name}: not run, because ${predecessor} failed`)
  console.log(`${counter()} FAILED  ${job.name}: not run, because ${predecessor} failed`)
})
clearInterval(heartbeat)
finish()

async function execute(job: Job): Promise<boolean> {
  running.set(job.name, performance.now())
  const result = await runJob(job, projectRoot)
  running.delete(job.name)
  ended += 1
  passed += result.passed
  failed += result.failed
  for (const skip of result.skipped) skipped.push({ name: `${job.name}: ${skip.name}`, reason: skip.reason })
  print(job, result)
  return result.failed === 0
}

function print(job: Job, result: JobResult): void {
  const skips = result.skipped.length > 0 ? `, ${result.skipped.length} skipped` : ""
  const counts = job.reports ? `${result.passed} passed, ${result.failed} failed${skips}` : ""
  const line = `${job.name.padEnd(28)} ${result.seconds.toFixed(1).padStart(6)} s  ${counts}`
  if (result.failed === 0) {
    console.log(`${counter()} ok      ${line}`)
    return
  }
  for (const failure of result.failures) problems.push(`${job.name}: ${failure.name}: ${failure.reason}`)
  if (result.problem !== undefined) problems.push(`${job.name}: ${result.problem}`)
  console.log(`${counter()} FAILED  ${line}${result.problem === undefined ? "" : `  (${result.problem})`}`)
  console.log(result.output.replace(/^/gm, "        "))
}

function counter(): string {
  return `[${String(ended).padStart(String(plan.jobs.length).length)}/${plan.jobs.length}]`
}

function finish(): never {
  const inCi = process.env["CI"] === "true" || process.env["CI"] === "1"
  for (const skip of skipped) {
    const installable = inCi ? installablePeer(skip.reason) : undefined
    if (installable !== undefined) {
      failed += 1
      problems.push(`${skip.name}: skipped in CI although ${installable} can be installed`)
    }
    console.log(`skipped: ${skip.name}: ${skip.reason}`)
  }
  for (const problem of problems) console.log(`failed: ${problem}`)
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`)
  process.exit(failed === 0 ? 0 : 1)
}
