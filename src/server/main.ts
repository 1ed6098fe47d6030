/**
 * The command line of `qdbd`. Exit status: 0 stopped or done, 1 could not start or failed, 2 usage or configuration, 130
 * second signal. What was asked for goes to standard output, words for a person to standard error.
 */
import { Cause, Effect, Exit } from "effect"
import { configFileText, printConfig } from "../config/print.ts"
import { helpText } from "../config/help.ts"
import { loadConfig, type Loaded } from "../config/load.ts"
import { problemText } from "../config/problem.ts"
import { parentOf, startDaemon } from "./process/daemonize.ts"
import { ownScript } from "./process/own-script.ts"
import { StartError } from "./start-error.ts"
import { buildCommit, version } from "./version.ts"

const usageStatus = 2

/** @param argv without the executable. @returns the exit status */
export async function main(argv: readonly string[]): Promise<number> {
  const parent = parentOf(process.env)
  const loaded = loadConfig({ argv, env: process.env, cwd: process.cwd() })
  const { action } = loaded
  if (action.kind === "help") return print(helpText())
  if (action.kind === "version") return print(`qdbd ${version} (${buildCommit})\n`)
  if (loaded.problems.length > 0) {
    const text = loaded.problems.map((problem) => `${problemText(problem)}\n`).join("")
    process.stderr.write(text)
    parent?.failed(text)
    return usageStatus
  }
  switch (action.kind) {
    case "check-config":
      for (const warning of loaded.warnings) process.stderr.write(`warning: ${problemText(warning)}\n`)
      return print("the configuration is valid\n")
    case "gen-config":
      return print(configFileText(loaded.written))
    case "print-config":
      return print(printConfig(loaded.config, loaded.origins, { json: action.json }))
    case "subcommand":
      return (await import("./subcommands.ts")).runSubcommand(action.name, action.argv)
    case "run":
      if (loaded.config.local.user.daemon && parent === undefined)
        return startDaemon(process.execPath, [...ownScript(), ...argv])
      return run(loaded, parent)
  }
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

async function run(loaded: Loaded, parent: ReturnType<typeof parentOf>): Promise<number> {
  const { runDaemon } = await import("./daemon.ts")
  const exit = await Effect.runPromiseExit(runDaemon(loaded, () => parent?.ready()))
  if (Exit.isSuccess(exit)) return exit.value
  const failure = Cause.squash(exit.cause)
  const text =
    failure instanceof StartError
      ? `qdbd: ${failure.message}\n`
      : `qdbd: ${failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)}\n`
  process.stderr.write(text)
  parent?.failed(text)
  return 1
}
