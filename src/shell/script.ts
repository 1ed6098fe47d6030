/**
 * Commands from standard input, one a line. A line is bytes, not text: each byte becomes one code unit (latin1) for the
 * parser and a byte again afterwards, so that any content without a line feed can be given.
 *
 * A line that fails does not end the script, as in other database shells: what follows is carried out, and the exit status
 * is the highest of all lines. Only where no daemon can be reached does it end at once, since every line would fail so.
 * Empty lines, and lines that begin with `#`, are passed over; one carriage return before the line feed is dropped.
 */
import * as Effect from "effect/Effect"
import { contentBytesMax } from "../core/lib/limits.ts"
import type { Connection } from "./connection.ts"
import { exitStatus } from "./outcome.ts"
import { renderUsage } from "./render.ts"
import { errorStyle, type LineMode, runLine, type Shell } from "./run-line.ts"
import { streamEffect, type StreamError } from "./terminal.ts"

/** A content, a comparand, and the command around them. */
const lineBytesMax = 2 * contentBytesMax + 8192

const mode: Omit<LineMode, "style"> = {
  input: "commands",
  encode: (text) => Buffer.from(text, "latin1"),
  confirm: undefined,
}

/** @returns the highest exit status */
export function runScript(shell: Shell): Effect.Effect<number, StreamError, Connection> {
  const style = shell.terminal.outputIsTerminal ? "terminal" : "lines"
  return Effect.gen(function* () {
    const lines = linesOf(shell.terminal.input())[Symbol.asyncIterator]()
    let worst: number = exitStatus.done
    for (;;) {
      const next = yield* streamEffect(() => lines.next())
      if (next.done) return worst
      if (next.value === undefined) {
        shell.terminal.writeError(
          renderUsage(`a line is longer than ${lineBytesMax} bytes`, undefined, errorStyle(shell)),
        )
        return Math.max(worst, exitStatus.usage)
      }
      const line = next.value
      const trimmed = line.trim()
      if (trimmed === "" || trimmed.startsWith("#")) continue
      if (trimmed === "exit") return worst
      const status = yield* runLine(shell, line, { ...mode, style })
      worst = Math.max(worst, status)
      if (status === exitStatus.cannotConnect) return worst
    }
  })
}

/** Yields undefined, and ends, where a line is too long. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string | undefined> {
  let parts: string[] = []
  let length = 0
  for await (const chunk of chunks) {
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1")
    let start = 0
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      parts.push(text.slice(start, end))
      yield withoutReturn(parts.join(""))
      parts = []
      length = 0
      start = end + 1
    }
    length += text.length - start
    if (length > lineBytesMax) return yield undefined
    if (start < text.length) parts.push(text.slice(start))
  }
  if (length > 0) yield withoutReturn(parts.join(""))
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line
}
