/**
 * The world of a simulated client: what `src/client/transport.ts` is for a real one. Its timers go off with the ticks of its
 * machine, and a turn ends with the step that it began in.
 */
import type { Address } from "../../../src/client/address.ts"
import type { ClientRuntime, Link, LinkEvents } from "../../../src/client/runtime.ts"
import type { Now } from "../../../src/core/lib/clock.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { Host } from "../machine.ts"
import type { StreamEvent, StreamHandle } from "../streams.ts"

interface Timer {
  readonly atMs: number
  readonly wake: () => void
}

export class SimulatedRuntime<Contents> implements ClientRuntime {
  readonly prng: Prng
  private readonly host: Host<Contents>
  private readonly links = new Map<StreamHandle, LinkEvents>()
  /** What the system has not taken yet, oldest first. */
  private readonly unsent = new Map<StreamHandle, Uint8Array[]>()
  private timers: Timer[] = []
  private turnEnds: (() => void)[] = []
  private now: Now = { monotonicMs: 0, wallMs: 0 }

  constructor(host: Host<Contents>, prng: Prng) {
    this.host = host
    this.prng = prng
  }

  /** A step begins, with the clocks read for it. */
  begin(now: Now): void {
    this.now = now
  }

  event(end: StreamHandle, event: StreamEvent): void {
    const events = this.links.get(end)
    if (events === undefined) return
    if (event.what === "opened") events.linkOpened()
    else if (event.what === "bytes") events.linkReceived(event.bytes)
    else if (event.what === "drained") this.write(end)
    else if (event.what === "closed") {
      this.links.delete(end)
      this.unsent.delete(end)
      events.linkClosed(event.reason)
    }
  }

  /** Timers whose time has come go off. */
  tick(): void {
    const { monotonicMs } = this.now
    const due = this.timers.filter(({ atMs }) => atMs <= monotonicMs)
    if (due.length === 0) return
    this.timers = this.timers.filter(({ atMs }) => atMs > monotonicMs)
    for (const { wake } of due.sort((a, b) => a.atMs - b.atMs)) wake()
  }

  endTurn(): void {
    for (let run = this.turnEnds.shift(); run !== undefined; run = this.turnEnds.shift()) run()
  }

  monotonicMs(): number {
    return this.now.monotonicMs
  }

  wallMs(): number {
    return Math.round(this.now.wallMs)
  }

  timer(delayMs: number, wake: () => void): () => void {
    const timer = { atMs: this.now.monotonicMs + delayMs, wake }
    this.timers.push(timer)
    return () => {
      const place = this.timers.indexOf(timer)
      if (place !== -1) this.timers.splice(place, 1)
    }
  }

  atTurnEnd(run: () => void): void {
    this.turnEnds.push(run)
  }

  dial(address: Address, events: LinkEvents): Link {
    const { host, links } = this
    const end = host.dial(address.text)
    links.set(end, events)
    const waiting: Uint8Array[] = []
    this.unsent.set(end, waiting)
    return {
      write: (bytes) => {
        waiting.push(bytes)
        if (waiting.length === 1) this.write(end)
      },
      close: () => {
        links.delete(end)
        this.unsent.delete(end)
        host.close(end)
      },
    }
  }

  private write(end: StreamHandle): void {
    const waiting = this.unsent.get(end) ?? []
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const taken = this.host.write(end, next, "request")
      if (taken === next.length) waiting.shift()
      else return void (waiting[0] = next.subarray(taken))
    }
  }
}
