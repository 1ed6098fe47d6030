/**
 * The interactive shell: prompts, runs a line, prompts again. The prompt says how the last line ended.
 *
 * Ctrl-C while a command runs interrupts its fiber, which gives the request up; Ctrl-D, or `exit`, leaves.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { isOrder, operation } from "../core/entry/operation.ts"
import { commandOf } from "../command/table.ts"
import { type QdbError, qdbError } from "../client/error.ts"
import { Connection } from "./connection.ts"
import { History, historyPath } from "./history.ts"
import { LineEditor } from "./line-editor.ts"
import { exitStatus } from "./outcome.ts"
import { type LineMode, printError, runLine, type Shell } from "./run-line.ts"
import type { StreamError } from "./terminal.ts"
import { version } from "./version.ts"

const encoder = new TextEncoder()

/** @returns 0; how single lines ended is what the prompt is for */
export function runInteractive(
  shell: Shell,
): Effect.Effect<number, QdbError | StreamError, Connection | Scope.Scope> {
  return Effect.gen(function* () {
    const connection = yield* Connection
    const qdb = yield* connection.main
    const address = yield* qdb.address
    const { terminal } = shell
    const history = new History(historyPath(process.env), (text) => terminal.writeError(text))
    const editor = yield* openEditor(shell, history)
    const output = terminal.outputIsTerminal ? "terminal" : "lines"
    terminal.writeError(`qdbsh ${version}, connected to ${address?.text}; help lists the commands\n`)
    let status: number = exitStatus.done
    for (;;) {
      const line = yield* Effect.promise(() => editor.ask(promptOf(shell, status)))
      if (line === undefined) {
        terminal.writeError("\n")
        return exitStatus.done
      }
      history.append(line)
      const word = line.trim()
      if (word === "exit") return exitStatus.done
      // An empty line shows the prompt again, as it was.
      if (word === "") continue
      status = yield* runInterruptibly(shell, editor, line, { ...modeOf(editor), style: output })
    }
  })
}

/** `ok:qdbsh> `, or `ko:qdbsh> ` after a line that failed. */
export function promptOf({ options, terminal }: Shell, status: number): string {
  const prompt = status === exitStatus.done ? "ok:qdbsh> " : "ko:qdbsh> "
  if (!options.color || !terminal.outputIsTerminal) return prompt
  return `\x1b[${status === exitStatus.done ? 32 : 31}m${prompt}\x1b[0m`
}

function openEditor(shell: Shell, history: History): Effect.Effect<LineEditor, never, Scope.Scope> {
  // Where standard output is a file the prompt does not belong in it.
  const output = shell.terminal.outputIsTerminal ? process.stdout : process.stderr
  return Effect.acquireRelease(
    Effect.promise(() => LineEditor.open(history, output)),
    (editor) => Effect.sync(() => editor.close()),
  )
}

function modeOf(editor: LineEditor): Omit<LineMode, "style"> {
  return {
    input: "commands",
    encode: (text) => encoder.encode(text),
    confirm: (question) =>
      Effect.map(
        Effect.promise(() => editor.confirm(question)),
        (answer) => answer?.trim() === "yes",
      ),
  }
}

/** Runs a line in a fiber of its own, which Ctrl-C interrupts. */
function runInterruptibly(
  shell: Shell,
  editor: LineEditor,
  line: string,
  mode: LineMode,
): Effect.Effect<number, StreamError, Connection> {
  return Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(runLine(shell, line, mode))
    editor.onInterrupt = () => Effect.runFork(Fiber.interrupt(fiber))
    const exit = yield* Fiber.await(fiber)
    editor.onInterrupt = () => undefined
    if (Exit.isSuccess(exit)) return exit.value
    if (Exit.hasInterrupts(exit)) return printError(shell, interrupted(line))
    return yield* Effect.failCause(exit.cause)
  })
}

/** 0 for what is no operation of the wire. */
function opcodeOf(name: string): number {
  return (operation as Readonly<Record<string, number>>)[name] ?? 0
}

function interrupted(line: string): QdbError {
  const command = commandOf(line.trim().split(" ")[0] ?? "")
  const changes = command?.class === "write" || (command !== undefined && isOrder(opcodeOf(command.name)))
  if (changes) return qdbError("cancelled")
  const rest = command?.name === "remove_all" ? " Entries that had been removed stay removed." : ""
  return qdbError("cancelled", { message: `The command was cancelled.${rest}` })
}
