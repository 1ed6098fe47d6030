/** Dials a server until it answers: for its start-up time, and to know that it is there. */
import type { LoadProtocol } from "./load/batch.ts"

/** Between two attempts; the start-up time is right to about this. */
const retryMs = 1

/**
 * @param check called between attempts; throws to give up
 * @throws an error when nothing answered within `timeoutMs`
 */
export async function dialUntilAnswered(
  protocol: LoadProtocol,
  host: string,
  port: number,
  timeoutMs: number,
  check: () => void,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!(await dial(protocol, host, port))) {
    check()
    if (performance.now() > deadlineMs) throw new Error(`${protocol.name} on port ${port} answers nothing`)
    await Bun.sleep(retryMs)
  }
}

/** @returns whether the server answered a greeting */
async function dial(protocol: LoadProtocol, host: string, port: number): Promise<boolean> {
  // Redis has no greeting: it is asked something that it can answer.
  const greeting = protocol.greeting() ?? Buffer.from("PING\r\n")
  let received: Uint8Array = new Uint8Array(0)
  return new Promise((resolve) => {
    const socket = Bun.connect({
      hostname: host,
      port,
      socket: {
        open: (opened) => void opened.write(greeting),
        data: (from, chunk) => {
          received = Buffer.concat([received, chunk])
          if (isAnswer(protocol, received)) {
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
function isAnswer(protocol: LoadProtocol, received: Uint8Array): boolean {
  if (protocol.name === "redis") return Buffer.from(received).toString().startsWith("+PONG\r\n")
  return protocol.readGreeting(received, 0, received.length) >= 0
}
