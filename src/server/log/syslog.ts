/**
 * The system's log, through libc's `openlog` and `syslog`: no runtime has unix datagram sockets. Only under Bun, so in the
 * executables.
 *
 * The message is passed as the format with its per cent signs doubled, because calling a variadic function through a
 * foreign interface is not portable between calling conventions.
 */
import { openLibc } from "../../platform/libc.ts"
import type { Line } from "./line.ts"
import type { LogSink } from "./sink.ts"

/** RFC 5424 severities by our levels. */
const severity = { detailed: 7, debug: 7, info: 6, warning: 4, error: 3, panic: 2 } as const
const facilityDaemon = 3 << 3
const withPid = 1

export class SyslogSink implements LogSink {
  private readonly syslog: (priority: number, text: Uint8Array) => void
  /** libc keeps the pointer to the identity: it must live as long as the sink. */
  private readonly identity = Buffer.from("qdbd\0")

  /** @throws where libc cannot be called */
  constructor() {
    const symbols = openLibc({
      openlog: { args: ["ptr", "i32", "i32"], returns: "void" },
      syslog: { args: ["i32", "ptr"], returns: "void" },
    })
    symbols.openlog(this.identity, withPid, facilityDaemon)
    this.syslog = (priority, text) => symbols.syslog(priority, text)
  }

  write(line: Line): void {
    let text = `${line.component}: ${line.text}`
    for (const [key, value] of Object.entries(line.fields ?? {})) text += ` ${key}=${String(value)}`
    this.syslog(severity[line.level], Buffer.from(`${text.replaceAll("%", "%%").replaceAll("\0", "")}\0`))
  }

  flush(): void {}
  reopen(): void {}
  close(): void {}
}
