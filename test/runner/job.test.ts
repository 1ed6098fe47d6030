/** The test command's own parts: what it would hide if they were wrong is everybody else's failures. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, vi } from "vitest"
import { runJob, type Job } from "../../scripts/testing/job.ts"
import { projectRoot } from "../../scripts/source/files.ts"
import { bunPath } from "../../scripts/testing/runtime.ts"
import { schedule } from "../../scripts/testing/schedule.ts"
import JsonReporter from "../support/reporter.ts"

const script = (code: string, change: Partial<Job> = {}): Job => ({
  name: "job",
  command: [bunPath, "-e", code],
  reports: true,
  deadlineSeconds: 30,
  ...change,
})
const report = (fields: string) =>
  `require("fs").writeFileSync(process.env.QDBTEST_REPORT, JSON.stringify(${fields}))`

/** A killed process that nobody has waited for yet is a zombie, which runs no more. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"))
  } catch {
    return false
  }
}

describe("a job", () => {
  it("counts what its report says", async () => {
    const code = report(
      `{ passed: 3, failed: 1, failures: [{ name: "c", reason: "d" }], skipped: [{ name: "a", reason: "b" }], errors: 0 }`,
    )
    const result = await runJob(script(code), projectRoot)
    expect(result).toMatchObject({
      passed: 3,
      failed: 1,
      failures: [{ name: "c", reason: "d" }],
      skipped: [{ name: "a", reason: "b" }],
      problem: undefined,
    })
  })

  it("fails when it ends badly, though no test failed", async () => {
    const good = report(`{ passed: 3, failed: 0, failures: [], skipped: [], errors: 0 }`)
    expect(await runJob(script(`${good}; process.exit(3)`), projectRoot)).toMatchObject({
      failed: 1,
      problem: "exit 3",
    })
    const errors = report(`{ passed: 3, failed: 0, failures: [], skipped: [], errors: 1 }`)
    expect(await runJob(script(errors), projectRoot)).toMatchObject({ failed: 1 })
  })

  it("fails when it writes no report, and when it cannot start", async () => {
    expect(await runJob(script(""), projectRoot)).toMatchObject({ failed: 1, problem: "wrote no report" })
    const missing = await runJob(script("", { command: ["/nonexistent/program"] }), projectRoot)
    expect(missing.failed).toBe(1)
  })

  it("counts its exit status where it has no report", async () => {
    expect(await runJob(script("", { reports: false }), projectRoot)).toMatchObject({ passed: 1, failed: 0 })
    expect(await runJob(script("process.exit(1)", { reports: false }), projectRoot)).toMatchObject({
      passed: 0,
      failed: 1,
    })
  })

  it("is killed at its deadline with all it started", async () => {
    const code = `const child = require("child_process").spawn("sleep", ["300"]); console.log(child.pid); setInterval(() => {}, 1000)`
    const result = await runJob(script(code, { deadlineSeconds: 1 }), projectRoot)
    expect(result).toMatchObject({ failed: 1, problem: "killed after its 1 s" })
    const pid = Number(result.output)
    expect(pid).toBeGreaterThan(1)
    // Its end of the pipe is closed a moment before it counts as dead.
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), { timeout: 5_000, interval: 5 })
  })
})

describe("the schedule", () => {
  const job = (name: string, after: ReadonlyArray<string> = []) => ({ name, after })

  it("runs no more at once than its width, in order, and waits for predecessors", async () => {
    let running = 0
    let most = 0
    const order: Array<string> = []
    const run = async ({ name }: { name: string }) => {
      order.push(name)
      most = Math.max(most, ++running)
      await Promise.resolve()
      running -= 1
      return true
    }
    await schedule([job("a", ["c"]), job("b"), job("c"), job("d", ["not in this run"])], 2, run, () => {})
    expect(most).toBe(2)
    expect(order[0]).toBe("b")
    expect(order.indexOf("a")).toBeGreaterThan(order.indexOf("c"))
    expect(order.toSorted()).toEqual(["a", "b", "c", "d"])
  })

  it("refuses what waits for a failed one, and a circle", async () => {
    const refused: Array<string> = []
    const run = async ({ name }: { name: string }) => name !== "a"
    await schedule([job("a"), job("b", ["a"]), job("c", ["b"])], 2, run, ({ name }, broken) =>
      refused.push(`${name}:${broken}`),
    )
    expect(refused).toEqual(["b:a", "c:b"])
    await expect(schedule([job("a", ["b"]), job("b", ["a"])], 2, run, () => {})).rejects.toThrow(
      "wait for each other",
    )
  })
})

describe("the report", () => {
  it("names what failed, with the first line of its error, and what was skipped", () => {
    const folder = mkdtempSync(join(tmpdir(), "qdb-report-"))
    const path = join(folder, "report.json")
    const before = process.env["QDBTEST_REPORT"]
    process.env["QDBTEST_REPORT"] = path
    const test = (fullName: string, result: object) => ({ fullName, result: () => result })
    const tests = [
      test("a > works", { state: "passed" }),
      test("a > fails", {
        state: "failed",
        errors: [{ message: "expected 1 to be 2\nand more" }, { message: "x" }],
      }),
      test("a > waits", { state: "skipped", note: "long" }),
    ]
    const children = { allSuites: () => [], allTests: () => tests }
    try {
      new JsonReporter().onTestRunEnd([{ relativeModuleId: "t.ts", errors: () => [], children }] as never, [])
      expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
        passed: 1,
        failed: 1,
        failures: [{ name: "t.ts > a > fails", reason: "expected 1 to be 2" }],
        skipped: [{ name: "t.ts > a > waits", reason: "long" }],
        errors: 0,
      })
    } finally {
      if (before === undefined) delete process.env["QDBTEST_REPORT"]
      else process.env["QDBTEST_REPORT"] = before
      rmSync(folder, { recursive: true })
    }
  })
})
