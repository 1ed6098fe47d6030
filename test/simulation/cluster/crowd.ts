/**
 * The clients of a run: those of the library, on connections; strays, whose requests are datagrams and go to any node, under
 * the same number again when nothing came back in time; and an operator. All of them write into one history.
 */
import type { Prng } from "../../../src/core/lib/prng.ts"
import { HistoryRecorder } from "../../linearizability/history.ts"
import type { EntryInput, EntryOutput } from "../../linearizability/models/entry.ts"
import { ClientLogic } from "../data/client.ts"
import { Workload } from "../data/workload.ts"
import type { Host, Logic, Machine } from "../machine.ts"
import type { Checks, Coverage } from "../violation.ts"
import type { World } from "../world.ts"
import { ClusterClient } from "./client.ts"
import { emptyDirectory } from "./contents.ts"
import type { ClusterContents } from "./contents.ts"
import type { ClusterOptions, ConnectedOptions } from "./options.ts"
import { Scans } from "./scans.ts"

/** When the simulations take place: real time as people count it. */
const calendarStartMs = 1.7e12

type ClientMachine = Machine<ClusterContents>

export class Crowd {
  readonly recorder = new HistoryRecorder<EntryInput, EntryOutput>()
  readonly scans = new Scans()
  private readonly options: ClusterOptions
  private readonly checks: Checks
  private readonly coverage: Coverage
  /** Where nodes are, as it becomes known. */
  private readonly addresses: readonly string[]
  private readonly machines = new Map<ClientMachine, "stray" | "connected" | "operator">()
  private world: World<ClusterContents> | undefined

  constructor(options: ClusterOptions, checks: Checks, coverage: Coverage, addresses: readonly string[]) {
    this.options = options
    this.checks = checks
    this.coverage = coverage
    this.addresses = addresses
  }

  /** All begin. */
  join(world: World<ClusterContents>): void {
    this.world = world
    const { clients, connected } = this.options
    for (let i = 0; i < clients; i++) this.add(world, "stray")
    if (connected === undefined) return
    for (let i = 0; i < connected.clients; i++) this.add(world, "connected")
    this.add(world, "operator")
  }

  private add(world: World<ClusterContents>, kind: "stray" | "connected" | "operator"): void {
    const machine = world.addMachine(emptyDirectory("", world.machines.length, 0))
    this.machines.set(machine, kind)
    world.start(machine)
  }

  has(machine: ClientMachine): boolean {
    return this.machines.has(machine)
  }

  get operator(): ClusterClient<ClusterContents> | undefined {
    for (const [{ logic }, kind] of this.machines)
      if (kind === "operator") return logic as ClusterClient<ClusterContents>
    return undefined
  }

  /** No new operations. */
  stop(): void {
    for (const client of this.clients()) client.stopped = true
  }

  get idle(): boolean {
    return this.clients().every((client) => client.idle)
  }

  private clients(): (ClientLogic | ClusterClient<ClusterContents>)[] {
    return [...this.machines.keys()].map(({ logic }) => logic as ClientLogic | ClusterClient<ClusterContents>)
  }

  calendarMs(): number {
    return calendarStartMs + (this.world?.nowMs ?? 0)
  }

  make(machine: ClientMachine, host: Host<ClusterContents>, prng: Prng): Logic {
    const { connected } = this.options
    const kind = this.machines.get(machine)
    if (kind === "stray" || connected === undefined) return this.makeStray(machine, host as never, prng)
    return this.makeConnected(machine, host, prng, connected, kind === "operator")
  }

  private makeStray(
    machine: ClientMachine,
    host: ConstructorParameters<typeof ClientLogic>[1],
    prng: Prng,
  ): ClientLogic {
    const { options, recorder, checks, coverage } = this
    const { timeoutMs, attemptMs, connected } = options
    const workload = new Workload(options.workload, machine.index, prng.fork())
    return new ClientLogic(
      {
        timeoutMs,
        attemptMs,
        address: machine.address,
        nodes: this.addresses,
        index: machine.index,
        contentBytes: connected?.contentBytes ?? 0,
        calendarMs: () => this.calendarMs(),
      },
      host,
      prng,
      workload,
      recorder,
      checks,
      coverage,
    )
  }

  private makeConnected(
    machine: ClientMachine,
    host: Host<ClusterContents>,
    prng: Prng,
    connected: ConnectedOptions,
    isOperator: boolean,
  ): ClusterClient<ClusterContents> {
    const { options, recorder, scans, checks, coverage } = this
    const { index } = machine
    return new ClusterClient(
      {
        ...connected,
        index,
        addresses: this.addresses,
        callers: isOperator ? 0 : connected.callers,
        timeoutMs: options.timeoutMs,
        calendarMs: () => this.calendarMs(),
      },
      host,
      prng,
      (caller) => new Workload(options.workload, index * 10 + caller, prng.fork()),
      recorder,
      scans,
      checks,
      coverage,
    )
  }
}
