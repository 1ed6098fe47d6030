/**
 * `npm run build`: the executables `dist/<target>/qdbd` and `qdbsh`, with the community license beside them.
 *
 *   npm run build                        for this machine
 *   npm run build -- --target NAME …     for others (repeatable)
 *   npm run build -- --all               for all of them
 *   npm run build -- --list              names and notes
 *   --program qdbd|qdbsh                 only this one
 *   --output FOLDER                      instead of dist/
 */
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs"
import { parseArgs } from "node:util"
import { buildConfgen } from "./build-confgen.ts"
import { compile, type Program } from "./build/compile.ts"
import { fetchRuntime } from "./build/runtime-package.ts"
import { hostTargetName, readTargets, type Target } from "./build/target.ts"
import { projectFiles, projectRoot } from "./source/files.ts"

const licenseFile = "qdb_license.txt"

const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true },
    all: { type: "boolean" },
    list: { type: "boolean" },
    program: { type: "string" },
    output: { type: "string" },
  },
})
const targets = readTargets(projectRoot)
if (values.list) {
  for (const target of targets) console.log(`${target.name.padEnd(18)} ${target.notes.join(" ")}`)
  process.exit(0)
}

const output = values.output ?? `${projectRoot}/dist`
const programs = findPrograms()
const constants = {
  "process.env.QDB_BUILD_VERSION": packageVersion(),
  "process.env.QDB_BUILD_COMMIT": commit(),
  "process.env.QDB_BUILD_DATE": git("log", "-1", "--format=%cI", "HEAD") ?? "unknown",
  /** The configuration generator's page, which the daemon serves. */
  "process.env.QDB_BUILD_CONFGEN": await buildConfgen(),
}
for (const target of chosenTargets()) {
  const folder = `${output}/${target.name}`
  mkdirSync(folder, { recursive: true })
  const runtime = fetchRuntime(projectRoot, target)
  for (const program of programs) {
    const started = performance.now()
    const path = await compile(program, { root: projectRoot, target, runtime, output: folder, constants })
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(`${path}  ${(statSync(path).size / 1e6).toFixed(0)} MB  ${seconds} s`)
  }
  copyFileSync(`${projectRoot}/${licenseFile}`, `${folder}/${licenseFile}`)
}

function chosenTargets(): ReadonlyArray<Target> {
  if (values.all) return targets
  return (values.target ?? [hostTargetName()]).map((name) => {
    const found = targets.find((target) => target.name === name)
    if (found !== undefined) return found
    console.error(`build: no target ${name}; there are ${targets.map((target) => target.name).join(", ")}`)
    process.exit(2)
  })
}

/** Workers are found by their names: a module called `…-worker.ts` is one, and belongs to the daemon. */
function findPrograms(): ReadonlyArray<Program> {
  const sources = projectFiles().filter((path) => path.startsWith("src/"))
  const workers = sources
    .filter((path) => path.endsWith("-worker.ts"))
    .map((path) => path.slice("src/".length))
  const all: ReadonlyArray<Program> = [
    { name: "qdbd", main: "qdbd.ts", workers },
    { name: "qdbsh", main: "qdbsh.ts", workers: [] },
  ]
  const chosen = all.filter(({ name }) => values.program === undefined || values.program === name)
  const missing = chosen.find(({ main }) => !existsSync(`${projectRoot}/src/${main}`))
  if (chosen.length > 0 && missing === undefined) return chosen
  console.error(
    missing === undefined ? `build: no program ${values.program}` : `build: src/${missing.main} is missing`,
  )
  process.exit(missing === undefined ? 2 : 1)
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(`${projectRoot}/package.json`, "utf8")) as { version: string }).version
}

/** An archive without history builds as `unknown`: two builds of it are still alike. */
/** The last commit; with a plus where the tree has changed since. */
function commit(): string {
  const head = git("rev-parse", "--short=12", "HEAD")
  if (head === undefined) return "unknown"
  return head + (git("status", "--porcelain", "--untracked-files=no") === "" ? "" : "+")
}

function git(...args: ReadonlyArray<string>): string | undefined {
  const ran = spawnSync("git", args, { cwd: projectRoot, encoding: "utf8" })
  return ran.status === 0 ? ran.stdout.trim() : undefined
}
