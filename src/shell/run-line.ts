/**
 * One line, from its text to its exit status: parsed, its content read from standard input where that is asked for, carried
 * out, and printed. One-shot use, scripts and the interactive shell differ only in `LineMode`.
 */
import * as Effect from "effect/Effect"
import { usageOf } from "../command/command.ts"
import { type Input, type Invocation, parseLine } from "../command/parse.ts"
import { contentBytesMax } from "../core/lib/limits.ts"
import { type QdbError, qdbError } from "../client/error.ts"
import { Connection } from "./connection.ts"
import { type Arguments, execute } from "./execute.ts"
import { safeLine } from "./escape.ts"
import type { Options } from "./options.ts"
import { exitStatus, type Outcome, statusOf } from "./outcome.ts"
import {
  type ErrorStyle,
  type OutputStyle,
  renderError,
  renderJson,
  renderOutcome,
  renderUsage,
} from "./render.ts"
import { readAll, streamEffect, type StreamError, type Terminal } from "./terminal.ts"

export interface LineMode {
  /** What standard input is to the command. */
  readonly input: Input
  readonly style: OutputStyle
  /** A part of the line as bytes. */
  readonly encode: (text: string) => Uint8Array
  /** Asks for a confirmation; undefined where nobody can be asked. */
  readonly confirm: ((question: string) => Effect.Effect<boolean>) | undefined
}

export interface Shell {
  readonly options: Options
  readonly terminal: Terminal
}

const none = new Uint8Array(0)

/** @returns the exit status of the line */
export function runLine(
  shell: Shell,
  line: string,
  mode: LineMode,
): Effect.Effect<number, StreamError, Connection> {
  const parsed = parseLine(line, mode.input)
  if (!parsed.ok) {
    const usage = parsed.command === undefined ? undefined : usageOf(parsed.command)
    shell.terminal.writeError(renderUsage(parsed.message, usage, errorStyle(shell)))
    return Effect.succeed(exitStatus.usage)
  }
  const { invocation } = parsed
  return Effect.gen(function* () {
    const warning = warningOf(invocation)
    if (warning !== undefined && !shell.options.yes) {
      const refused = yield* confirmed(shell, mode, warning)
      if (refused !== undefined) return refused
    }
    if (invocation.fromInput !== undefined) {
      // Before a long pipe is read to its end it should be known that there is a daemon.
      const connection = yield* Connection
      yield* connection.main
    }
    const args = yield* readArguments(shell, invocation, mode)
    const outcome = yield* execute(invocation, args, progress(shell, mode))
    return yield* print(shell, outcome, mode)
  }).pipe(Effect.catchTag("QdbError", (error) => Effect.succeed(printError(shell, error))))
}

export function errorStyle({ options, terminal }: Shell): ErrorStyle {
  return { json: options.json, color: options.color && terminal.errorIsTerminal }
}

/** Prints an error. @returns its exit status */
export function printError(shell: Shell, error: QdbError): number {
  shell.terminal.writeError(renderError(error, errorStyle(shell)))
  return error.exitStatus
}

function print(shell: Shell, outcome: Outcome, mode: LineMode): Effect.Effect<number, StreamError> {
  const bytes = shell.options.json
    ? renderJson(outcome, shell.terminal.outputIsTerminal)
    : renderOutcome(outcome, mode.style)
  return streamEffect(() => shell.terminal.write(bytes)).pipe(
    Effect.map(() => {
      // The stored content was printed; that it did not match is an error all the same.
      if (outcome.kind === "swap" && !outcome.swapped) return printError(shell, qdbError("unmatched_content"))
      return statusOf(outcome)
    }),
  )
}

function readArguments(
  shell: Shell,
  invocation: Invocation,
  { encode }: LineMode,
): Effect.Effect<Arguments, QdbError | StreamError> {
  const { alias, prefix, content, comparand, reason, fromInput } = invocation
  const given = {
    alias: encode(alias),
    prefix: encode(prefix),
    content: content === undefined ? none : encode(content),
    comparand: comparand === undefined ? none : encode(comparand),
    reason: new TextDecoder().decode(encode(reason)),
  }
  if (fromInput === undefined) return Effect.succeed(given)
  return streamEffect(() => readAll(shell.terminal, contentBytesMax)).pipe(
    Effect.flatMap((bytes) => {
      if (bytes !== undefined) return Effect.succeed({ ...given, [fromInput]: bytes })
      const message = `Standard input holds more than ${contentBytesMax} bytes, the most that an entry may have.`
      return Effect.fail(qdbError("entry_too_large", { message, definite: true }))
    }),
  )
}

/** What has to be confirmed before it is done. */
interface Warning {
  readonly command: string
  readonly what: string
  readonly question: string
  readonly ifNot: string
}

function warningOf({ command, target }: Invocation): Warning | undefined {
  if (command.name === "remove_all") {
    return {
      command: "remove_all",
      what: "removes all entries of the cluster",
      question: "Remove all entries of the cluster?",
      ifNot: "nothing was removed",
    }
  }
  if (command.name !== "cluster_recover") return undefined
  return {
    command: `cluster_recover ${target}`,
    what: "gives up entries for ever",
    question: `Give up for ever what only ${safeLine(target)} held?`,
    ifNot: "nothing was given up",
  }
}

/** @returns the status to end with, or undefined to go on */
function confirmed(shell: Shell, mode: LineMode, warning: Warning): Effect.Effect<number | undefined> {
  if (mode.confirm === undefined) {
    const [name] = warning.command.split(" ")
    const message = `${name} ${warning.what}; where nobody can be asked it needs --yes`
    shell.terminal.writeError(renderUsage(message, `qdbsh --yes ${warning.command}`, errorStyle(shell)))
    return Effect.succeed(exitStatus.usage)
  }
  return mode.confirm(`${warning.question} Type yes to go on: `).pipe(
    Effect.map((yes) => {
      if (yes) return undefined
      shell.terminal.writeError(`${warning.ifNot}\n`)
      return exitStatus.failed
    }),
  )
}

/** Shows how far a long command came: on a terminal only, in place, and gone when it is done. */
function progress({ terminal, options }: Shell, { style }: LineMode): (removed: number) => void {
  if (style !== "terminal" || !terminal.errorIsTerminal || options.json) return () => undefined
  return (removed) => terminal.writeError(`\r${removed} entries removed\r`)
}
