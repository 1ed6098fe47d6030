/**
 * The simulated world: machines with clocks and disks, a network between them, and on each machine at most one process.
 * It knows nothing of the protocol. What runs is a `Logic`, made by a factory from what is on the disk; what it does is
 * judged by an `Observer`. So the membership machine, and later a whole node with its data path, run in the same world
 * under the same faults.
 *
 * A process is stepped as the daemon's driver steps it: one input, with clocks read for it; its outputs are collected
 * while it runs and carried out in their order afterwards. It may be paused or killed in front of any of them.
 *
 * Time is real time in milliseconds, which no process sees. A seed decides everything: every machine and link draws from
 * a generator of its own.
 */
import { Prng } from "../../src/core/lib/prng.ts"
import { MachineClock, rateMax, rateMin } from "./clock.ts"
import { Disk, type DiskTiming, type Write } from "./disk.ts"
import { EventHeap } from "./heap.ts"
import { type LinkQuality, Network } from "./network.ts"
import { Streams } from "./streams.ts"
import type { Trace } from "./trace.ts"
import {
  type Factory,
  type Host,
  type Input,
  Machine,
  type Observer,
  type Output,
  type Trap,
} from "./machine.ts"

interface Event<Contents> {
  readonly machine: Machine<Contents> | undefined
  readonly incarnation: number
  readonly input: Input | undefined
  readonly action: (() => void) | undefined
}

export interface WorldOptions {
  readonly seed: number
  readonly network: LinkQuality
  readonly disk: DiskTiming
  readonly tickMs: number
  /** Wall clocks are wrong by up to this. */
  readonly wallErrorMs: number
  /** Of each connection, one way; absent: without bound. */
  readonly bufferBytes?: number
  /** Absent: `n0:2836` and so on. */
  readonly addressOf?: (index: number) => string
}

const tickInput: Input = { kind: "tick" }
const inboxMax = 4096

export class World<Contents> {
  nowMs = 0
  readonly machines: Machine<Contents>[] = []
  readonly network: Network
  readonly streams: Streams<Contents>
  readonly trace: Trace
  readonly prng: Prng
  private readonly options: WorldOptions
  private readonly heap = new EventHeap<Event<Contents>>()
  private readonly byAddress = new Map<string, Machine<Contents>>()
  private readonly factory: Factory<Contents>
  private readonly observer: Observer<Contents>
  private readonly empty: (machine: Machine<Contents>) => Contents
  private outbox: Output<Contents>[] = []
  /** Whether something of the step that is carried out has left the machine. */
  private hasSpoken = false

  /** @param empty the contents of a directory that was wiped */
  constructor(
    options: WorldOptions,
    factory: Factory<Contents>,
    observer: Observer<Contents>,
    trace: Trace,
    empty: (machine: Machine<Contents>) => Contents,
  ) {
    this.empty = empty
    this.options = options
    this.prng = new Prng(options.seed)
    this.network = new Network(options.network, this.prng.uint32())
    this.streams = new Streams<Contents>(
      {
        network: this.network,
        now: () => this.nowMs,
        at: (atMs, action) => this.at(atMs, action),
        deliver: (machine, end, event) => this.deliver(machine, { kind: "stream", end, event }),
      },
      options.bufferBytes ?? Infinity,
    )
    this.factory = factory
    this.observer = observer
    this.trace = trace
  }

  addMachine(contents: Contents): Machine<Contents> {
    const index = this.machines.length
    const prng = new Prng(this.options.seed * 131 + index + 1)
    const rate = rateMin + (rateMax - rateMin) * (prng.below(1001) / 1000)
    const wallOffsetMs = 1.7e12 + prng.between(0, this.options.wallErrorMs * 2) - this.options.wallErrorMs
    const clock = new MachineClock(rate, prng.below(1e9), wallOffsetMs)
    const disk = new Disk(contents, this.options.disk, prng.fork())
    const machine = new Machine(index, this.options.addressOf?.(index) ?? `n${index}:2836`, clock, disk, prng)
    this.machines.push(machine)
    this.byAddress.set(machine.address, machine)
    return machine
  }

