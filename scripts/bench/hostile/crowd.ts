/**
 * Many connections of one behaviour: as many as it wants are kept open, and each is reminded of its duty once a second.
 *
 * They know nothing of each other, so nothing of what they do comes at once: connections are opened one after the other, and
 * each one's seconds count from its own opening. Ten that were opened by one tick of a timer, and a hundred that wrote at the
 * same instant, would measure the timer.
 */
import type { Socket } from "bun"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { Behaviour } from "./behaviours.ts"

/** As often as a timer can be had. */
const stepMs = 1
const tickMs = 1_000
/** A step that comes late makes up for no more than this. */
const lateMsMax = 20

interface Reminder {
  readonly socket: Socket
  readonly dueMs: number
}

export class Crowd {
  /** Connections that were opened so far. */
  opened = 0
  private readonly behaviour: Behaviour
  private readonly host: string
  private readonly port: number
  private readonly prng: Prng
  private readonly sockets = new Set<Socket>()
  private opening = 0
  /** In the order in which they are due: all wait equally long. */
  private readonly reminders: Array<Reminder> = []
  /** Connections that may be opened now, and parts of one. */
  private credit = 0
  private steppedMs = performance.now()
  private readonly timer: ReturnType<typeof setInterval>
  private stopped = false

  constructor(behaviour: Behaviour, host: string, port: number, prng: Prng) {
    this.behaviour = behaviour
    this.host = host
    this.port = port
    this.prng = prng
    this.timer = setInterval(() => this.step(), stepMs)
  }

  private step(): void {
    const { count, perSecond, tick } = this.behaviour
    const nowMs = performance.now()
    const passedMs = Math.min(lateMsMax, nowMs - this.steppedMs)
    this.steppedMs = nowMs
    const missing = count - this.sockets.size - this.opening
    // Nobody saves up for later while all are there.
    this.credit = Math.min(missing, this.credit + (perSecond * passedMs) / 1000)
    for (; this.credit >= 1; this.credit--) this.open()
    if (tick === undefined) return
    while ((this.reminders[0]?.dueMs ?? nowMs) < nowMs) this.remind(tick, nowMs)
  }

  private remind(tick: NonNullable<Behaviour["tick"]>, nowMs: number): void {
    const { socket } = this.reminders.shift() as Reminder
    if (!this.sockets.has(socket)) return
    this.reminders.push({ socket, dueMs: nowMs + tickMs })
    tick(socket, this.prng)
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
          this.reminders.push({ socket, dueMs: performance.now() + tickMs })
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

  /** Everybody leaves. */
  stop(): void {
    this.stopped = true
    clearInterval(this.timer)
    for (const socket of this.sockets) socket.terminate()
  }
}
