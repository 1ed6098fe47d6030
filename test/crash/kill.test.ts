/**
 * A node is killed at every point: whatever it had acknowledged is there afterwards, nothing is there half, and it opens.
 *
 * The points are the system calls that change files: strace kills the process on entering the k-th of a thread. By default
 * a handful of them is tried; `QDB_KILLS=all` tries each k until a run ends alive (an hour), `QDB_KILLS=50` every 50th.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { Prng } from "../../src/core/lib/prng.ts"
import { repeats } from "../support/repeats.ts"
import { checkDirectory } from "./check.ts"
import { canTrace, runChild } from "./process.ts"
import { Expectation, script } from "./script.ts"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "qdb-kill-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const asked = process.env["QDB_KILLS"]
const stepCount = 60

describe("a killed node", () => {
  test.each([true, false])(
    "has everything that it had acknowledged, kill after kill (sync: %s)",
    async (sync) => {
      const path = join(directory, "data")
      const expectation = new Expectation()
      const prng = new Prng(3)
      for (let run = 0; run < repeats(8); run++) {
        const steps = script(run, stepCount)
        const { acknowledged, closed, errors } = await runChild({
          directory: path,
          run,
          count: stepCount,
          killAfter: prng.between(1, stepCount - 10),
          environment: { QDB_CHILD_SYNC: String(sync) },
        })
        expect(closed, errors).toBe(false)
        expect(acknowledged.size).toBeGreaterThan(0)
        expectation.add(steps, acknowledged)
        if (run % 2 === 1) expect(await checkDirectory(path, expectation)).toEqual([])
      }
    },
    1_200_000,
  )

  const calls = "pwrite64,fsync,fdatasync,ftruncate,unlink,rename"
  const rare = "fsync,fdatasync,ftruncate,unlink,rename"
  const kill = (which: string, at: number) => [
    "-o",
    "/dev/null",
    "-e",
    `trace=${calls}`,
    "-e",
    `inject=${which}:signal=SIGKILL:when=${at}`,
  ]

  /** One kill; @returns whether the run ended alive */
  async function killAt(
    which: string,
    at: number,
    path: string,
    run: number,
    expectation: Expectation,
  ): Promise<boolean> {
    const outcome = await runChild({ directory: path, run, count: stepCount, strace: kill(which, at) })
    expectation.add(script(run, stepCount), outcome.acknowledged)
    const wrong = await checkDirectory(path, expectation)
    expect(wrong, `${which} ${at} of run ${run}`).toEqual([])
    return outcome.closed
  }

  test("opens whatever moment of its creation it was killed in", async (context) => {
    if (!canTrace()) context.skip("needs strace, and leave to trace")
    const points =
      asked === "all"
        ? Array.from({ length: 130 }, (_, i) => i + 1)
        : [1, 9, 23, 61, 104].slice(0, repeats(5))
    for (const at of points) {
      const path = join(directory, `creation-${at}`)
      await killAt(rare, at, path, 0, new Expectation())
      rmSync(path, { recursive: true, force: true })
    }
  }, 1_200_000)

  test("has everything that it had acknowledged, whichever call was its last", async (context) => {
    if (!canTrace()) context.skip("needs strace, and leave to trace")
    const path = join(directory, "data")
    const expectation = new Expectation()
    await killAt(rare, 1_000_000, path, 0, expectation)
    let run = 1
    if (asked === undefined) {
      for (const [which, at] of (
        [
          [rare, 12],
          [rare, 30],
          [calls, 1250],
          [calls, 1500],
          [calls, 1690],
        ] satisfies ReadonlyArray<[string, number]>
      ).slice(0, repeats(5)))
        await killAt(which, at, path, run++, expectation)
      return
    }
    for (let at = 1; !(await killAt(rare, at, path, run++, expectation)); at++);
    const step = asked === "all" ? 1 : Number(asked)
    for (let at = 1; !(await killAt(calls, at, path, run++, expectation)); at += step);
    console.log(`${run} runs`)
  }, 7_200_000)

  test("stops at the first failed fsync, and has what it had acknowledged before", async (context) => {
    if (!canTrace()) context.skip("needs strace, and leave to trace")
    const path = join(directory, "data")
    const expectation = new Expectation()
    await killAt(rare, 1_000_000, path, 0, expectation)
    let failed = 0
    for (const [run, at] of [5, 12, 20, 28, 36].entries()) {
      const trace = join(directory, "strace.txt")
      const fail = ["-o", trace, "-e", `trace=${calls}`, "-e", `inject=fsync,fdatasync:error=EIO:when=${at}`]
      const outcome = await runChild({ directory: path, run: run + 1, count: stepCount, strace: fail })
      const injected = readFileSync(trace, "latin1").includes("(INJECTED)")
      expect(outcome.closed, `fsync ${at}`).toBe(!injected)
      if (injected)
        expect(outcome.errors).toMatch(
          /StorageError: [^\n]*(disk I\/O error|EIO: i\/o error, (fsync|fdatasync)|Input\/output error)/,
        )
      if (injected) failed++
      expectation.add(script(run + 1, stepCount), outcome.acknowledged)
      expect(await checkDirectory(path, expectation)).toEqual([])
    }
    expect(failed).toBeGreaterThan(2)
  }, 1_200_000)
})
