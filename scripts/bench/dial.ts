/** Dials a server until it answers: for its start-up time, and to know that it is there. */
import { qdbProtocol } from "./load/qdb.ts"

/** Between two attempts; the start-up time is right to about this. */
const retryMs = 1

/**
 * @param check called between attempts; throws to give up
 * @throws an error when nothing answered within `timeoutMs`
 */
export async function dialUntilAnswered(
  kind: "qdb" | "redis",
  host: string,
  port: number,
  timeoutMs: number,
  check: () => void,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!(await dial(kind, host, port))) {
    check()
    if (performance.now() > deadlineMs) throw new Error(`${kind} on port ${port} answers nothing`)
    await Bun.sleep(retryMs)
  }
}

/** @returns whether the server answered a greeting */
async function dial(kind: "qdb" | "redis", host: string, port: number): Promise<boolean> {
  const greeting = kind === "qdb" ? (qdbProtocol.greeting() as Uint8Array) : Buffer.from("PING\r\n")
  let received: Uint8Array = new Uint8Array(0)
  return new Promise((resolve) => {
    const socket = Bun.connect({
      hostname: host,
      port,
      socket: {
        open: (opened) => void opened.write(greeting),
        data: (from, chunk) => {
          received = Buffer.concat([received, chunk])
          if (isAnswer(kind, received)) {
            resolve(true)
            from.end()
          }
        },
        close: () => resolve(false),
        error: () => resolve(false),
        connectError: () => resolve(false),
      },
    })
    socket.catch(() => resolve(false))
  })
}

/** Redis answers PING with an error while it loads its data: that is no answer yet. */
function isAnswer(kind: "qdb" | "redis", received: Uint8Array): boolean {
  if (kind === "redis") return Buffer.from(received).toString().startsWith("+PONG\r\n")
  return qdbProtocol.readGreeting(received, 0, received.length) >= 0
}
