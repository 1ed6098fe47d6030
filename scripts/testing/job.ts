/**
 * One process of the test command: starts it, keeps its output, and turns its end into counts. A job that hangs is
 * killed with everything it started (each job is the leader of a process group) and counts as failed.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestReport } from "../../test/support/reporter.ts"

export interface Job {
  readonly name: string
  readonly command: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  /** Jobs that must have passed before this one starts. */
  readonly after?: ReadonlyArray<string>
  /** True when the job writes a test report; else its exit status counts as one test. */
  readonly reports: boolean
  readonly deadlineSeconds: number
}

export interface JobResult extends TestReport {
  readonly seconds: number
  readonly output: string
  /** What went wrong beside failed tests. */
  readonly problem: string | undefined
}

/** Output kept of one job; the middle of a longer one is dropped. */
const outputCharactersMax = 400_000

/** How long the output of an ended process may take to arrive. */
const pipeGraceMs = 2_000

export async function runJob(job: Job, root: string): Promise<JobResult> {
  const folder = mkdtempSync(join(tmpdir(), "qdb-test-"))
  const reportPath = join(folder, "report.json")
  const started = performance.now()
  try {
    const end = await runProcess(job, root, {
      ...process.env,
      ...job.environment,
      QDBTEST_REPORT: reportPath,
    })
    const seconds = (performance.now() - started) / 1000
    if (!job.reports) {
      const failed = end.problem === undefined ? 0 : 1
      return { passed: 1 - failed, failed, failures: [], skipped: [], errors: 0, seconds, ...end }
    }
    return { ...readReport(reportPath, end.problem), seconds, output: end.output }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A run that ended badly without a failed test to show for it still counts as one failure. */
function readReport(path: string, problem: string | undefined): TestReport & { problem: string | undefined } {
  if (!existsSync(path)) {
    return {
      passed: 0,
      failed: 1,
      failures: [],
      skipped: [],
      errors: 1,
      problem: problem ?? "wrote no report",
    }
  }
  const report = JSON.parse(readFileSync(path, "utf8")) as TestReport
  const unexplained = report.failed === 0 && (problem !== undefined || report.errors > 0)
  return {
    ...report,
    failed: report.failed + (unexplained ? 1 : 0),
    problem: unexplained ? (problem ?? "errors") : undefined,
  }
}

interface ProcessEnd {
  readonly output: string
  readonly problem: string | undefined
}

function runProcess(job: Job, cwd: string, env: NodeJS.ProcessEnv): Promise<ProcessEnd> {
  const [command, ...args] = job.command as [string, ...Array<string>]
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: process.platform !== "win32",
    })
    let output = ""
    const keep = (chunk: Buffer) => {
      output += chunk.toString()
      if (output.length <= outputCharactersMax) return
      output = `${output.slice(0, outputCharactersMax / 4)}\n[… output cut …]\n${output.slice(-outputCharactersMax / 2)}`
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    let late = false
    const timer = setTimeout(() => {
      late = true
      killGroup(child.pid)
    }, job.deadlineSeconds * 1000)
    running.add(child)
    const finish = (problem: string | undefined) => {
      clearTimeout(timer)
      running.delete(child)
      resolve({ output, problem: late ? `killed after its ${job.deadlineSeconds} s` : problem })
    }
    child.on("error", (error) => finish(error.message))
    child.on("exit", (status, signal) => {
      // A process that a test left behind holds our pipe open: end the group, then wait for the pipe only so long.
      killGroup(child.pid)
      const problem = status === 0 ? undefined : `exit ${status ?? signal}`
      const impatient = setTimeout(() => finish(problem), pipeGraceMs)
      child.on("close", () => {
        clearTimeout(impatient)
        finish(problem)
      })
    })
  })
}

const running = new Set<{ readonly pid?: number | undefined }>()

/** Ends every job that runs: for the signals that end the test command itself. */
export function killRunningJobs(): void {
  for (const child of running) killGroup(child.pid)
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL")
  } catch {
    // ESRCH: nothing of the group is left, which is what we wanted.
  }
}
