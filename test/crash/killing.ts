/**
 * Counts what one thread does, and kills the process before or after the k-th time.
 *
 * `QDB_KILL_AT=ROLE:WHEN:K`: `main`, `commit`, `flush` or `help`; `before` or `after`; K counts from 1.
 */
import { isMainThread, workerData } from "node:worker_threads"

const [role, when, k] = (process.env["QDB_KILL_AT"] ?? "").split(":")
const here = isMainThread
  ? "main"
  : "ring" in workerData
    ? "commit"
    : "roundBytes" in workerData
      ? "flush"
      : "control" in workerData
        ? "help"
        : undefined
let calls = role === here ? 0 : -Infinity

export function counted<A>(call: () => A): A {
  const last = ++calls === Number(k)
  if (last && when === "before") process.kill(process.pid, "SIGKILL")
  const result = call()
  if (last) process.kill(process.pid, "SIGKILL")
  return result
}
