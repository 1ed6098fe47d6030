/** Many connections that have said hello and do nothing but ping: what a pool of idle applications looks like. */
import type { Socket } from "bun"
import { operation } from "../../src/core/entry/operation.ts"
import { pingIntervalMs } from "../../src/core/lib/limits.ts"
import { qdbProtocol } from "./load/qdb.ts"

/** Opened at once, so that the listener's queue does not overflow. */
const openingAtOnce = 100

interface Idle {
  received: Uint8Array
  greeted: boolean
  settle: ((refusal: string | undefined) => void) | undefined
  lost: boolean
  gone: (() => void) | undefined
}

export class IdleSessions {
  private readonly sockets: Array<Socket<Idle>> = []
  private readonly pinger: ReturnType<typeof setInterval>
  private nextToPing = 0
  private pingedMs = performance.now()
  private closing = false
  /** Connections that the server has closed after their hello. */
  closed = 0

  constructor() {
    // A hundredth of them every hundredth of the interval: no bursts.
    this.pinger = setInterval(() => this.pingSome(), pingIntervalMs / 100)
  }

  get count(): number {
    return this.sockets.length
  }

  /** @returns the text of the first refusal, or undefined when all were accepted */
  async open(host: string, port: number, count: number): Promise<string | undefined> {
    let refusal: string | undefined
    for (let opened = 0; opened < count && refusal === undefined; opened += openingAtOnce) {
      const some = Math.min(openingAtOnce, count - opened)
      const answers = await Promise.all(Array.from({ length: some }, () => this.openOne(host, port)))
      refusal = answers.find((answer) => answer !== undefined)
    }
    return refusal
  }

  /** Ends all of them. @returns when the server has let go of the last */
  async close(): Promise<void> {
    clearInterval(this.pinger)
    this.closing = true
    const open = this.sockets.filter(({ data }) => !data.lost)
    const gone = open.map(({ data }) => new Promise<void>((resolve) => (data.gone = resolve)))
    for (const socket of open) socket.end()
    await Promise.all(gone)
  }

  private openOne(host: string, port: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      const data: Idle = {
        received: new Uint8Array(0),
        greeted: false,
        settle: resolve,
        lost: false,
        gone: undefined,
      }
      const opening = Bun.connect<Idle>({
        hostname: host,
        port,
        data,
        socket: {
          open: (socket) => void socket.write(qdbProtocol.greeting() as Uint8Array),
          data: (socket, chunk) => this.receive(socket, chunk),
          close: (socket) => this.lost(socket, "closed without an answer"),
          error: (socket, error) => this.lost(socket, error.message),
          connectError: (_socket, error) => resolve(error.message),
        },
      })
      opening.catch((error: Error) => resolve(error.message))
    })
  }

  private receive(socket: Socket<Idle>, chunk: Uint8Array): void {
    const idle = socket.data
    // After the hello come only answers to pings, which nobody reads.
    if (idle.greeted) return
    idle.received = Buffer.concat([idle.received, chunk])
    try {
      if (qdbProtocol.readGreeting(idle.received, 0, idle.received.length) < 0) return
    } catch (error) {
      this.lost(socket, (error as Error).message)
      return
    }
    idle.greeted = true
    idle.received = new Uint8Array(0)
    this.sockets.push(socket)
    idle.settle?.(undefined)
    idle.settle = undefined
  }

  private lost(socket: Socket<Idle>, why: string): void {
    const idle = socket.data
    // An error is followed by the connection's end.
    if (idle.lost) return
    idle.lost = true
    if (idle.greeted && !this.closing) this.closed += 1
    idle.settle?.(why)
    idle.settle = undefined
    idle.gone?.()
  }

  /** As many as the time since the last call is worth: a busy machine runs timers late, and nobody may go silent for that. */
  private pingSome(): void {
    const nowMs = performance.now()
    const share = Math.min(1, (nowMs - this.pingedMs) / pingIntervalMs)
    this.pingedMs = nowMs
    const some = Math.ceil(this.sockets.length * share)
    for (let pinged = 0; pinged < some; pinged++) {
      this.nextToPing = (this.nextToPing + 1) % this.sockets.length
      this.sockets[this.nextToPing]?.write(pingFrame)
    }
  }
}

/** `[ping, 1, 0, 127]`: a request of which every element is one byte. */
const pingFrame = Uint8Array.of(5, 0, 0, 0, 0x94, operation.ping, 1, 0, 127)