  /** Machines change places: what knows them by address finds the other. Both must be down. */
  swapAddresses(a: Machine<Contents>, b: Machine<Contents>): void {
    const address = a.address
    a.address = b.address
    b.address = address
    this.byAddress.set(a.address, a)
    this.byAddress.set(b.address, b)
  }

  at(atMs: number, action: () => void): void {
    this.heap.push(atMs, { machine: undefined, incarnation: 0, input: undefined, action })
  }

  private input(atMs: number, machine: Machine<Contents>, incarnation: number, input: Input): void {
    this.heap.push(atMs, { machine, incarnation, input, action: undefined })
  }

  /** Runs until real time `untilMs`, or until nothing is left to come. */
  run(untilMs: number): void {
    while (this.heap.nextMs <= untilMs) {
      this.nowMs = this.heap.nextMs
      const event = this.heap.pop() as Event<Contents>
      if (event.action !== undefined) event.action()
      const { machine, input } = event
      if (machine === undefined || input === undefined) continue
      if (machine.incarnation !== event.incarnation && input.kind !== "message") continue
      if (machine.logic === undefined) continue
      this.deliver(machine, input)
    }
    this.nowMs = untilMs
  }

  private deliver(machine: Machine<Contents>, input: Input): void {
    if (input.kind === "persisted") {
      machine.disk.complete(input.token)
      this.observer.durable(machine)
    }
    if (machine.paused) {
      // A socket's buffer is bounded; ticks are remembered as one.
      if (input.kind === "tick" && machine.inbox.some((waiting) => waiting.kind === "tick")) return
      if (input.kind === "message" && machine.inbox.length >= inboxMax) return
      machine.inbox.push(input)
      return
    }
    this.step(machine, input)
    if (input.kind === "tick") this.scheduleTick(machine)
  }

  private step(machine: Machine<Contents>, input: Input): void {
    const { logic } = machine
    if (logic === undefined) return
    const { trace } = this
    trace.step(this.nowMs, machine.index, labelOf(input), trace.isPrinted ? describing(input) : undefined)
    this.outbox = []
    logic.handle(input, machine.clock.read(this.nowMs))
    const outputs = this.outbox
    if (machine.pauseMidStep && outputs.length > 0) {
      machine.pauseMidStep = false
      machine.paused = true
      machine.held = outputs
      return
    }
    this.carryOut(machine, outputs)
    this.observer.stepped(machine, this.nowMs)
  }

  private carryOut(machine: Machine<Contents>, outputs: readonly Output<Contents>[]): void {
    const { incarnation } = machine
    this.hasSpoken = false
    for (const output of outputs) {
      // Killed in between: the rest never happens.
      if (machine.incarnation !== incarnation || machine.logic === undefined) return
      if (output.kind === "send") this.send(machine, output.address, output.message, output.label)
      else if (output.kind === "persist") this.persist(machine, output.token, output.write)
      else if (output.kind === "dial") this.streams.dial(output.end)
      else if (output.kind === "close") this.streams.close(output.end)
      else if (output.kind === "write") {
        this.hasSpoken = true
        this.streams.write(output.end, output.bytes)
        this.springOnSend(machine, output.label)
      } else {
        this.trace.step(this.nowMs, machine.index, "exit", () => output.reason)
        this.kill(machine, false, output.restartInMs)
        if (output.replace !== undefined) machine.disk.replace(output.replace(machine.disk.durable))
      }
    }
  }

  private send(machine: Machine<Contents>, address: string, message: unknown, label: string): void {
    this.hasSpoken = true
    this.observer.sending(machine, message)
    const target = this.byAddress.get(address)
    if (target !== undefined && (target.misses.length === 0 || !target.misses.includes(label))) {
      this.network.send(machine.index, target.index, this.nowMs)
      this.arrive(this.network.arrivalMs, target, message, label)
      this.arrive(this.network.copyMs, target, message, label)
    }
    this.springOnSend(machine, label)
  }

