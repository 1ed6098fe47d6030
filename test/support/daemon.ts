/** A real `qdbd` in a directory of its own, for tests that drive the compiled executables. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { qdbdPath } from "./executables.ts"

const readyDeadlineMs = 20_000

/** @returns a port of 127.0.0.1 that was free a moment ago */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** @returns the first of so many ports in a row that were free a moment ago */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = await freePort()
    const rest = Array.from({ length: count - 1 }, (_, i) => isFree(first + 1 + i))
    if ((await Promise.all(rest)).every((free) => free)) return first
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })
}

/** @returns a new temporary directory and how to remove it */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "qdb-test-"))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export interface DaemonOptions {
  /** Where it runs and keeps `db`; made by the caller. */
  readonly directory: string
  readonly port?: number
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A program and its arguments to run the daemon under, such as strace. */
  readonly under?: readonly string[]
}

export class Daemon {
  readonly port: number
  readonly child: ChildProcess
  /** All of standard error so far. */
  log = ""
  private readonly ended: Promise<{ status: number | null; signal: NodeJS.Signals | null }>
  private readonly watchers = new Set<() => void>()

  constructor(child: ChildProcess, port: number) {
    this.child = child
    this.port = port
    child.stderr?.on("data", (chunk: Buffer) => {
      this.log += chunk.toString()
      for (const watch of this.watchers) watch()
    })
    this.ended = new Promise((resolve) => {
      child.once("close", (status, signal) => {
        resolve({ status, signal })
        for (const watch of this.watchers) watch()
      })
    })
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** The daemon's own process, where it runs under another program; else the child. */
  get pid(): number {
    const told = / pid (\d+) /.exec(this.log)
    return told === null ? (this.child.pid as number) : Number(told[1])
  }

  /** Waits until the log matches. @throws if the process ends or the deadline passes before */
  async logged(pattern: RegExp, deadlineMs: number = readyDeadlineMs): Promise<void> {
    if (pattern.test(this.log)) return
    await new Promise<void>((resolve, reject) => {
      const give = (why: string) => {
        done()
        reject(new Error(`${why} before the log matched ${pattern}:\n${this.log}`))
      }
      const timer = setTimeout(() => give("the deadline passed"), deadlineMs)
      const watch = () => {
        if (pattern.test(this.log)) {
          done()
          resolve()
        } else if (this.child.exitCode !== null || this.child.signalCode !== null) give("the daemon ended")
      }
      const done = () => {
        clearTimeout(timer)
        this.watchers.delete(watch)
      }
      this.watchers.add(watch)
    })
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    process.kill(this.pid, signal)
  }

  /** @returns how the process ended */
  exit(): Promise<{ status: number | null; signal: NodeJS.Signals | null }> {
    return this.ended
  }

  /** Asks it to stop and waits. @returns the exit status */
  async stop(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.kill("SIGTERM")
    return (await this.ended).status
  }
}

/** Starts a daemon without waiting for anything. */
export async function spawnDaemon(options: DaemonOptions): Promise<Daemon> {
  const port = options.port ?? (await freePort())
  const args = ["--address", `127.0.0.1:${port}`, "--root", join(options.directory, "db"), "--http", ""]
  const command = [...(options.under ?? []), qdbdPath, ...args, ...(options.args ?? [])]
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: options.directory,
    env: { PATH: process.env["PATH"] ?? "", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  return new Daemon(child, port)
}

/** Starts a daemon at an address of its own, without waiting for anything. */
export function spawnAt(address: string, root: string, args: readonly string[]): Daemon {
  const base = ["--address", address, "--root", join(root, "db"), "--http", ""]
  const child = spawn(qdbdPath, [...base, ...args], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "pipe", "pipe"],
  })
  return new Daemon(child, Number(address.split(":").at(-1)))
}

/** Starts a daemon and waits until it serves. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const daemon = await spawnDaemon(options)
  await daemon.logged(/ ready on /)
  return daemon
}
