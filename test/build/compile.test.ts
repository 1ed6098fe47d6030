/** What the build promises of every executable, shown on a small program with a worker: quick, and it fails on its own. */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { compile } from "../../scripts/build/compile.ts"
import { fetchRuntime } from "../../scripts/build/runtime-package.ts"
import { hostTargetName, readTargets, type Target } from "../../scripts/build/target.ts"
import { projectRoot } from "../../scripts/source/files.ts"
import { bunPath } from "../../scripts/testing/runtime.ts"

const main = `
import { Worker } from "node:worker_threads"
const worker = new Worker("./deep/sum-worker.ts", { workerData: [1, 2, 3] })
worker.on("message", (sum) => {
  console.log(JSON.stringify({ sum, planted: process.env["PLANTED"], preloaded: globalThis.preloaded, version: process.env.QDB_BUILD_VERSION }))
  process.exit(0)
})
`
const worker = `
import { parentPort, workerData } from "node:worker_threads"
parentPort.postMessage(workerData.reduce((sum: number, item: number) => sum + item, 0))
`

const folder = mkdtempSync(join(tmpdir(), "qdb-compile-"))
const target = readTargets(projectRoot).find(({ name }) => name === hostTargetName()) as Target
const executable = `qdbd${target.executableSuffix}`

beforeAll(() => {
  for (const tree of ["tree", "elsewhere/and/deeper"]) {
    mkdirSync(join(folder, tree, "src/deep"), { recursive: true })
    writeFileSync(join(folder, tree, "src/qdbd.ts"), main)
    writeFileSync(join(folder, tree, "src/deep/sum-worker.ts"), worker)
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function build(tree: string, output: string): Promise<string> {
  mkdirSync(join(folder, output), { recursive: true })
  return compile(
    { name: "qdbd", main: "qdbd.ts", workers: ["deep/sum-worker.ts"] },
    {
      root: join(folder, tree),
      target,
      runtime: fetchRuntime(projectRoot, target),
      output: join(folder, output),
      constants: { "process.env.QDB_BUILD_VERSION": "1.2.3" },
    },
  )
}

const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex")

describe("an executable", () => {
  it("runs with its worker, and reads neither .env nor bunfig.toml where it is started", async () => {
    const path = await build("tree", "first")
    const planted = join(folder, "planted")
    mkdirSync(planted)
    writeFileSync(join(planted, ".env"), "PLANTED=yes\n")
    writeFileSync(join(planted, "preload.ts"), "globalThis.preloaded = true\n")
    writeFileSync(join(planted, "bunfig.toml"), `preload = ["./preload.ts"]\n`)
    const ran = spawnSync(path, [], { cwd: planted, encoding: "utf8" })
    expect(ran.stderr).toBe("")
    expect(JSON.parse(ran.stdout)).toEqual({ sum: 6, version: "1.2.3" })
    // The same files do act on the plain runtime: the check above can fail.
    writeFileSync(join(planted, "plain.ts"), "console.log(process.env.PLANTED, globalThis.preloaded)")
    const plain = spawnSync(bunPath, ["plain.ts"], { cwd: planted, encoding: "utf8" })
    expect(plain.stdout).toBe("yes true\n")
  })

  it("has the same bytes for the same sources, wherever they lie", async () => {
    const first = digest(await build("tree", "first"))
    expect(digest(await build("tree", "second"))).toBe(first)
    expect(digest(await build("elsewhere/and/deeper", "third"))).toBe(first)
    cpSync(join(folder, "tree"), join(folder, "changed"), { recursive: true })
    writeFileSync(join(folder, "changed/src/deep/sum-worker.ts"), `${worker}\nparentPort.postMessage(7)\n`)
    expect(digest(await build("changed", "fourth"))).not.toBe(first)
  })

  it("leaves nothing unfinished beside it, and says what does not build", async () => {
    mkdirSync(join(folder, "broken/src/deep"), { recursive: true })
    writeFileSync(join(folder, "broken/src/qdbd.ts"), `import "./missing.ts"`)
    writeFileSync(join(folder, "broken/src/deep/sum-worker.ts"), worker)
    await expect(build("broken", "fifth")).rejects.toThrow()
    const left = spawnSync("ls", ["-A", join(folder, "fifth"), join(folder, "first")], { encoding: "utf8" })
    expect(left.stdout.split("\n").filter((line) => line !== "" && !line.endsWith(":"))).toEqual([executable])
  })
})