  private springOnSend(machine: Machine<Contents>, label: string): void {
    const { trap } = machine
    if (trap?.at === "send" && trap.label === label) this.spring(machine, trap, trap.power)
  }

  private arrive(atMs: number, machine: Machine<Contents>, message: unknown, label: string): void {
    if (atMs === Number.POSITIVE_INFINITY) return
    this.input(atMs, machine, 0, { kind: "message", message, label })
  }

  private persist(machine: Machine<Contents>, token: number, write: Write<Contents>): void {
    const { trap, disk } = machine
    const trapped = trap?.at === "persist"
    if (trapped && trap.when === "before") return this.spring(machine, trap, trap.power)
    const readyMs = disk.persist(token, write, this.nowMs)
    if (trapped && trap.when === "durable") while (disk.pendingCount > 0) disk.lose(false, this.nowMs)
    // A failed fsync has lost the write or not: the process must not go on either way.
    if (trapped) return this.spring(machine, trap, trap.power || trap.when === "failed")
    if (readyMs !== Number.POSITIVE_INFINITY) {
      this.input(readyMs, machine, machine.incarnation, { kind: "persisted", token })
    }
  }

  private spring(machine: Machine<Contents>, trap: Trap, power: boolean): void {
    // What it decided in this step has left it, in part: seen from outside it is so.
    if (this.hasSpoken && machine.logic !== undefined) this.observer.stepped(machine, this.nowMs)
    if (trap.isolateMs > 0) {
      machine.trap = undefined
      return this.at(this.nowMs, () => this.isolate(machine, trap))
    }
    this.kill(machine, power, trap.downMs)
    if (trap.wipe) this.wipe(machine)
  }

  private isolate(machine: Machine<Contents>, { isolateMs, speaks = false }: Trap): void {
    this.trace.step(this.nowMs, machine.index, speaks ? "deafened" : "isolated")
    const others = this.machines.filter((other) => other !== machine)
    for (const other of others) {
      if (!speaks) this.network.cut(machine.index, other.index)
      this.network.cut(other.index, machine.index)
    }
    this.at(this.nowMs + isolateMs, () => {
      for (const other of others) {
        if (!speaks) this.network.heal(machine.index, other.index)
        this.network.heal(other.index, machine.index)
      }
    })
  }

  /** The directory is gone, and the next process finds an empty one. */
  wipe(machine: Machine<Contents>): void {
    this.trace.step(this.nowMs, machine.index, "wiped")
    machine.disk.replace(this.empty(machine))
  }

  private scheduleTick(machine: Machine<Contents>): void {
    const inMs = machine.clock.realDuration(this.options.tickMs) + machine.prng.below(1000) / 1000
    this.input(this.nowMs + inMs, machine, machine.incarnation, tickInput)
  }

  // What befalls processes

  start(machine: Machine<Contents>): void {
    if (machine.logic !== undefined) return
    machine.incarnation++
    machine.isDark = false
    machine.trap = undefined
    machine.paused = false
    machine.pauseMidStep = false
    machine.disk.hangs = false
    machine.disk.slowMs = 0
    const host: Host<Contents> = {
      send: (address, message, label) => this.outbox.push({ kind: "send", address, message, label }),
      persist: (token, write) => this.outbox.push({ kind: "persist", token, write }),
      dial: (address) => {
        const target = this.byAddress.get(address)
        if (target === undefined) throw new Error(`nobody has the address ${address}`)
        const end = this.streams.make(machine, target)
        this.outbox.push({ kind: "dial", end })
        return end
      },
      write: (end, bytes, label) => {
        const taken = this.streams.take(end, bytes.length)
        if (taken > 0) this.outbox.push({ kind: "write", end, bytes: bytes.slice(0, taken), label })
        return taken
      },
      hold: (end) => this.streams.hold(end),
      release: (end) => this.streams.release(end),
      close: (end) => this.outbox.push({ kind: "close", end }),
      exit: (reason, restartInMs, replace) =>
        this.outbox.push({ kind: "exit", reason, restartInMs, replace }),
      note: (text) => this.trace.step(this.nowMs, machine.index, "log", () => text),
    }
    machine.logic = this.factory(machine, host, machine.prng.fork())
    this.observer.durable(machine)
    this.step(machine, { kind: "start" })
    this.scheduleTick(machine)
  }

