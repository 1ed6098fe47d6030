/** The subcommands of `qdbd`; each is loaded when it is asked for. */
import type { Subcommand } from "../config/flags.ts"

/** @param argv what follows the subcommand. @returns the exit status */
export async function runSubcommand(name: Subcommand, _argv: readonly string[]): Promise<number> {
  process.stderr.write(`qdbd: ${name} is not part of this version\n`)
  return 2
}
