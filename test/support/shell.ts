/** The compiled shell, run once with a command. */
import { spawn } from "node:child_process"
import { qdbshPath } from "./executables.ts"
import { type Ran, runToEnd } from "./ran.ts"

/** @param daemons addresses that it may ask */
export function runShell(daemons: readonly string[], args: readonly string[]): Promise<Ran> {
  return runToEnd(spawn(qdbshPath, args, { env: { QDB_DAEMON: daemons.join(",") }, stdio: "pipe" }))
}
