/** The pid file: for service managers and scripts; the data directory's lock is what keeps two daemons apart. */
import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { StartError } from "../start-error.ts"

/** @returns a function that removes the file again, if it is still ours. @throws StartError */
export function writePidFile(path: string): () => void {
  const pid = `${process.pid}\n`
  try {
    writeFileSync(path, pid, { mode: 0o644 })
  } catch (cause) {
    throw new StartError(
      `the pid file ${path} cannot be written: ${cause instanceof Error ? cause.message : cause}`,
    )
  }
  return () => {
    if (readFileSync(path, "utf8") === pid) rmSync(path)
  }
}
