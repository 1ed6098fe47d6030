/**
 * What the test command runs, decided from the tree itself: every folder of test/ that holds tests is a suite, and what
 * a suite needs follows from what its tests import. Nothing has to be registered, so nothing can be forgotten.
 *
 * Suites run under Bun, which the executables are built with. Tests that reach only the parts which are also a library
 * (core, wire, commands, storage, client) run again under Node and Deno.
 */
import type { ImportGraph } from "../source/import-graph.ts"
import type { Job } from "./job.ts"
import { bunPath, findRuntime, type Runtime, type RuntimeName } from "./runtime.ts"

/** The parts that run under every runtime. */
const portableFolders = [
  "src/core/",
  "src/wire/",
  "src/command/",
  "src/storage/",
  "src/client/",
  "src/platform/",
  "src/config/",
]
/** A test is run again elsewhere only if it is about one of these. */
const portableSubjects = ["src/core/", "src/wire/", "src/storage/", "src/client/"]
/** Suites of virtual time and pure functions beside which a second runtime adds no knowledge, only minutes. */
const bunOnlySuites = new Set(["simulation", "small-scope", "tidy", "e2e", "cluster", "web", "bench"])
/** Longest first, so that they do not end up alone at the end. */
const slowSuites = ["e2e", "cluster", "simulation", "web", "bench"]

/** Tests that use the compiled executables import this. */
export const executablesModule = "test/support/executables.ts"

const deadlineSeconds = 900
const deadlineSecondsAll = 7200

export interface PlanOptions {
  readonly runtime: RuntimeName | undefined
  /** Long variants too (`QDBTEST_ALL`). */
  readonly all: boolean
  /** Only jobs whose name contains one of these, or the test files named. */
  readonly filters: ReadonlyArray<string>
}

export interface Plan {
  readonly jobs: ReadonlyArray<Job>
  /** What is not run at all, as skips. */
  readonly skipped: ReadonlyArray<{ readonly name: string; readonly reason: string }>
}

export function makePlan(graph: ImportGraph, options: PlanOptions): Plan {
  const tests = [...graph.files.keys()].filter((path) => /^test\/.*\.test\.tsx?$/.test(path))
  const files = options.filters.filter((filter) => filter.includes("/"))
  const chosen =
    files.length === 0 ? tests : tests.filter((path) => files.some((file) => path.includes(file)))
  const runtimes: ReadonlyArray<RuntimeName> =
    options.runtime === undefined ? ["bun", "node", "deno"] : [options.runtime]
  const jobs: Array<Job> = []
  const skipped: Array<{ name: string; reason: string }> = []
  if (options.runtime === undefined && files.length === 0) jobs.push(typesJob)
  for (const name of runtimes) {
    const runtime = findRuntime(name)
    const mine = name === "bun" ? chosen : chosen.filter((path) => isPortable(graph, path))
    for (const [suite, paths] of bySuite(mine)) {
      const title = `${suite} under ${runtime.title}`
      if ("missing" in runtime.command) skipped.push({ name: title, reason: runtime.command.missing })
      else jobs.push(suiteJob(title, runtime, runtime.command, paths, graph, options.all))
    }
  }
  if (jobs.some((job) => job.after?.includes(buildJob.name))) jobs.unshift(buildJob)
  return { jobs: filterJobs(jobs, options.filters), skipped }
}

const typesJob: Job = {
  name: "types",
  command: [bunPath, "--bun", "node_modules/typescript/bin/tsc", "-p", "."],
  reports: false,
  deadlineSeconds: 300,
}

const buildJob: Job = {
  name: "executables",
  command: [bunPath, "scripts/build.ts"],
  reports: false,
  deadlineSeconds: 300,
}

function suiteJob(
  name: string,
  runtime: Runtime,
  command: ReadonlyArray<string>,
  paths: ReadonlyArray<string>,
  graph: ImportGraph,
  all: boolean,
): Job {
  const vitest = [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--reporter=default",
    "--reporter=./test/support/reporter.ts",
  ]
  const needsExecutables = paths.some((path) => graph.reach(path).has(executablesModule))
  return {
    name,
    command: [...command, ...vitest, "--no-file-parallelism", ...paths],
    environment: { QDBTEST_RUNTIME: runtime.name, NO_COLOR: "1", ...(all ? { QDBTEST_ALL: "1" } : {}) },
    ...(needsExecutables ? { after: [buildJob.name] } : {}),
    reports: true,
    deadlineSeconds: all ? deadlineSecondsAll : deadlineSeconds,
  }
}

function bySuite(paths: ReadonlyArray<string>): ReadonlyArray<[string, ReadonlyArray<string>]> {
  const suites = new Map<string, Array<string>>()
  for (const path of paths) {
    const suite = path.split("/").length > 2 ? (path.split("/")[1] as string) : "top"
    suites.set(suite, [...(suites.get(suite) ?? []), path])
  }
  const rank = (suite: string) => (slowSuites.includes(suite) ? slowSuites.indexOf(suite) : slowSuites.length)
  return [...suites].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
}

/** True when everything the test reaches runs under any runtime, and it is about something that must. */
export function isPortable(graph: ImportGraph, path: string): boolean {
  if (bunOnlySuites.has(path.split("/")[1] as string)) return false
  const reached = [...graph.reach(path, true)]
  const sources = reached.filter((file) => file.startsWith("src/"))
  if (!sources.some((file) => portableSubjects.some((folder) => file.startsWith(folder)))) return false
  if (!sources.every((file) => portableFolders.some((folder) => file.startsWith(folder)))) return false
  const tests = reached.filter((file) => file.startsWith("test/"))
  return tests.every((file) => !usesBun(graph, file))
}

function usesBun(graph: ImportGraph, path: string): boolean {
  const file = graph.files.get(path)
  if (file === undefined) return false
  return /(?<![.\w])Bun\./.test(file.code) || file.imports.some((found) => /^bun(:|$)/.test(found.specifier))
}

function filterJobs(jobs: ReadonlyArray<Job>, filters: ReadonlyArray<string>): ReadonlyArray<Job> {
  const names = filters.filter((filter) => !filter.includes("/"))
  if (names.length === 0) return jobs
  const chosen = jobs.filter((job) => names.some((name) => job.name.includes(name)))
  const needed = new Set(chosen.flatMap((job) => job.after ?? []))
  return jobs.filter((job) => chosen.includes(job) || needed.has(job.name))
}
