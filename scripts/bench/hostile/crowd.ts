/** Many connections of one behaviour: as many as it wants are kept open, and each is reminded of its duty once a second. */
import type { Socket } from "bun"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { Behaviour } from "./behaviours.ts"

const topUpMs = 10
const tickMs = 1_000

export class Crowd {
  /** Connections that were opened so far. */
  opened = 0
  private readonly behaviour: Behaviour
  private readonly host: string
  private readonly port: number
  private readonly prng: Prng
  private readonly sockets = new Set<Socket>()
  private opening = 0
  private readonly timers: ReadonlyArray<ReturnType<typeof setInterval>>
  private stopped = false

  constructor(behaviour: Behaviour, host: string, port: number, prng: Prng) {
    this.behaviour = behaviour
    this.host = host
    this.port = port
    this.prng = prng
    this.topUp()
    this.timers = [setInterval(() => this.topUp(), topUpMs), setInterval(() => this.tick(), tickMs)]
  }

  private topUp(): void {
    const { count, perSecond } = this.behaviour
    const missing = count - this.sockets.size - this.opening
    const some = Math.min(missing, Math.ceil((perSecond * topUpMs) / 1000))
    for (let begun = 0; begun < some; begun++) this.open()
  }

  private open(): void {
    this.opening++
    let counted = true
    const settle = () => {
      if (counted) this.opening--
      counted = false
    }
    const gone = (socket: Socket) => void this.sockets.delete(socket)
    Bun.connect({
      hostname: this.host,
      port: this.port,
      socket: {
        open: (socket) => {
          settle()
          if (this.stopped) return void socket.terminate()
          this.opened++
          this.sockets.add(socket)
          this.behaviour.open(socket, this.prng)
        },
        // What the server says is of no interest to a peer like this.
        data: () => undefined,
        close: gone,
        error: gone,
        connectError: settle,
      },
    }).catch(settle)
  }

  private tick(): void {
    const { tick } = this.behaviour
    if (tick === undefined) return
    for (const socket of this.sockets) tick(socket, this.prng)
  }

  /** Everybody leaves. */
  stop(): void {
    this.stopped = true
    for (const timer of this.timers) clearInterval(timer)
    for (const socket of this.sockets) socket.terminate()
  }
}
