/**
 * Connections of the simulated world, as TCP gives them to processes: what is written on one end arrives at the other in
 * its order and once, or the connection breaks. Underneath is the world's network, which loses and delays: what it loses is
 * sent again, so that a connection across a cut is late by as long as the cut lasts, and what is behind waits.
 *
 * A process that dies leaves its connections to its machine, which says good-bye; a machine without power says nothing,
 * and whoever writes to it afterwards is told that nobody knows the connection any more. A process that is paused is
 * spoken to as if it listened.
 *
 * What is written and not yet taken at the other end lies in buffers of a bounded size: a write is taken as far as there is
 * room (`take`), and who could not write all is told when half of it is free again (`drained`). A process may leave one
 * connection unread (`hold`), and a machine all of its own (`holdAll`).
 */
import type { Machine } from "./machine.ts"
import type { Network } from "./network.ts"

/** One end, as a process holds it: a name for it, no more. */
export interface StreamHandle {
  readonly id: number
  /** Which machine is at the other end; for people. */
  readonly farIndex: number
}

class StreamEnd<Contents> implements StreamHandle {
  readonly id: number
  readonly machine: Machine<Contents>
  /** The process that it belongs to. */
  incarnation: number
  other!: StreamEnd<Contents>
  /** Its process writes no more. */
  closed = false
  readonly queue: Segment[] = []
  /** What was at the front was lost, and is sent again later. */
  stalled = false
  stalls = 0
  lastArrivalMs = 0
  /** Of what is under way only the beginning arrives: `torn` once that was seen. */
  state: "whole" | "tearing" | "torn" = "whole"
  /** Written by its process, and not yet taken by the other one. */
  unreadBytes = 0
  /** Its process could not write all that it wanted. */
  isFull = false
  /** Its process does not read now. */
  isHeld = false
  /** Has arrived, and waits to be read. */
  readonly unread: Segment[] = []

  constructor(id: number, machine: Machine<Contents>, incarnation: number) {
    this.id = id
    this.machine = machine
    this.incarnation = incarnation
  }

  get farIndex(): number {
    return this.other.machine.index
  }
}

interface Segment {
  readonly kind: "dial" | "accept" | "bytes" | "room" | "end" | "reset"
  readonly bytes: Uint8Array
}

export type StreamEvent =
  /** Somebody has dialled this process. */
  | { readonly what: "accepted" }
  /** What this process dialled is open. */
  | { readonly what: "opened" }
  | { readonly what: "bytes"; readonly bytes: Uint8Array }
  /** What could not be written before can be written now. */
  | { readonly what: "drained" }
  /** The last event. */
  | { readonly what: "closed"; readonly reason: string }

/** What connections need of the world. */
export interface StreamWorld<Contents> {
  now(): number
  readonly network: Network
  at(atMs: number, action: () => void): void
  deliver(machine: Machine<Contents>, end: StreamHandle, event: StreamEvent): void
}

const none = new Uint8Array(0)
/** The first pause before something is sent again, and the longest. */
const resendMsMin = 200
const resendMsMax = 3_000
/** Nobody sends the same again for longer: about a minute. */
const stallsMax = 24

export class Streams<Contents> {
  private readonly world: StreamWorld<Contents>
  private readonly ends = new Map<Machine<Contents>, Set<StreamEnd<Contents>>>()
  /** Machines that take nothing of what they are sent. */
  private readonly holding = new Set<Machine<Contents>>()
  private readonly bufferBytes: number
  private lastId = 0

  /** @param bufferBytes of each connection, one way */
  constructor(world: StreamWorld<Contents>, bufferBytes: number) {
    this.world = world
    this.bufferBytes = bufferBytes
  }

  /** @returns the end of whoever is going to dial */
  make(from: Machine<Contents>, to: Machine<Contents>): StreamHandle {
    const id = ++this.lastId
    const end = new StreamEnd(id, from, from.incarnation)
    const other = new StreamEnd(id, to, -1)
    end.other = other
    other.other = end
    this.endsOf(from).add(end)
    return end
  }

  /** `opened` or `closed` follows, unless nothing gets through. */
  dial(end: StreamHandle): void {
    this.send(own(end), { kind: "dial", bytes: none })
  }

  /** Makes room for so many bytes. @returns how many of them there is room for; where that is not all, `drained` follows */
  take(handle: StreamHandle, length: number): number {
    const end = own<Contents>(handle)
    const taken = Math.min(length, Math.max(0, this.bufferBytes - end.unreadBytes))
    if (taken < length) end.isFull = true
    end.unreadBytes += taken
    return taken
  }

  /** For which there was room. */
  write(handle: StreamHandle, bytes: Uint8Array): void {
    const end = own<Contents>(handle)
    if (!end.closed) this.send(end, { kind: "bytes", bytes })
  }

  /** What was written before still arrives. */
  close(handle: StreamHandle): void {
    const end = own<Contents>(handle)
    if (end.closed) return
    end.closed = true
    this.endsOf(end.machine).delete(end)
    this.send(end, { kind: "end", bytes: none })
  }

  /** Nothing that arrives on the connection is read, until it is released. */
  hold(handle: StreamHandle): void {
    own(handle).isHeld = true
  }

  /** What has arrived meanwhile comes with the next event. */
  release(handle: StreamHandle): void {
    const end = own<Contents>(handle)
    if (!end.isHeld) return
    end.isHeld = false
    this.world.at(this.world.now(), () => this.readOn(end))
  }

