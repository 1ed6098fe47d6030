/** One run of membership: from options to a verdict. The same options give the same trace, to the bit. */
import { AssertionError } from "../../../src/core/lib/assert.ts"
import type { MemberOptions } from "../../../src/core/member/event.ts"
import type { Settings } from "../../../src/core/view/view.ts"
import { formatNodeId, randomNodeId } from "../../../src/core/ring/node-id.ts"
import type { SimulationOptions } from "../options.ts"
import { Trace } from "../trace.ts"
import { Checks, Coverage, Violation } from "../violation.ts"
import { World } from "../world.ts"
import type { Machine } from "../machine.ts"
import { MemberFaults } from "./faults.ts"
import { emptyContents } from "./contents.ts"
import type { MemberContents } from "./contents.ts"
import { MemberLogic } from "./logic.ts"
import { MemberObserver } from "./observer.ts"
import { isBeyondHelp, missing } from "./stable.ts"

export interface RunResult {
  readonly seed: number
  readonly violation: { readonly invariant: string; readonly text: string } | undefined
  readonly traceHash: string
  readonly steps: number
  /** Faults that were carried out. */
  readonly faults: number
  readonly epochs: number
  readonly messages: number
  /** How long after the last fault the cluster took to become stable; undefined where nobody promises it. */
  readonly stableAfterMs: number | undefined
  readonly checks: ReadonlyMap<string, number>
  readonly coverage: ReadonlyMap<string, number>
}

export function runMembers(options: SimulationOptions, print?: (line: string) => void): RunResult {
  return new MemberRun(options, print).run()
}

/** A run of less has not been through enough. */
export const stepsMin = 20_000
export const faultsMin = 10
/** How long the last faults are let go on. */
const lastFaultsMs = 20_000

class MemberRun {
  private readonly options: SimulationOptions
  private readonly checks = new Checks()
  private readonly coverage = new Coverage()
  private readonly trace: Trace
  private readonly observer: MemberObserver
  private readonly world: World<MemberContents>
  private readonly driver: MemberFaults
  /** Addresses of the machines that are there from the beginning. */
  private readonly addresses: string[] = []
  /** Machines that had to start again with nothing, and who was a member then. */
  private readonly rewired = new Map<number, readonly string[]>()
  private moves = true

  constructor(options: SimulationOptions, print?: (line: string) => void) {
    this.options = options
    this.trace = new Trace(print)
    this.observer = new MemberObserver(this.checks, this.coverage)
    this.world = new World<MemberContents>(
      options,
      (machine, host, prng) =>
        new MemberLogic(
          machine,
          host,
          prng,
          this.memberOptions(machine),
          this.agentOptions(),
          this.coverage,
          () => this.observer.startingOver(machine),
        ),
      this.observer,
      this.trace,
      (machine) => emptyContents(machine.disk.durable.nodeId, machine.index, machine.incarnation),
    )
    this.observer.attach(this.world.machines, () => this.world.nowMs)
    this.observer.listFounds = options.bootstrap === "list"
    this.driver = new MemberFaults(this.world, this.observer, options.faults, this.coverage, () =>
      this.addMachine(),
    )
  }

  run(): RunResult {
    const { options, world } = this
    let violation: RunResult["violation"]
    let stableAfterMs: number | undefined
    try {
      for (let i = 0; i < options.nodes; i++) this.addresses.push(this.addMachine().address)
      for (const machine of world.machines)
        world.at(world.prng.between(0, options.startSpreadMs), () => world.start(machine))
      this.driver.schedule()
      world.run(options.virtualMs)
      // Small clusters do little in a minute; they get more of them.
      for (let i = 1; i <= 24 && this.trace.steps < stepsMin; i++) world.run(options.virtualMs + i * 15_000)
      this.driver.heal()
      this.moves = false
      stableAfterMs = this.settle()
      const { lastFaults = [] } = options
      if (stableAfterMs !== undefined && lastFaults.length > 0) {
        world.run(this.driver.disturbAgain(lastFaults) + lastFaultsMs)
        this.driver.heal()
        stableAfterMs = this.settle()
      }
    } catch (error) {
      if (error instanceof Violation) violation = { invariant: error.invariant, text: error.message }
      else if (error instanceof AssertionError)
        violation = { invariant: "assertion", text: String(error.stack) }
      else
        violation = { invariant: "error", text: error instanceof Error ? String(error.stack) : String(error) }
    }
    return {
      seed: options.seed,
      violation,
      traceHash: this.trace.hash(),
      steps: this.trace.steps,
      faults: this.driver.carriedOut,
      epochs: this.observer.ledger.newest()?.epoch ?? 0,
      messages: world.network.sent,
      stableAfterMs,
      checks: this.checks.ran,
      coverage: this.coverage.seen,
    }
  }

