/**
 * A cluster to try things on: some nodes of this very program on this machine, with the configurations that the generator
 * makes, in a folder that is gone with them.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect } from "../../client/client.ts"
import { defaultAnswers, readAnswers } from "../../config/answers.ts"
import { communityLicense } from "../../config/community-license.ts"
import { configFiles, generateFiles } from "../../config/generate.ts"
import { demoStartMs } from "../../core/lib/limits.ts"
import { version } from "../version.ts"

export interface DemoOptions {
  /** What runs a node: the executable, and a script where it needs one. */
  readonly command: readonly [string, ...string[]]
  /** `host:port` each. */
  readonly hosts: readonly string[]
}

export class DemoNodes {
  readonly hosts: readonly string[]
  readonly directory: string
  /** A node ended, and which: none should. */
  readonly ended: Promise<string>
  private readonly children: readonly ChildProcess[]

  private constructor(options: DemoOptions, directory: string, names: readonly string[]) {
    this.hosts = options.hosts
    this.directory = directory
    this.children = names.map((name) => startNode(options.command, directory, name))
    this.ended = new Promise((resolve) => {
      for (const [i, child] of this.children.entries()) {
        child.once("error", (error) => resolve(`${options.hosts[i]} cannot be started: ${error.message}`))
        child.once("exit", () => resolve(`${options.hosts[i]} has ended`))
      }
    })
  }

  /** Starts all nodes. @throws Error where the hosts make no cluster */
  static start(options: DemoOptions): DemoNodes {
    const replication = String(Math.min(2, options.hosts.length))
    const answers = { ...defaultAnswers, hosts: options.hosts, replication }
    const read = readAnswers(answers)
    if (read.plan === undefined) throw new Error(read.faults.map(({ text }) => text).join("; "))
    const directory = mkdtempSync(join(tmpdir(), "qdb-demo-"))
    for (const { name, text } of generateFiles(answers, read.plan, communityLicense))
      writeFileSync(join(directory, name), text)
    return new DemoNodes(
      options,
      directory,
      configFiles(read.plan).map(({ name }) => name),
    )
  }

  /** Waits until the cluster is stable. @throws Error that says why it is not */
  async stable(): Promise<void> {
    const waited = await Promise.race([this.waitUntilStable(), this.ended])
    if (waited === undefined) return
    throw new Error(`${waited}\n${this.logs()}`)
  }

  private async waitUntilStable(): Promise<undefined> {
    const untilMs = performance.now() + demoStartMs
    for (;;) {
      try {
        const options = { daemons: this.hosts, softwareVersion: version, timeoutMs: demoStartMs }
        await using client = await connect(options)
        await client.clusterWait("stable", { timeoutMs: Math.max(1, untilMs - performance.now()) })
        return undefined
      } catch (error) {
        if (performance.now() > untilMs) throw error
        await new Promise((resolve) => setTimeout(resolve, retryMs))
      }
    }
  }

  private logs(): string {
    const names = this.hosts.map((_, i) => logName(this.children[i]?.spawnargs.at(-1) ?? ""))
    return names.map((name) => readFileSync(join(this.directory, name), "utf8").slice(-logShown)).join("\n")
  }

  /** Ends all nodes at once and removes all that they stored. */
  async stop(): Promise<void> {
    const gone = this.children.map(
      (child) =>
        new Promise<void>((resolve) => {
          if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) resolve()
          else child.once("exit", () => resolve())
        }),
    )
    for (const child of this.children) child.kill("SIGKILL")
    await Promise.all(gone)
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Until a node listens nobody can be asked. */
const retryMs = 100
const logShown = 2_000

const logName = (configName: string) => `${configName}.log`

function startNode(command: readonly [string, ...string[]], directory: string, name: string): ChildProcess {
  const log = openSync(join(directory, logName(name)), "w")
  try {
    const [program, ...args] = command
    return spawn(program, [...args, "--http", "", "-c", name], {
      cwd: directory,
      stdio: ["ignore", log, log],
    })
  } finally {
    closeSync(log)
  }
}