  /** The machine reads nothing of any connection. @returns whether it did so before */
  holdAll(machine: Machine<Contents>): boolean {
    const isNew = machine.running && !this.holding.has(machine)
    if (isNew) this.holding.add(machine)
    return isNew
  }

  releaseAll(machine: Machine<Contents>): void {
    if (!this.holding.delete(machine)) return
    for (const end of this.endsOf(machine)) this.readOn(end)
  }

  isHolding(machine: Machine<Contents>): boolean {
    return this.holding.has(machine)
  }

  /** The process is gone. @param power and so is the machine, for now */
  died(machine: Machine<Contents>, power: boolean): void {
    this.holding.delete(machine)
    for (const end of this.endsOf(machine)) {
      if (power) {
        end.closed = true
        end.queue.length = 0
      } else this.close(end)
    }
    this.endsOf(machine).clear()
  }

  /** Something on the way breaks all connections of a machine; of what is under way only a part arrives. @returns how many */
  breakAll(machine: Machine<Contents>): number {
    const broken = [...this.endsOf(machine)]
    for (const end of broken) {
      for (const each of [end, end.other]) {
        each.queue.length = 0
        each.state = "tearing"
        this.send(each, { kind: "reset", bytes: none })
      }
    }
    return broken.length
  }

  private endsOf(machine: Machine<Contents>): Set<StreamEnd<Contents>> {
    let found = this.ends.get(machine)
    if (found === undefined) this.ends.set(machine, (found = new Set()))
    return found
  }

  private send(end: StreamEnd<Contents>, segment: Segment): void {
    end.queue.push(segment)
    this.pump(end)
  }

  private pump(end: StreamEnd<Contents>): void {
    const { world } = this
    const { queue, other } = end
    while (!end.stalled && queue.length > 0) {
      world.network.send(end.machine.index, other.machine.index, world.now())
      const { arrivalMs } = world.network
      // Without power nothing is acknowledged, either.
      if (arrivalMs === Infinity || other.machine.isDark) return this.stall(end)
      end.stalls = 0
      // What comes very late was sent again long before.
      end.lastArrivalMs = Math.max(end.lastArrivalMs, Math.min(arrivalMs, world.now() + resendMsMax))
      const segment = queue.shift() as Segment
      world.at(end.lastArrivalMs, () => this.arrived(end, segment))
    }
  }

  private stall(end: StreamEnd<Contents>): void {
    if (++end.stalls > stallsMax) {
      end.queue.length = 0
      return
    }
    end.stalled = true
    const pauseMs = Math.min(resendMsMax, resendMsMin * 2 ** (end.stalls - 1))
    this.world.at(this.world.now() + pauseMs, () => {
      end.stalled = false
      this.pump(end)
    })
  }

  private arrived(from: StreamEnd<Contents>, { kind, bytes }: Segment): void {
    const end = from.other
    const { machine } = end
    if (machine.isDark) return
    if (kind === "dial") return this.dialled(end)
    if (end.closed || !machine.running || machine.incarnation !== end.incarnation) {
      if (kind === "bytes" && !from.closed) this.send(end, { kind: "reset", bytes: none })
      return
    }
    if (kind === "room") return this.world.deliver(machine, end, { what: "drained" })
    // A reset throws away what was not read.
    const waits = end.isHeld || this.holding.has(machine) || end.unread.length > 0
    if (waits && (kind === "bytes" || kind === "end")) end.unread.push({ kind, bytes })
    else this.read(end, kind, bytes)
  }

  private readOn(end: StreamEnd<Contents>): void {
    const { unread, machine } = end
    while (unread.length > 0 && !end.isHeld && !this.holding.has(machine)) {
      if (end.closed || !machine.running || machine.incarnation !== end.incarnation) return
      const { kind, bytes } = unread.shift() as Segment
      this.read(end, kind, bytes)
    }
  }

  private read(end: StreamEnd<Contents>, kind: Segment["kind"], bytes: Uint8Array): void {
    const from = end.other
    const { machine } = end
    if (kind === "bytes") {
      from.unreadBytes -= bytes.length
      // A stream has no holes: behind what was cut in two nothing arrives.
      if (from.state === "torn") return
      const isTearing = from.state === "tearing"
      if (isTearing) from.state = "torn"
      if (from.isFull && from.unreadBytes * 2 <= this.bufferBytes) {
        from.isFull = false
        this.send(end, { kind: "room", bytes: none })
      }
      const arrived = isTearing ? bytes.subarray(0, bytes.length >> 1) : bytes
      return this.world.deliver(machine, end, { what: "bytes", bytes: arrived })
    }
    if (kind === "accept") return this.world.deliver(machine, end, { what: "opened" })
    const reason = kind === "end" ? "the node closed the connection" : "connection reset"
    this.lost(end, reason)
  }

  private dialled(end: StreamEnd<Contents>): void {
    const { machine } = end
    if (end.other.closed) return
    if (!machine.running) return this.send(end, { kind: "reset", bytes: none })
    end.incarnation = machine.incarnation
    this.endsOf(machine).add(end)
    this.send(end, { kind: "accept", bytes: none })
    this.world.deliver(machine, end, { what: "accepted" })
  }

  private lost(end: StreamEnd<Contents>, reason: string): void {
    end.closed = true
    end.queue.length = 0
    end.unread.length = 0
    this.endsOf(end.machine).delete(end)
    this.world.deliver(end.machine, end, { what: "closed", reason })
  }
}

function own<Contents>(handle: StreamHandle): StreamEnd<Contents> {
  return handle as StreamEnd<Contents>
}
