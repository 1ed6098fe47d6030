/**
 * A node kills itself before and after the k-th call of SQLite, or change of a file of the log, that one of its threads makes;
 * whatever it had acknowledged is there afterwards, and nothing is there half. `kill.test.ts` does the same by system calls, from
 * outside.
 *
 * The log's files hold no more than a few batches, so that its threads go from one to the next as often as they can.
 *
 * By default some twenty calls are tried, all over the run; `QDB_KILLS=all` tries each k of each thread that writes, until
 * a run ends alive (half an hour), `QDB_KILLS=10` every tenth.
 */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, expect, test } from "vitest"
import { repeats } from "../support/repeats.ts"
import { checkDirectory } from "./check.ts"
import { runChild } from "./process.ts"
import { Expectation, script } from "./script.ts"

const project = fileURLToPath(new URL("../..", import.meta.url))
const copied = [
  "test/crash/child.ts",
  "test/crash/script.ts",
  "test/crash/killing.ts",
  "test/crash/killing-driver.ts",
  "test/crash/killing-files.ts",
  "test/unit/storage/support/node.ts",
]
const asked = process.env["QDB_KILLS"]
const step = asked === undefined ? Math.floor((45 * 45) / repeats(45)) : asked === "all" ? 1 : Number(asked)
const stepCount = 14
const kills = { main: 0, commit: 0, flush: 0, help: 0 }
type Role = keyof typeof kills

let root = ""
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "qdb-driver-kill-"))
  const copy = join(root, "project")
  cpSync(join(project, "src"), join(copy, "src"), { recursive: true })
  for (const path of copied) {
    mkdirSync(dirname(join(copy, path)), { recursive: true })
    cpSync(join(project, path), join(copy, path))
  }
  const limits = join(copy, "src/core/lib/limits.ts")
  const source = readFileSync(limits, "utf8")
  const often = source.replace(/logSegmentFileBytes = .*/, "logSegmentFileBytes = 64 * 1024")
  expect(often).not.toBe(source)
  writeFileSync(limits, often)
  const log = join(copy, "src/storage/log")
  for (const name of readdirSync(log)) {
    const text = readFileSync(join(log, name), "utf8")
    writeFileSync(
      join(log, name),
      text.replace('from "node:fs"', 'from "../../../test/crash/killing-files.ts"'),
    )
  }
  symlinkSync(join(project, "node_modules"), join(copy, "node_modules"))
  const manifest = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as Record<string, unknown>
  const imports = { "#sqlite": "./test/crash/killing-driver.ts" }
  writeFileSync(join(copy, "package.json"), JSON.stringify({ ...manifest, imports }))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

let run = 0

/** @returns whether the run ended alive */
async function killAt(
  role: Role,
  sync: boolean,
  when: "before" | "after",
  k: number,
  path: string,
  known: Expectation,
) {
  // Each run flushes in its middle, too.
  do run++
  while (!script(run, stepCount).some(({ scan }) => scan))
  const { acknowledged, closed, errors } = await runChild({
    directory: path,
    run,
    count: stepCount,
    child: join(root, "project/test/crash/child.ts"),
    environment: { QDB_KILL_AT: `${role}:${when}:${k}`, QDB_CHILD_SYNC: String(sync) },
  })
  // Killed without a word, or alive to the end: nothing else.
  expect(errors, `${role}, ${when} call ${k}`).toBe("")
  expect(acknowledged.size === stepCount || !closed).toBe(true)
  known.add(script(run, stepCount), acknowledged)
  expect(await checkDirectory(path, known), `${role}, ${when} call ${k}, run ${run}`).toEqual([])
  if (!closed) kills[role]++
  return closed
}

test.each([
  ["main", true],
  ["main", false],
  ["commit", true],
  ["flush", true],
  ["help", true],
] as const)(
  "a node killed around each call of its thread %s has what it had acknowledged (sync: %s)",
  async (role, sync) => {
    const path = join(root, `${role}-${sync}`)
    const before = kills[role]
    const known = new Expectation()
    for (let k = 1; ; k += step) {
      // A new directory for each of the calls by which it is made.
      if (role === "main" && k < 60) {
        const fresh = join(root, `fresh-${k}-${sync}`)
        await killAt(role, sync, "after", k, fresh, new Expectation())
        rmSync(fresh, { recursive: true, force: true })
      }
      if (await killAt(role, sync, "before", k, path, known)) break
      await killAt(role, sync, "after", k, path, known)
    }
    console.log(`${role}: ${kills[role] - before} kills`)
    expect(kills[role]).toBeGreaterThan(before)
  },
  7_200_000,
)
