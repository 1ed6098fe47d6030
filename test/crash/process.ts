/** Runs the child of the crash tests, alone or under strace, and tells what it has acknowledged. */
import { spawn, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

const child = fileURLToPath(new URL("child.ts", import.meta.url))
const deno = "Deno" in globalThis

export interface Run {
  readonly acknowledged: ReadonlySet<number>
  readonly opened: boolean
  readonly closed: boolean
  readonly errors: string
}

export interface RunOptions {
  readonly directory: string
  readonly run: number
  readonly count: number
  /** Arguments of strace, in front of the command. */
  readonly strace?: readonly string[]
  /** The program, where it is not the child beside this file; and what its environment holds beside ours. */
  readonly child?: string
  readonly environment?: Readonly<Record<string, string>>
  /** SIGKILL after so many acknowledgements. */
  readonly killAfter?: number
}

/** Whether strace is here and may trace. */
export function canTrace(): boolean {
  return existsSync("/usr/bin/strace") && spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0
}

export function runChild(options: RunOptions): Promise<Run> {
  const { directory, run, count, strace, killAfter } = options
  const command = [
    process.execPath,
    ...(deno ? ["run", "-A"] : []),
    options.child ?? child,
    directory,
    String(run),
    String(count),
  ]
  const all = strace === undefined ? command : ["strace", "-f", "-qq", ...strace, ...command]
  const started = spawn(all[0] as string, all.slice(1), {
    env: { ...process.env, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
  })
  let output = ""
  let errors = ""
  const count0 = () => output.split("\nack ").length - 1
  started.stdout.on("data", (bytes: Buffer) => {
    output += bytes.toString("latin1")
    if (killAfter !== undefined && count0() >= killAfter) started.kill("SIGKILL")
  })
  started.stderr.on("data", (bytes: Buffer) => {
    errors += bytes.toString("latin1")
  })
  return new Promise((resolve) => {
    started.on("close", () => {
      const lines = output.split("\n").slice(0, -1)
      const acknowledged = new Set(
        lines.filter((line) => line.startsWith("ack ")).map((line) => Number(line.slice(4))),
      )
      resolve({ acknowledged, opened: output.startsWith("open "), closed: lines.includes("closed"), errors })
    })
  })
}
