/**
 * `-d`: the parent starts itself again, detached, and waits: exit 0 once the child is ready, else 1 with the child's error.
 *
 * A JavaScript runtime cannot fork, since its threads would not survive it; starting anew gives the same to the caller. The
 * child tells its state over an inherited pipe, descriptor 3, in one line: `ready`, or what went wrong.
 */
import { spawn } from "node:child_process"
import { closeSync, writeSync } from "node:fs"

/** Tells the child that it is one. Not a `QDB_` variable: those are the configuration's. */
const marker = "_QDBD_STATUS_PIPE"
const statusDescriptor = 3

/** Starts the child. @returns the parent's exit status, after the child is ready or has failed */
export function startDaemon(executable: string, args: readonly string[]): Promise<number> {
  const child = spawn(executable, args, {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
    env: { ...process.env, [marker]: String(statusDescriptor) },
  })
  return new Promise((resolve) => {
    let told = ""
    const pipe = child.stdio[statusDescriptor] as NodeJS.ReadableStream
    pipe.on("data", (chunk: Buffer) => {
      told += chunk.toString()
      if (told.startsWith("ready\n")) {
        child.unref()
        resolve(0)
      }
    })
    child.on("error", (error) => {
      process.stderr.write(`qdbd: cannot start in the background: ${error.message}\n`)
      resolve(1)
    })
    child.on("exit", (status) => {
      process.stderr.write(told === "" ? `qdbd: ended at start with status ${status}\n` : told)
      resolve(status === 0 ? 1 : (status ?? 1))
    })
  })
}

/** In the child: how to tell the parent. Undefined in a process that was not started by `startDaemon`. */
export function parentOf(env: NodeJS.ProcessEnv): { ready(): void; failed(text: string): void } | undefined {
  if (env[marker] === undefined) return undefined
  delete env[marker]
  const tell = (text: string) => {
    try {
      writeSync(statusDescriptor, text)
      closeSync(statusDescriptor)
    } catch (cause) {
      // The parent was killed: nobody is left to be told, and the daemon goes on.
      void cause
    }
  }
  return { ready: () => tell("ready\n"), failed: tell }
}
