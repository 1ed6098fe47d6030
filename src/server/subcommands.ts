/** The subcommands of `qdbd`; each is loaded when it is asked for. */
import type { CommandIo } from "../config/command-io.ts"
import type { Subcommand } from "../config/flags.ts"
import { ownScript } from "./process/own-script.ts"

const usageStatus = 2

/** @param argv what follows the subcommand. @returns the exit status */
export async function runSubcommand(name: Subcommand, argv: readonly string[]): Promise<number> {
  const io = {
    stdout: (data: string | Uint8Array) => void process.stdout.write(data),
    stderr: (text: string) => void process.stderr.write(text),
    env: process.env,
    cwd: process.cwd(),
    nowMs: Date.now(),
  }
  switch (name) {
    case "license":
      return (await import("../license/license-cli.ts")).run(argv, io)
    case "confgen":
      return runConfgen(argv, io)
    case "demo":
      return (await import("./demo/demo.ts")).runDemo(argv, io, [process.execPath, ...ownScript()])
    case "recover-quorum":
      return (await import("./recover-quorum.ts")).run(argv, io)
    default:
      process.stderr.write(`qdbd: ${name} is not part of this version\n`)
      return usageStatus
  }
}

/** On a terminal the generator may ask; elsewhere it has to be told everything. */
async function runConfgen(argv: readonly string[], io: CommandIo): Promise<number> {
  const { run } = await import("../config/confgen-cli.ts")
  if (process.stdin.isTTY !== true) return run(argv, io)
  const { createInterface } = await import("node:readline/promises")
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const ended = new Promise<undefined>((resolve) => terminal.once("close", () => resolve(undefined)))
  try {
    return await run(argv, { ...io, ask: (prompt) => Promise.race([terminal.question(prompt), ended]) })
  } finally {
    terminal.close()
  }
}