  /** @returns how long it took to become stable */
  private settle(): number | undefined {
    const { options, world, observer } = this
    const healedMs = world.nowMs
    for (const machine of world.machines)
      if (machine.disk.durable.view === undefined && this.isFounded()) world.kill(machine, false, 100)
    const untilMs = healedMs + options.settleMs + options.repairGraceMs + options.catchUpMsMax * 2
    let wrong: string[] = ["not looked at"]
    while (world.nowMs < untilMs) {
      world.run(world.nowMs + 500)
      wrong = this.groups().flatMap((group) => missing(group, observer.ledger, world.nowMs))
      if (wrong.length > 0) continue
      for (const invariant of ["I24", "I31"]) this.checks.that(invariant, true, () => "")
      return world.nowMs - healedMs
    }
    if (this.groups().some((group) => isBeyondHelp(group, observer.ledger))) {
      this.coverage.count(`beyond help: ${options.replicationFactor === 1 ? "factor 1" : "factor above 1"}`)
      return undefined
    }
    this.checks.that("I24", wrong.length === 0, () => {
      return `not stable ${(untilMs - healedMs) / 1000} s after the last fault:\n${wrong.join("\n")}\n${observer.summary()}`
    })
    return undefined
  }

  private isFounded(): boolean {
    return this.world.machines.some((machine) => machine.disk.durable.view !== undefined)
  }

  private groups(): Machine<MemberContents>[][] {
    const { machines } = this.world
    return [0, 1]
      .map((group) => machines.filter((machine) => this.groupOf(machine.index) === group))
      .filter((group) => group.length > 0)
  }

  private addMachine(): Machine<MemberContents> {
    const { world } = this
    const index = world.machines.length
    const machine = world.addMachine(emptyContents("", index, 0))
    const nodeId = formatNodeId(randomNodeId(machine.prng))
    machine.disk.replace(emptyContents(nodeId, index, 0))
    return machine
  }

  /** Two lists found two clusters that shall never have to do with each other. */
  private groupOf(index: number): number {
    return this.options.bootstrap === "two" ? index % 2 : 0
  }

  private memberOptions(machine: Machine<MemberContents>): MemberOptions {
    const { options, addresses } = this
    const joined = machine.index >= addresses.length
    // Whoever starts again with nothing is told by its operator where the others are now: the first list may name nobody
    // any more who is in the cluster.
    const wiped = machine.incarnation > 1 && machine.disk.durable.view === undefined && this.isFounded()
    if (wiped) this.rewired.set(machine.index, this.present(machine))
    const listed = options.bootstrap === "list" || options.bootstrap === "two" || joined
    const rewired = this.rewired.get(machine.index)
    const own = addresses.filter((_, index) => this.groupOf(index) === this.groupOf(machine.index))
    const right =
      listed || rewired !== undefined
        ? [...new Set([...own, ...(rewired ?? [])])]
        : options.bootstrap === "first"
          ? addresses.slice(0, machine.index === 0 ? 0 : 1)
          : addresses.slice(Math.max(0, machine.index - 1), machine.index)
    // A directory that is in a cluster is not to be led astray by its list.
    const wrong =
      machine.disk.durable.view === undefined ? undefined : this.driver.wrongPeers.get(machine.index)
    const peers = wrong === undefined ? right : [...right, wrong]
    const settings: Settings = {
      replicationFactor: options.replicationFactor,
      slotCount: options.slotCount,
      sync: options.sync,
      transient: false,
      entryBytesMax: 1024,
      leaseMs: options.leaseMs,
      suspectMs: options.suspectMs,
      repairGraceMs: options.repairGraceMs,
    }
    return { bootstrappingPeers: peers, settings, weight: 1, zone: "" }
  }

  /** Addresses of the members, as the newest view says that those have who were to be of one cluster with the machine. */
  private present({ index }: Machine<MemberContents>): readonly string[] {
    const group = this.world.machines.filter((other) => this.groupOf(other.index) === this.groupOf(index))
    const views = group.flatMap((other) => other.disk.durable.view ?? [])
    const [newest] = views.sort((a, b) => b.epoch - a.epoch)
    return newest?.members.map((member) => member.address) ?? []
  }

  private agentOptions() {
    const { world, options } = this
    const machineOf = (storageId: string) =>
      world.machines.find((machine) => machine.disk.durable.storageId === storageId)
    return {
      catchUpMsMax: options.catchUpMsMax,
      movesPerMille: this.moves ? options.movesPerMille : 0,
      ledger: this.observer.ledger,
      reaches: (from: string, to: string) => {
        const a = machineOf(from)
        const b = machineOf(to)
        if (a === undefined || b === undefined || !b.running || b.paused || b.disk.hangs) return false
        return !world.network.isCut(a.index, b.index) && !world.network.isCut(b.index, a.index)
      },
    }
  }
}
