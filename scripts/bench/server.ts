/**
 * The servers under measurement, each in a data folder of its own, started from the configuration that is printed with
 * the results.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "../../src/client/client.ts"
import { QdbError } from "../../src/client/error.ts"
import { dialUntilAnswered } from "./dial.ts"
import { qdbProtocol } from "./load/qdb.ts"
import { redisProtocol } from "./load/redis.ts"

export type Durability = "always" | "everysec"

export interface Server {
  readonly kind: "qdb" | "redis"
  readonly host: string
  readonly port: number
  readonly pid: number
  /** What it runs with, for people. */
  readonly configuration: string
  /** Milliseconds from the start of the process to the first answer. */
  readonly startMs: number
  /** The folder that holds its data and its log. */
  readonly folder: string
  /** Stops it as a user would, and waits for its end. The folder stays. */
  stop(): Promise<void>
  kill(): Promise<void>
}

export interface ServerOptions {
  readonly durability: Durability
  /** An earlier server's folder, or a new one. */
  readonly folder?: string
  /** Merged into qdb's configuration, by dotted path. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>
}

const host = "127.0.0.1"
const stopMsMax = 60_000
const startMsMax = 120_000

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "qdb-bench-"))
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

/** @param executable path of the compiled `qdbd` */
export async function startQdb(executable: string, options: ServerOptions): Promise<Server> {
  const folder = options.folder ?? newFolder()
  const port = await freePort()
  const settings = {
    "global.depot.root": join(folder, "db"),
    "global.depot.sync": options.durability === "always",
    "local.network.listen_on": `${host}:${port}`,
    "local.http.listen_on": "",
    ...options.settings,
  }
  const path = join(folder, "qdbd.conf")
  const configuration = JSON.stringify(nested(settings), undefined, 1)
  writeFileSync(path, configuration)
  return start("qdb", [executable, "-c", path], port, folder, configuration.replace(/\s+/g, " "))
}

export async function startRedis(options: ServerOptions): Promise<Server> {
  const folder = options.folder ?? newFolder()
  const port = await freePort()
  mkdirSync(folder, { recursive: true })
  const settings = [
    "--appendonly yes",
    `--appendfsync ${options.durability}`,
    "--save ''",
    "--maxclients 20000",
  ]
  const words = settings.flatMap((setting) => {
    const [name, value] = setting.split(" ") as [string, string]
    return [name, value.replace("''", "")]
  })
  const command = ["redis-server", "--port", String(port), "--bind", host, "--dir", folder, ...words]
  return start("redis", command, port, folder, settings.join(" "))
}

async function start(
  kind: Server["kind"],
  command: ReadonlyArray<string>,
  port: number,
  folder: string,
  configuration: string,
): Promise<Server> {
  const [program, ...args] = command as [string, ...Array<string>]
  const startedMs = performance.now()
  const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
  let output = ""
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4000)
  }
  child.stdout.on("data", keep)
  child.stderr.on("data", keep)
  children.add(child)
  outputs.set(`${kind} on port ${port}`, () => output)
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message))
    child.on("exit", (status, signal) => {
      children.delete(child)
      resolve(`exit ${status ?? signal}`)
    })
  })
  let stopping = false
  let over: string | undefined
  void ended.then((why) => (over = why))
  await dialUntilAnswered(kind === "qdb" ? qdbProtocol : redisProtocol, host, port, startMsMax, () => {
    if (over !== undefined) throw new Error(`${kind} did not start: ${over}\n${output}`)
  })
  const startMs = performance.now() - startedMs
  if (kind === "qdb") await untilServing(port)
  void ended.then((why) => {
    if (!stopping) console.error(`bench: ${kind} ended by itself: ${why}\n${output}`)
  })
  const end = async (signal: NodeJS.Signals) => {
    stopping = true
    child.kill(signal)
    const late = setTimeout(() => child.kill("SIGKILL"), stopMsMax)
    await ended
    clearTimeout(late)
  }
  const pid = child.pid as number
  return {
    kind,
    host,
    port,
    pid,
    configuration,
    startMs,
    folder,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  }
}

/** A new node says hello before it has founded its cluster; a client of ours asks again until it has. */
async function untilServing(port: number): Promise<void> {
  const client = await connect({ daemons: [`${host}:${port}`] })
  try {
    await client.get("asked until it is answered")
  } catch (error) {
    if (!(error instanceof QdbError) || error.name !== "alias_not_found") throw error
  } finally {
    await client.close()
  }
}

const children = new Set<ChildProcess>()
const outputs = new Map<string, () => string>()

/** The last lines that the servers wrote: for a measurement that failed. */
export function serverOutputs(): string {
  return [...outputs].map(([name, output]) => `${name}:\n${output()}`).join("\n")
}

/** Nothing outlives the benchmark, however it ends. */
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL")
})
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130))

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, host, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0))
    })
  })
}

function nested(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const [path, value] of Object.entries(settings)) {
    const keys = path.split(".")
    let place = root
    for (const key of keys.slice(0, -1)) place = (place[key] ??= {}) as Record<string, unknown>
    place[keys.at(-1) as string] = value
  }
  return root
}
