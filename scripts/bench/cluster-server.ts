/** What the clusters under measurement have in common: several processes on one machine, in one folder. */
import type { ChildProcess } from "node:child_process"
import { mkdtempSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { LoadMember } from "./load/plan.ts"

export const memberCount = 3
export const host = "127.0.0.1"
const stopMsMax = 60_000

export interface ClusterServer {
  readonly kind: "qdb" | "etcd"
  readonly members: ReadonlyArray<LoadMember>
  readonly pids: ReadonlyArray<number>
  /** What it runs with, for people. */
  readonly configuration: string
  /** Holds all that the members write. */
  readonly folder: string
  stop(): Promise<void>
}

export interface Child {
  readonly pid: number
  /** @throws an error with what it said, if it has ended */
  check(): void
  stop(): Promise<void>
}

export function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "qdb-bench-"))
}

const children = new Set<ChildProcess>()

/** Nothing outlives the benchmark, however it ends. */
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL")
})

/** Keeps the last lines of a process, for the error that names them. */
export function keepOutput(name: string, child: ChildProcess): Child {
  let output = ""
  let over: string | undefined
  let stopping = false
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4000)
  }
  child.stdout?.on("data", keep)
  child.stderr?.on("data", keep)
  children.add(child)
  const ended = new Promise<void>((resolve) => {
    const end = (why: string) => {
      over = why
      children.delete(child)
      if (!stopping) console.error(`bench: ${name} ended by itself: ${why}\n${output}`)
      resolve()
    }
    child.on("error", (error) => end(error.message))
    child.on("exit", (status, signal) => end(`exit ${status ?? signal}`))
  })
  return {
    pid: child.pid ?? 0,
    check() {
      if (over !== undefined) throw new Error(`${name} does not run: ${over}\n${output}`)
    },
    async stop() {
      stopping = true
      child.kill("SIGTERM")
      const late = setTimeout(() => child.kill("SIGKILL"), stopMsMax)
      await ended
      clearTimeout(late)
    },
  }
}

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<ReadonlyArray<number>> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.on("error", reject)
          server.listen(0, host, () => {
            const address = server.address()
            resolve(typeof address === "object" && address !== null ? address.port : 0)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
