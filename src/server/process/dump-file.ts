/**
 * The dump file: what a person needs to understand a crash, written synchronously before the process ends. It holds no
 * contents of entries.
 */
import { writeFileSync } from "node:fs"
import { renderLine } from "../log/line.ts"
import type { Logger } from "../log/logger.ts"

export interface DumpContext {
  readonly path: string
  readonly version: string
  readonly logger: Logger
  /** What the node knows of itself; must not throw. */
  readonly state: () => unknown
}

/** Writes the dump, and says on the log where it is. Never throws: it runs when all else has failed. */
export function writeDump(context: DumpContext, error: unknown): void {
  const { logger, path } = context
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  logger.log("panic", "qdbd", stack.split("\n")[0] ?? "unknown error")
  const lines = logger.recentLines().map((line) => renderLine(line, "text"))
  const text = [
    `qdbd ${context.version} pid ${process.pid} ${new Date().toISOString()}`,
    `${process.platform} ${process.arch} ${process.version}`,
    "",
    stack,
    "",
    "state:",
    stateOf(context),
    "",
    "last log lines:",
    lines.join(""),
  ].join("\n")
  try {
    writeFileSync(path, text, { mode: 0o640 })
    logger.log("panic", "qdbd", "a dump of the error was written", { file: path })
  } catch (cause) {
    logger.log("panic", "qdbd", `the dump file cannot be written: ${String(cause)}`, { file: path })
  }
  logger.flush()
}

function stateOf(context: DumpContext): string {
  try {
    return JSON.stringify(context.state(), null, 2)
  } catch (cause) {
    return `not to be had: ${String(cause)}`
  }
}