  /** @param restartInMs undefined = not by itself @param power also lose what the disk had not acknowledged */
  kill(machine: Machine<Contents>, power: boolean, restartInMs: number | undefined): void {
    if (machine.logic === undefined) return
    this.trace.step(this.nowMs, machine.index, power ? "power cut" : "kill")
    this.observer.dying(machine)
    machine.logic = undefined
    machine.isDark = power
    this.streams.died(machine, power)
    machine.incarnation++
    machine.trap = undefined
    machine.held = undefined
    machine.inbox.length = 0
    machine.paused = false
    machine.pauseMidStep = false
    machine.disk.lose(power, this.nowMs)
    this.observer.durable(machine)
    // Whoever is killed in his sleep starts awake.
    machine.clock.resume(this.nowMs)
    if (power) machine.clock.reboot(this.nowMs, machine.prng.below(1e9))
    if (restartInMs === undefined || !machine.restarts) return
    const { incarnation } = machine
    this.at(this.nowMs + restartInMs, () => {
      if (machine.incarnation === incarnation && machine.restarts) this.start(machine)
    })
  }

  /** Stops the process where it stands; its clocks and its disk go on. @returns false if it stands already */
  pause(machine: Machine<Contents>, midStep: boolean): boolean {
    if (machine.logic === undefined || machine.paused || machine.pauseMidStep) return false
    this.trace.step(this.nowMs, machine.index, midStep ? "pause in the next step" : "pause")
    if (midStep) machine.pauseMidStep = true
    else machine.paused = true
    return true
  }

  resume(machine: Machine<Contents>): void {
    machine.pauseMidStep = false
    if (!machine.paused) return
    this.trace.step(this.nowMs, machine.index, "resume")
    machine.paused = false
    this.observer.resumed(machine)
    const { held } = machine
    machine.held = undefined
    if (held !== undefined) {
      this.carryOut(machine, held)
      this.observer.stepped(machine, this.nowMs)
    }
    const waiting = machine.inbox.splice(0)
    let ticked = false
    for (const input of waiting) {
      if (machine.logic === undefined) return
      if (machine.paused) machine.inbox.push(input)
      else this.step(machine, input)
      ticked ||= input.kind === "tick" && !machine.paused
    }
    if (ticked && machine.running) this.scheduleTick(machine)
  }

  /** The machine sleeps: nothing runs, its monotonic clock stands still. */
  suspend(machine: Machine<Contents>): boolean {
    if (!this.pause(machine, false)) return false
    machine.clock.suspend(this.nowMs)
    return true
  }

  wake(machine: Machine<Contents>): void {
    machine.clock.resume(this.nowMs)
    this.resume(machine)
  }

  command(machine: Machine<Contents>, command: string): void {
    if (machine.logic === undefined) return
    this.deliver(machine, { kind: "command", command })
  }
}

function labelOf(input: Input): string {
  if (input.kind === "message") return input.label
  return input.kind === "stream" ? input.event.what : input.kind
}

/** For people. */
function describing(input: Input): (() => string) | undefined {
  if (input.kind === "message") return () => JSON.stringify(input.message)
  if (input.kind !== "stream") return undefined
  const { end, event } = input
  const detail =
    event.what === "bytes" ? `${event.bytes.length} bytes` : event.what === "closed" ? event.reason : ""
  return () => `n${end.farIndex} ${detail}`
}
