/** The configuration as a subcommand of `qdbd` has it that takes the daemon's flags. */
import type { CommandIo } from "./command-io.ts"
import { loadConfig, type Loaded } from "./load.ts"
import { problemText } from "./problem.ts"

const usageStatus = 2

interface Io extends Pick<CommandIo, "stderr" | "env" | "cwd"> {
  readonly stdout: (text: string) => void
}

/**
 * @param argv without the subcommand and its own flags
 * @returns the exit status where nothing is left to do: help was asked for, or what is wrong was told
 */
export function loadForCommand(argv: readonly string[], io: Io, usage: string): Loaded | number {
  const loaded = loadConfig({ argv, env: io.env, cwd: io.cwd })
  if (loaded.action.kind === "help") {
    io.stdout(usage)
    return 0
  }
  if (loaded.action.kind === "run" && loaded.problems.length === 0) return loaded
  for (const problem of loaded.problems) io.stderr(`${problemText(problem)}\n`)
  if (loaded.action.kind !== "run") io.stderr(usage)
  return usageStatus
}
