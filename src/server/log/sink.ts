/** Where log lines go. A sink never throws: a log that cannot be written must not stop a database. */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs"
import { type Line, type LineFormat, renderLine } from "./line.ts"

export interface LogSink {
  write(line: Line): void
  flush(): void
  /** SIGHUP: log rotation has renamed the file. */
  reopen(): void
  close(): void
}

export class ConsoleSink implements LogSink {
  private readonly format: LineFormat

  constructor(format: LineFormat) {
    this.format = format
  }

  write(line: Line): void {
    try {
      writeSync(2, renderLine(line, this.format))
    } catch (cause) {
      // A closed or full standard error is not ours to mend, and there is nowhere left to say so.
      void cause
    }
  }

  flush(): void {}
  reopen(): void {}
  close(): void {}
}

/** Lines kept while the file cannot be written; the oldest go first. */
const pendingLinesMax = 10_000

/**
 * Appends to a file. Lines are gathered and written every flush interval, and at once from `warning` up; a file that
 * cannot be written is tried again at each flush, and the loss is told when it can.
 */
export class FileSink implements LogSink {
  private readonly path: string
  private readonly format: LineFormat
  private descriptor: number | undefined
  private pending: string[] = []
  private lost = 0

  /** @throws the system's error if the file cannot be opened for appending */
  constructor(path: string, format: LineFormat) {
    this.path = path
    this.format = format
    this.descriptor = openSync(path, "a", 0o640)
  }

  write(line: Line): void {
    if (this.pending.length === pendingLinesMax) {
      this.pending.shift()
      this.lost++
    }
    this.pending.push(renderLine(line, this.format))
    if (line.level === "warning" || line.level === "error" || line.level === "panic") this.flush()
  }

  flush(): void {
    if (this.pending.length === 0) return
    try {
      this.descriptor ??= openSync(this.path, "a", 0o640)
      if (this.lost > 0) {
        const text = `${this.lost} lines were lost while this file could not be written`
        const line = {
          timeMs: Date.now(),
          level: "warning",
          component: "log",
          text,
          fields: undefined,
        } as const
        this.pending.unshift(renderLine(line, this.format))
        this.lost = 0
      }
      this.writeAll(this.descriptor, Buffer.from(this.pending.join("")))
    } catch (cause) {
      // Kept for the next flush; `pendingLinesMax` bounds what is kept.
      void cause
    }
  }

  /** A disk that becomes full takes a part, and fails at the next call. */
  private writeAll(descriptor: number, bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      at += writeSync(descriptor, bytes, at)
      this.pending = at < bytes.length ? [bytes.toString("utf8", at)] : []
    }
  }

  reopen(): void {
    this.flush()
    this.closeFile()
  }

  close(): void {
    this.flush()
    if (this.descriptor !== undefined) {
      try {
        fsyncSync(this.descriptor)
      } catch (cause) {
        // A log on a pipe or a tty cannot be synced.
        void cause
      }
    }
    this.closeFile()
  }

  private closeFile(): void {
    if (this.descriptor !== undefined) closeSync(this.descriptor)
    this.descriptor = undefined
  }
}
