/**
 * Virtual time and a virtual network for the client's machine: events in order of time, decided by a seed. Connections are
 * to `FakePeer`s; each delivery takes a random time, in order within a connection.
 */
import { setImmediate } from "node:timers"
import { Prng } from "../../../src/core/lib/prng.ts"
import type { Address } from "../../../src/client/address.ts"
import type { ClientRuntime, Link, LinkEvents } from "../../../src/client/runtime.ts"
import { type FakeCluster, FakePeer } from "./fake-cluster.ts"

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** What becomes of a dial: refused, never answered, or a connection. */
export type DialOutcome = "open" | "refused" | "silent"

export class VirtualWorld {
  nowMs = 0
  readonly prng: Prng
  readonly cluster: FakeCluster
  /** Dials in order, by `host:port`. */
  readonly dials: { readonly atMs: number; readonly address: string }[] = []
  /** Writes of a client, in order. */
  writes = 0
  /** Addresses that no bytes come back from. */
  readonly muted = new Set<string>()
  dialOutcome: (address: string, dial: number) => DialOutcome = () => "open"
  private events: Event[] = []
  private order = 0
  private readonly resets = new Map<string, Set<() => void>>()
  private readonly open = new Map<string, Set<Link>>()

  constructor(cluster: FakeCluster, seed: number) {
    this.cluster = cluster
    this.prng = new Prng(seed)
  }

  at(atMs: number, run: () => void): () => void {
    const event = { atMs, order: this.order++, run }
    // From the back: most events are the latest.
    let place = this.events.length
    while (place > 0 && (this.events[place - 1] as Event).atMs > atMs) place--
    this.events.splice(place, 0, event)
    return () => {
      const index = this.events.indexOf(event)
      if (index >= 0) this.events.splice(index, 1)
    }
  }

  /** Resets all connections to an address. */
  reset(address: string): void {
    for (const reset of this.resets.get(address) ?? []) reset()
  }

  /** Connections to an address that are open. */
  openTo(address: string): number {
    return this.open.get(address)?.size ?? 0
  }

  /** Lets time pass until `done` holds, or nothing is left to happen, or it is `untilMs`. */
  async run(done: () => boolean, untilMs: number = Infinity): Promise<void> {
    await turn()
    while (!done()) {
      const next = this.events[0]
      if (next === undefined || next.atMs > untilMs) {
        if (untilMs < Infinity) this.nowMs = Math.max(this.nowMs, untilMs)
        return
      }
      this.events.shift()
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
      await turn()
    }
  }

  /** @returns what the promise gives, having let time pass until then; a hang is an error */
  async outcome<A>(promise: Promise<A>): Promise<A> {
    let settled = false
    const watched = promise.finally(() => (settled = true))
    watched.catch(() => undefined)
    await this.run(() => settled)
    if (!settled) throw new Error("nothing is left to happen, and the promise is not settled")
    return watched
  }

  runtime(): ClientRuntime {
    return {
      monotonicMs: () => this.nowMs,
      wallMs: () => 1_700_000_000_000 + this.nowMs,
      prng: this.prng.fork(),
      timer: (delayMs, wake) => this.at(this.nowMs + delayMs, wake),
      atTurnEnd: (run) => void this.at(this.nowMs, run),
      dial: (address, events) => this.dial(address, events),
    }
  }

  private dial(address: Address, events: LinkEvents): Link {
    const outcome = this.dialOutcome(address.text, this.dials.length)
    this.dials.push({ atMs: this.nowMs, address: address.text })
    let open = true
    const links = this.open.get(address.text) ?? new Set()
    this.open.set(address.text, links)
    const close = (reason: string) => {
      if (!open) return
      open = false
      links.delete(link)
      events.linkClosed(reason)
    }
    // In order within a direction: nothing arrives before what was sent earlier.
    const pipe = (deliver: (bytes: Uint8Array) => void) => {
      let lastMs = 0
      return (bytes: Uint8Array) => {
        lastMs = Math.max(lastMs, this.nowMs + this.prng.between(0, 3))
        this.at(lastMs, () => deliver(bytes))
        return lastMs
      }
    }
    const toClient = pipe((bytes) => {
      if (open && !this.muted.has(address.text))
        deliverInPieces(this.prng, bytes, (piece) => open && events.linkReceived(piece))
    })
    let lastToClientMs = 0
    const peer = new FakePeer(this.cluster, address.text, {
      send: (bytes) => (lastToClientMs = toClient(bytes.slice())),
      reset: () => this.at(Math.max(lastToClientMs, this.nowMs), () => close("connection reset")),
      later: (delayMs, run) => this.at(this.nowMs + delayMs, run),
    })
    const toPeer = pipe((bytes) => peer.receive(bytes))
    const resets = this.resets.get(address.text) ?? new Set()
    this.resets.set(
      address.text,
      resets.add(() => close("connection reset")),
    )
    const opened = () => {
      if (!open) return
      links.add(link)
      events.linkOpened()
    }
    if (outcome === "open") this.at(this.nowMs + this.prng.between(0, 3), opened)
    if (outcome === "refused") this.at(this.nowMs + 1, () => close("connection refused"))
    const link: Link = {
      write: (bytes) => {
        this.writes++
        if (open) toPeer(bytes.slice())
      },
      close: () => {
        open = false
        links.delete(link)
      },
    }
    return link
  }
}

/** A stream has no message boundaries: hands the bytes over in one to three pieces. */
function deliverInPieces(prng: Prng, bytes: Uint8Array, deliver: (piece: Uint8Array) => void): void {
  let start = 0
  for (let cuts = prng.below(3); cuts > 0 && start < bytes.length; cuts--) {
    const end = prng.between(start, bytes.length)
    if (end > start) deliver(bytes.slice(start, end))
    start = end
  }
  if (start < bytes.length) deliver(bytes.slice(start))
}

/** Lets all promises that can go on do so. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
