/**
 * Standard input, output and error, as the shell uses them. One interface, so that a test can hand in its own.
 *
 * Output is awaited: a content of 64 MiB into a slow pipe must neither pile up nor be cut off when the process ends.
 */
import * as Effect from "effect/Effect"
import { isatty } from "node:tty"

export interface Terminal {
  readonly inputIsTerminal: boolean
  readonly outputIsTerminal: boolean
  readonly errorIsTerminal: boolean
  /** Writes to standard output, and resolves when it was taken. @throws StreamError */
  write(bytes: Uint8Array): Promise<void>
  writeError(text: string): void
  /** Standard input, as it comes. @throws StreamError */
  input(): AsyncIterable<Uint8Array>
  /** Lets go of standard input, where it was read but not to its end: an open pipe would keep the process. */
  close(): void
}

/** Standard input cannot be read, or standard output not be written. */
export class StreamError extends Error {
  override readonly name = "StreamError"
  /** Nobody reads standard output any more: `head` goes when it has enough. */
  readonly readerGone: boolean

  constructor(what: string, cause: NodeJS.ErrnoException) {
    super(`${what}: ${cause.message}`, { cause })
    this.readerGone = cause.code === "EPIPE"
  }
}

export function processTerminal(): Terminal {
  let failure: StreamError | undefined
  let reading = false
  // Without a listener a closed pipe would end the process with a stack trace.
  process.stdout.on("error", (error) => (failure = outputError(error)))
  process.stderr.on("error", () => undefined)
  return {
    inputIsTerminal: isatty(0),
    outputIsTerminal: isatty(1),
    errorIsTerminal: isatty(2),
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure)
        if (bytes.length === 0) return resolve()
        process.stdout.write(bytes, (error) => (error ? reject(outputError(error)) : resolve()))
      }),
    writeError: (text) => void process.stderr.write(text),
    async *input() {
      reading = true
      try {
        yield* process.stdin as AsyncIterable<Uint8Array>
      } catch (error) {
        throw new StreamError("Standard input cannot be read", error as NodeJS.ErrnoException)
      }
    },
    close() {
      if (reading) process.stdin.destroy()
    },
  }
}

function outputError(error: NodeJS.ErrnoException): StreamError {
  return new StreamError("Standard output cannot be written", error)
}

/** A promise that fails with a stream's error only. */
export function streamEffect<A>(work: () => Promise<A>): Effect.Effect<A, StreamError> {
  return Effect.tryPromise({ try: work, catch: (error) => error }).pipe(
    Effect.catch((error) => (error instanceof StreamError ? Effect.fail(error) : Effect.die(error))),
  )
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
