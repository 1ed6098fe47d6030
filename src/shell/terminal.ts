/**
 * Standard input, output and error, as the shell uses them. One interface, so that a test can hand in its own.
 *
 * Output is awaited: a content of 64 MiB into a slow pipe must neither pile up nor be cut off when the process ends.
 */
import { isatty } from "node:tty"

export interface Terminal {
  readonly inputIsTerminal: boolean
  readonly outputIsTerminal: boolean
  readonly errorIsTerminal: boolean
  /** Writes to standard output, and resolves when it was taken. @throws OutputError */
  write(bytes: Uint8Array): Promise<void>
  writeError(text: string): void
  /** Standard input, as it comes. */
  input(): AsyncIterable<Uint8Array>
  /** Lets go of standard input, where it was read but not to its end: an open pipe would keep the process. */
  close(): void
}

/** Nobody reads standard output any more, or it cannot be written. */
export class OutputError extends Error {
  override readonly name = "OutputError"
  /** The reader has gone, as `head` does when it has enough. */
  readonly readerGone: boolean

  constructor(cause: NodeJS.ErrnoException) {
    super(`Standard output cannot be written: ${cause.message}`, { cause })
    this.readerGone = cause.code === "EPIPE"
  }
}

export function processTerminal(): Terminal {
  let failure: OutputError | undefined
  let reading = false
  // Without a listener a closed pipe would end the process with a stack trace.
  process.stdout.on("error", (error) => (failure = new OutputError(error)))
  process.stderr.on("error", () => undefined)
  return {
    inputIsTerminal: isatty(0),
    outputIsTerminal: isatty(1),
    errorIsTerminal: isatty(2),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure)
        if (bytes.length === 0) return resolve()
        process.stdout.write(bytes, (error) => (error ? reject(new OutputError(error)) : resolve()))
      }),
    writeError: (text) => void process.stderr.write(text),
    input() {
      reading = true
      return process.stdin
    },
    close() {
      if (reading) process.stdin.destroy()
    },
  }
}

/** @returns all of standard input, or undefined where it is longer than `bytesMax` */
export async function readAll(terminal: Terminal, bytesMax: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of terminal.input()) {
    length += chunk.length
    if (length > bytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}
