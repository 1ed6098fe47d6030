/**
 * `qdbsh`, from its command line to its exit status. The program is an Effect: its scope holds the connection and the
 * terminal's mode, which so are given back however it ends. Loading Effect costs about 3 ms of the start (measured with the
 * executable: 5 ms for an empty program, 8 ms with Effect, Context and Layer).
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { joinArguments } from "../command/arguments.ts"
import { QdbError } from "../client/error.ts"
import { Connection } from "./connection.ts"
import { runInteractive } from "./interactive.ts"
import { type Options, parseOptions, usageText } from "./options.ts"
import { exitStatus } from "./outcome.ts"
import { renderUsage } from "./render.ts"
import { errorStyle, type LineMode, printError, runLine, type Shell } from "./run-line.ts"
import { runScript } from "./script.ts"
import { StreamError, processTerminal, type Terminal } from "./terminal.ts"
import { versionText } from "./version.ts"

const encoder = new TextEncoder()

/** @param argv without the executable. @returns the exit status */
export async function main(argv: readonly string[]): Promise<number> {
  const terminal = processTerminal()
  const parsed = parseOptions(argv, process.env)
  switch (parsed.kind) {
    case "help":
    case "version":
      await terminal.write(encoder.encode(parsed.kind === "help" ? usageText : versionText))
      return exitStatus.done
    case "wrong":
      terminal.writeError(renderUsage(parsed.message, undefined, { json: false, color: false }))
      return exitStatus.usage
    case "run":
      return run(parsed.options, terminal)
  }
}

async function run(options: Options, terminal: Terminal): Promise<number> {
  const shell: Shell = { options, terminal }
  const interrupt = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => interrupt.abort(signal))
  }
  const program = programOf(shell).pipe(Effect.provide(Connection.layer(options)), Effect.scoped)
  const exit = await Effect.runPromiseExit(program, { signal: interrupt.signal })
  terminal.close()
  if (Exit.isSuccess(exit)) return exit.value
  if (Cause.hasInterruptsOnly(exit.cause)) return exitStatus.interrupted
  const failure = Cause.squash(exit.cause)
  if (failure instanceof QdbError) return printError(shell, failure)
  if (!(failure instanceof StreamError)) throw failure
  if (!failure.readerGone) terminal.writeError(`error: ${failure.message}\n`)
  return exitStatus.failed
}

function programOf(shell: Shell): Effect.Effect<number, QdbError | StreamError, Connection | Scope.Scope> {
  const { options, terminal } = shell
  if (options.words.length > 0) return runOneShot(shell)
  return terminal.inputIsTerminal ? runInteractive(shell) : runScript(shell)
}

function runOneShot(shell: Shell): Effect.Effect<number, StreamError, Connection> {
  const { options, terminal } = shell
  const line = joinArguments(options.words)
  if (!line.ok) {
    terminal.writeError(renderUsage(line.wrong, undefined, errorStyle(shell)))
    return Effect.succeed(exitStatus.usage)
  }
  const mode: LineMode = {
    input: terminal.inputIsTerminal ? "terminal" : "free",
    style: terminal.outputIsTerminal ? "terminal" : "raw",
    encode: (text) => encoder.encode(text),
    confirm: terminal.inputIsTerminal ? (question) => askOnTerminal(terminal, question) : undefined,
  }
  return runLine(shell, line.value, mode)
}

/** One line from the terminal, without the editor that the interactive shell has. */
function askOnTerminal(terminal: Terminal, question: string): Effect.Effect<boolean> {
  return Effect.promise(async () => {
    terminal.writeError(question)
    let answer = ""
    for await (const chunk of terminal.input()) {
      answer += Buffer.from(chunk).toString("latin1")
      if (answer.includes("\n") || answer.length > 1024) break
    }
    return answer.trim() === "yes"
  })
}
