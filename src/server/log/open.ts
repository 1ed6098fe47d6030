/** Builds the logger that the configuration asks for. */
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import type { Config } from "../../config/config.ts"
import { StartError } from "../start-error.ts"
import { Logger } from "./logger.ts"
import { ConsoleSink, FileSink, type LogSink } from "./sink.ts"
import { SyslogSink } from "./syslog.ts"

/** @throws StartError if a log file cannot be opened or the system's log cannot be reached */
export function openLogger(config: Config["local"]["logger"]): Logger {
  const sinks: LogSink[] = []
  for (const path of config.log_files) {
    try {
      mkdirSync(dirname(path), { recursive: true })
      sinks.push(new FileSink(path, config.format))
    } catch (cause) {
      throw new StartError(`the log file ${path} cannot be opened: ${messageOf(cause)}`)
    }
  }
  if (config.log_to_syslog) {
    try {
      sinks.push(new SyslogSink())
    } catch (cause) {
      throw new StartError(`the system's log cannot be used on this platform: ${messageOf(cause)}`)
    }
  }
  // Last: who sees a line on the console finds it in the files.
  if (config.log_to_console) sinks.push(new ConsoleSink(config.format))
  return new Logger(sinks, config.log_level, config.flush_interval)
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
