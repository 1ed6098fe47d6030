/**
 * One run of the data path under client load. Machine 0 is the node, the others are clients; what the clients saw goes
 * to the linearizability checker, key by key.
 */
import { AssertionError } from "../../../src/core/lib/assert.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { check } from "../../linearizability/check.ts"
import { HistoryRecorder, never } from "../../linearizability/history.ts"
import { entryModel } from "../../linearizability/models/entry.ts"
import type { EntryInput, EntryOutput } from "../../linearizability/models/entry-state.ts"
import { report } from "../../linearizability/report.ts"
import { FaultDriver } from "../fault-driver.ts"
import { drawFaults } from "../faults.ts"
import type { Fault, Target } from "../faults.ts"
import { drawOptions } from "../options.ts"
import type { SimulationOptions } from "../options.ts"
import { Trace } from "../trace.ts"
import { Checks, Coverage, Violation } from "../violation.ts"
import { World } from "../world.ts"
import type { Factory, Machine } from "../machine.ts"
import { ClientLogic } from "./client.ts"
import { emptyDirectory } from "./contents.ts"
import type { DataContents } from "./contents.ts"
import { DataLogic } from "./node.ts"
import { Workload } from "./workload.ts"

export interface DataRunResult {
  readonly violation: { readonly invariant: string; readonly text: string } | undefined
  readonly traceHash: string
  readonly steps: number
  readonly operations: number
  readonly checks: ReadonlyMap<string, number>
  readonly coverage: ReadonlyMap<string, number>
}

/** Kinds that befall a single node and its clients' links. */
const kinds = new Set<Fault["kind"]>([
  "kill",
  "killOnSend",
  "killOnPersist",
  "restartStorm",
  "pause",
  "suspend",
  "wallJump",
  "wallStrobe",
  "drift",
  "isolate",
  "cut",
  "degrade",
  "degradeAll",
  "slowDisk",
  "hangDisk",
])

/** When the simulations take place: real time as people count it. */
const calendarStartMs = 1.7e12
const stepsMax = 3_000_000

class DataFaults extends FaultDriver<DataContents> {
  /** Faults are the node's; a link needs a client, too. */
  protected override resolve(target: Target): Machine<DataContents> {
    const { machines } = this.world
    const other = target.role === "index" && target.index % 4 === 3
    return machines[other ? 1 : 0] as Machine<DataContents>
  }
  protected override applyOwn(): void {}
  protected override kill(machine: Machine<DataContents>, power: boolean, downMs: number | undefined): void {
    // Clients live through the whole history.
    if (machine.index === 0) super.kill(machine, power, downMs)
  }
}

/** @param makeNode another kind of node, to see it caught */
export function runData(
  seed: number,
  virtualMs: number,
  makeNode: typeof DataLogic = DataLogic,
): DataRunResult {
  const prng = new Prng(seed * 2 + 5)
  const base = drawOptions(seed, 3)
  const faults = drawFaults(prng, { virtualMs, nodes: 4, leaseMs: 1_000 }).filter((f) => kinds.has(f.kind))
  // One node alone loses what its directory loses: here nothing is wiped.
  const survivable = faults.map((fault) => {
    if (fault.kind === "killOnSend") return { ...fault, label: "reply", wipe: false }
    return fault.kind === "killOnPersist" ? { ...fault, wipe: false } : fault
  })
  return new DataRun({ ...base, virtualMs, tickMs: 10, faults: survivable }, prng, makeNode).run()
}

class DataRun {
  private readonly options: SimulationOptions
  private readonly checks = new Checks()
  private readonly coverage = new Coverage()
  private readonly trace = new Trace()
  private readonly recorder = new HistoryRecorder<EntryInput, EntryOutput>()
  private readonly world: World<DataContents>
  private readonly clients: number

  constructor(options: SimulationOptions, prng: Prng, makeNode: typeof DataLogic) {
    this.options = options
    this.clients = prng.between(2, 5)
    const workload = {
      keys: prng.between(1, 4),
      thinkMsMax: prng.pick([0, 50, 400]),
      expiryPerMille: prng.pick([0, 300]),
      expiryMsMax: prng.pick([500, 5_000]),
    }
    const clientOptions = { timeoutMs: prng.pick([3_000, 20_000]), attemptMs: prng.pick([300, 1_500]) }
    const factory: Factory<DataContents> = (machine, host, own) =>
      machine.index === 0
        ? new makeNode(machine, host, own, this.coverage)
        : new ClientLogic(
            {
              ...clientOptions,
              address: machine.address,
              nodes: ["n0:2836"],
              index: machine.index,
              calendarMs: () => calendarStartMs + this.world.nowMs,
            },
            host,
            own,
            new Workload(workload, machine.index, own.fork()),
            this.recorder,
            this.checks,
            this.coverage,
          )
    const observer = { sending() {}, durable() {}, stepped() {}, dying() {}, resumed() {} }
    this.world = new World(options, factory, observer, this.trace, () => emptyDirectory)
  }

  run(): DataRunResult {
    const { world, options } = this
    let violation: DataRunResult["violation"]
    try {
      for (let i = 0; i <= this.clients; i++) world.addMachine(emptyDirectory)
      for (const machine of world.machines) world.start(machine)
      const driver = new DataFaults(world, options.faults, this.coverage)
      driver.schedule()
      world.run(options.virtualMs)
      driver.heal()
      this.finish()
      this.judge()
    } catch (error) {
      if (error instanceof Violation) violation = { invariant: error.invariant, text: error.message }
      else {
        const text = error instanceof Error ? String(error.stack) : String(error)
        violation = { invariant: error instanceof AssertionError ? "assertion" : "error", text }
      }
    }
    return {
      violation,
      traceHash: this.trace.hash(),
      steps: this.trace.steps,
      operations: this.recorder.length,
      checks: this.checks.ran,
      coverage: this.coverage.seen,
    }
  }

  /** No new operations; those under way come to their end. */
  private finish(): void {
    const { world } = this
    const clients = world.machines.slice(1).map((machine) => machine.logic as ClientLogic)
    for (const client of clients) client.stopped = true
    const untilMs = world.nowMs + 40_000
    while (world.nowMs < untilMs && !clients.every((client) => client.idle)) world.run(world.nowMs + 250)
    this.checks.that(
      "I22",
      clients.every((client) => client.idle),
      () => "an operation never ended",
    )
  }

  private judge(): void {
    const jumps = this.options.faults.some(
      (fault) => fault.kind === "wallJump" || fault.kind === "wallStrobe",
    )
    const model = entryModel(jumps ? never : this.options.wallErrorMs + 1)
    const result = check(model, this.recorder.history(), stepsMax)
    this.checks.that("linearizability", result.verdict === "linearizable", () => report(model, result))
  }
}
