/**
 * The daemon's log: levels by quasardb's names, any number of sinks, and the last thousand lines in memory for the dump
 * file. Not on the hot path: nothing here is called per operation.
 */
import { type Fields, levelNames, type LevelName, type Line } from "./line.ts"
import type { LogSink } from "./sink.ts"

const recentLinesMax = 1000

export class Logger {
  private readonly sinks: readonly LogSink[]
  private readonly threshold: number
  private readonly recent: Line[] = []
  private readonly timer: ReturnType<typeof setInterval> | undefined

  /** @param level lines below it are dropped. @param flushSeconds 0: every line at once */
  constructor(sinks: readonly LogSink[], level: number, flushSeconds: number) {
    this.sinks = sinks
    this.threshold = level
    if (flushSeconds > 0) {
      this.timer = setInterval(() => this.flush(), flushSeconds * 1000)
      this.timer.unref()
    }
  }

  log(level: LevelName, component: string, text: string, fields?: Fields): void {
    if (levelNames.indexOf(level) < this.threshold) return
    const line: Line = { timeMs: Date.now(), level, component, text, fields }
    this.recent.push(line)
    if (this.recent.length > recentLinesMax) this.recent.shift()
    for (const sink of this.sinks) {
      sink.write(line)
      if (this.timer === undefined) sink.flush()
    }
  }

  debug(component: string, text: string, fields?: Fields): void {
    this.log("debug", component, text, fields)
  }
  info(component: string, text: string, fields?: Fields): void {
    this.log("info", component, text, fields)
  }
  warning(component: string, text: string, fields?: Fields): void {
    this.log("warning", component, text, fields)
  }
  error(component: string, text: string, fields?: Fields): void {
    this.log("error", component, text, fields)
  }

  /** The last lines, oldest first. */
  recentLines(): readonly Line[] {
    return this.recent
  }

  flush(): void {
    for (const sink of this.sinks) sink.flush()
  }

  reopen(): void {
    for (const sink of this.sinks) sink.reopen()
  }

  close(): void {
    clearInterval(this.timer)
    for (const sink of this.sinks) sink.close()
  }
}
