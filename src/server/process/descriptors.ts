/**
 * File descriptors: each session needs one. The soft limit is raised to the hard one at start (`setrlimit`, POSIX), and what
 * there is then is compared with the sessions the configuration allows.
 */
import { openLibc } from "../../platform/libc.ts"

/** Descriptors that are not sessions: log, tables, their write-ahead logs, workers, listeners. */
export const descriptorsReserved = 100

const resource = process.platform === "linux" ? 7 : 8
const infinite = 2n ** 63n - 1n

/**
 * Raises the limit.
 * @returns descriptors this process may have, or undefined where the platform does not tell (Windows has no such limit)
 */
export function raiseDescriptorLimit(): number | undefined {
  if (process.platform === "win32" || !("bun" in process.versions)) return undefined
  const signature = { args: ["i32", "ptr"], returns: "i32" } as const
  const symbols = openLibc({ getrlimit: signature, setrlimit: signature })
  const limits = new BigUint64Array(2)
  if (symbols.getrlimit(resource, limits) !== 0) return undefined
  const [soft, hard] = [limits[0] as bigint, limits[1] as bigint]
  if (soft < hard) {
    limits[0] = hard
    if (symbols.setrlimit(resource, limits) !== 0) limits[0] = soft
  }
  const reached = limits[0] as bigint
  return Number(reached > infinite ? infinite : reached)
}
