/** The programs that a benchmark needs: our executables and load generator, built from the tree as it is; Redis. */
import { spawn, spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { hostTargetName } from "../build/target.ts"
import { projectRoot } from "../source/files.ts"
import { bunPath } from "../testing/runtime.ts"
import type { LoadPlan, LoadResult } from "./load/plan.ts"

export interface Programs {
  readonly qdbd: string
  readonly loadGenerator: string
}

/** @param qdbd an executable to measure instead of this tree's */
export async function buildPrograms(qdbd?: string): Promise<Programs> {
  if (qdbd !== undefined) return { qdbd, loadGenerator: await buildLoadGenerator() }
  const built = spawnSync(bunPath, ["scripts/build.ts", "--program", "qdbd"], {
    cwd: projectRoot,
    stdio: ["ignore", 2, 2],
  })
  if (built.status !== 0) throw new Error("the executables do not build")
  return { qdbd: `${projectRoot}/dist/${hostTargetName()}/qdbd`, loadGenerator: await buildLoadGenerator() }
}

/** Compiled like our executables, so that its start and its speed are those of a program. */
export async function buildLoadGenerator(): Promise<string> {
  const outfile = `${projectRoot}/dist/bench/load-generator`
  mkdirSync(`${projectRoot}/dist/bench`, { recursive: true })
  const built = await Bun.build({
    entrypoints: [`${projectRoot}/scripts/bench/load/main.ts`],
    target: "bun",
    format: "esm",
    minify: true,
    bytecode: true,
    compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
  })
  if (!built.success) throw new AggregateError(built.logs, "the load generator does not build")
  return outfile
}

/** Runs the load generator once. @throws an error with its message when a reply was wrong or missing */
export function runLoad(programs: Pick<Programs, "loadGenerator">, plan: LoadPlan): Promise<LoadResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(programs.loadGenerator, [JSON.stringify(plan)], { stdio: ["ignore", "pipe", "pipe"] })
    let output = ""
    let errors = ""
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()))
    child.on("error", reject)
    child.on("close", (status) => {
      if (status === 0) resolve(JSON.parse(output) as LoadResult)
      else reject(new Error(errors.trim() || `the load generator ended with status ${status}`))
    })
  })
}

/** @returns Redis' version; installs it where apt can. @throws an error that says what to do */
export function requireRedis(): string {
  let version = redisVersion()
  const isRoot = process.getuid?.() === 0
  if (version === undefined && isRoot && spawnSync("apt-get", ["--version"]).status === 0) {
    console.error("bench: installing redis-server")
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    spawnSync("apt-get", ["update", "-q"], { stdio: ["ignore", 2, 2] })
    spawnSync("apt-get", ["install", "-q", "-y", "--no-install-recommends", "redis-server"], {
      env,
      stdio: ["ignore", 2, 2],
    })
    version = redisVersion()
  }
  if (version === undefined) {
    throw new Error(
      "redis-server and redis-benchmark are missing and could not be installed; the comparison needs them",
    )
  }
  return version
}

function redisVersion(): string | undefined {
  const asked = spawnSync("redis-server", ["--version"], { encoding: "utf8" })
  const tool = spawnSync("redis-benchmark", ["--version"], { encoding: "utf8" })
  if (asked.status !== 0 || tool.error !== undefined) return undefined
  return /v=(\S+)/.exec(asked.stdout)?.[1]
}
