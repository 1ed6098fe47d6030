/** The subcommands of `qdbd`; each is loaded when it is asked for. */
import type { Subcommand } from "../config/flags.ts"

const usageStatus = 2

/** @param argv what follows the subcommand. @returns the exit status */
export async function runSubcommand(name: Subcommand, argv: readonly string[]): Promise<number> {
  const io = {
    stdout: (text: string) => void process.stdout.write(text),
    stderr: (text: string) => void process.stderr.write(text),
    env: process.env,
    cwd: process.cwd(),
    nowMs: Date.now(),
  }
  switch (name) {
    case "license":
      return (await import("../license/license-cli.ts")).run(argv, io)
    default:
      process.stderr.write(`qdbd: ${name} is not part of this version\n`)
      return usageStatus
  }
}
