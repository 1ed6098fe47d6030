/**
 * Lines typed on a terminal: `node:readline` with the shell's history and completion, turned from events into one question
 * at a time. It keeps reading while a command runs, or Ctrl-C would not be noticed; lines typed ahead wait their turn.
 */
import type { Interface } from "node:readline"
import { complete } from "../command/complete.ts"
import { type History, historyLinesMax } from "./history.ts"

/** Lines typed or pasted ahead; beyond, input is left where it is. */
const aheadMax = 1000

export class LineEditor {
  /** Called at Ctrl-C while no line is asked for. */
  onInterrupt: () => void = () => undefined
  private readonly readline: Interface
  private readonly ahead: string[] = []
  private waiting: ((line: string | undefined) => void) | undefined
  private ended = false

  private constructor(readline: Interface) {
    this.readline = readline
    readline.on("line", (line) => this.take(line))
    readline.on("close", () => this.end())
    readline.on("SIGINT", () => this.interrupt())
  }

  /** `node:readline` is loaded here, and not when a command is given: it takes milliseconds. */
  static async open(history: History, output: NodeJS.WriteStream): Promise<LineEditor> {
    const { createInterface } = await import("node:readline")
    const readline = createInterface({
      input: process.stdin,
      output,
      terminal: true,
      history: history.lines.toReversed(),
      historySize: historyLinesMax,
      removeHistoryDuplicates: true,
      completer: (line: string) => {
        const { candidates, word } = complete(line)
        return [[...candidates], word]
      },
    })
    return new LineEditor(readline)
  }

  /** @returns the next line; undefined at the end of the input (Ctrl-D) */
  ask(prompt: string): Promise<string | undefined> {
    const typed = this.ahead.shift()
    if (!this.ended && this.ahead.length < aheadMax) this.readline.resume()
    if (typed !== undefined) return Promise.resolve(typed)
    if (this.ended) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      this.waiting = resolve
      this.readline.setPrompt(prompt)
      this.readline.prompt()
    })
  }

  /** A question whose answer must be typed after it: lines typed ahead do not answer it. */
  confirm(question: string): Promise<string | undefined> {
    this.ahead.length = 0
    return this.ask(question)
  }

  close(): void {
    this.readline.close()
  }

  private take(line: string): void {
    const { waiting } = this
    if (waiting !== undefined) {
      this.waiting = undefined
      return waiting(line)
    }
    this.ahead.push(line)
    if (this.ahead.length >= aheadMax) this.readline.pause()
  }

  /** Ctrl-D: what runs, and what was typed before, is finished. */
  private end(): void {
    this.ended = true
    this.waiting?.(undefined)
    this.waiting = undefined
  }

  /** Ctrl-C: gives up the line that is typed, or the command that runs. */
  private interrupt(): void {
    this.ahead.length = 0
    const { waiting } = this
    if (waiting === undefined) return this.onInterrupt()
    this.waiting = undefined
    // Erased as the terminal's own editing would: to the end of the line, then to its beginning.
    this.readline.write(null, { ctrl: true, name: "e" })
    this.readline.write(null, { ctrl: true, name: "u" })
    waiting("")
  }
}
