/**
 * The clients of a run: those of the library, on connections; strays, whose requests are datagrams and go to any node, under
 * the same number again when nothing came back in time; and an operator. All of them write into one history.
 */
import type { Prng } from "../../../src/core/lib/prng.ts"
import { HistoryRecorder, type Operation } from "../../linearizability/history.ts"
import type { EntryEvent, EntryInput, EntryOutput } from "../../linearizability/models/entry-state.ts"
import { ClientLogic } from "../data/client.ts"
import { Workload } from "../data/workload.ts"
import type { Host, Logic, Machine } from "../machine.ts"
import type { Checks, Coverage } from "../violation.ts"
import type { World } from "../world.ts"
import { ClusterClient } from "./client.ts"
import { emptyDirectory } from "./contents.ts"
import type { ClusterContents } from "./contents.ts"
import type { ClusterOptions, ConnectedOptions } from "./options.ts"
import { Foreigner } from "./foreigner.ts"
import { LargeValues } from "./large.ts"
import { Losses } from "./losses.ts"
import { Scans } from "./scans.ts"
import { Sluggard } from "./sluggard.ts"
import { type Overheard, Stranger } from "./stranger.ts"

/** When the simulations take place: real time as people count it. */
const calendarStartMs = 1.7e12

type ClientMachine = Machine<ClusterContents>
type Kind = "stray" | "connected" | "operator" | "stranger" | "sluggard" | "foreigner"
/** They want nothing of the entries. */
const outsiders: readonly Kind[] = ["stranger", "sluggard", "foreigner"]

export class Crowd {
  readonly recorder = new HistoryRecorder<EntryInput, EntryOutput>()
  readonly scans = new Scans()
  private readonly options: ClusterOptions
  private readonly checks: Checks
  private readonly coverage: Coverage
  /** Where nodes are, as it becomes known. */
  private readonly addresses: readonly string[]
  private readonly machines = new Map<ClientMachine, Kind>()
  /** What strangers hear. */
  readonly overheard: Overheard = { append: undefined, control: undefined, nodeId: "" }
  private readonly losses = new Losses()
  private readonly large: LargeValues | undefined
  private world: World<ClusterContents> | undefined

  constructor(options: ClusterOptions, checks: Checks, coverage: Coverage, addresses: readonly string[]) {
    this.options = options
    this.checks = checks
    this.coverage = coverage
    this.addresses = addresses
    const { large } = options.load ?? {}
    if (large !== undefined) this.large = new LargeValues(large, options.clients > 0)
  }

  /** All begin. */
  join(world: World<ClusterContents>): void {
    this.world = world
    const { clients, connected, stranger, load } = this.options
    if (stranger === true) this.add(world, "stranger")
    for (let i = 0; i < clients; i++) this.add(world, "stray")
    if (connected === undefined) return
    for (let i = 0; i < connected.clients; i++) this.add(world, "connected")
    this.add(world, "operator")
    // Behind all others: those are the machines that they were before.
    if (load?.sluggard === true) this.add(world, "sluggard")
    if (load?.foreigner === true) this.add(world, "foreigner")
  }

  private add(world: World<ClusterContents>, kind: Kind): void {
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

  /** An operator accepts a loss. */
  lossOrdered(): void {
    this.losses.ordered(this.recorder.mark())
  }

  /** A view says that these slots begin anew. */
  lost(slots: readonly number[]): void {
    this.losses.befell(slots, this.recorder.mark(), this.realMs())
  }

  /** What clients saw, and what was given up of it. */
  history(): Operation<EntryEvent, EntryOutput>[] {
    const seen = this.recorder.history()
    return [...seen, ...this.losses.events(seen, this.options.slotCount)]
  }

  /** What may besides have happened to what was given up. */
  lostEffects(): Operation<EntryEvent, EntryOutput>[] {
    const { slotCount, timeoutMs } = this.options
    return this.losses.effects(this.recorder.history(), slotCount, timeoutMs)
  }

  /** No new operations. */
  stop(): void {
    for (const client of this.clients()) client.stopped = true
  }

  get idle(): boolean {
    return this.clients().every((client) => client.idle)
  }

  private clients(): (ClientLogic | ClusterClient<ClusterContents>)[] {
    return [...this.machines]
      .filter(([, kind]) => !outsiders.includes(kind))
      .map(([{ logic }]) => logic as ClientLogic | ClusterClient<ClusterContents>)
  }

  calendarMs(): number {
    return calendarStartMs + this.realMs()
  }

  private realMs(): number {
    return this.world?.nowMs ?? 0
  }

  make(machine: ClientMachine, host: Host<ClusterContents>, prng: Prng): Logic {
    const { connected } = this.options
    const kind = this.machines.get(machine)
    if (kind === "stranger") return new Stranger(host, prng, this.addresses, this.overheard)
    if (kind === "sluggard") return new Sluggard(host, prng, this.addresses, this.aliases())
    if (kind === "foreigner") return new Foreigner(host, prng, this.addresses, this.checks, this.coverage)
    if (kind === "stray" || connected === undefined) return this.makeStray(machine, host as never, prng)
    return this.makeConnected(machine, host, prng, connected, kind === "operator")
  }

  private aliases(): string[] {
    const { workload, load } = this.options
    // One that is longer than a node may keep unread.
    const large = load?.large === undefined ? [] : ["large"]
    return [...Array.from({ length: workload.keys }, (_, i) => `key${i}`), ...large]
  }

  private makeStray(
    machine: ClientMachine,
    host: ConstructorParameters<typeof ClientLogic>[1],
    prng: Prng,
  ): ClientLogic {
    const { options, recorder, checks, coverage } = this
    const { timeoutMs, attemptMs, connected } = options
    const workload = new Workload(options.workload, machine.index, prng.fork())
    const { large } = this
    return new ClientLogic(
      {
        timeoutMs,
        attemptMs,
        address: machine.address,
        nodes: this.addresses,
        index: machine.index,
        contentBytes: connected?.contentBytes ?? 0,
        calendarMs: () => this.calendarMs(),
        ...(large === undefined
          ? {}
          : {
              first: () => large.next(this.realMs(), "stray"),
              stored: (content: string) => large.stored(content),
            }),
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
    // Together they ask as often as one alone would.
    const workload = { ...options.workload, thinkMsMax: options.workload.thinkMsMax * connected.callers }
    return new ClusterClient(
      {
        ...connected,
        index,
        addresses: this.addresses,
        callers: isOperator ? 0 : connected.callers,
        timeoutMs: options.timeoutMs,
        calendarMs: () => this.calendarMs(),
        large: this.large,
        realMs: () => this.realMs(),
      },
      host,
      prng,
      (caller) => new Workload(workload, index * 10 + caller, prng.fork()),
      recorder,
      scans,
      checks,
      coverage,
    )
  }
}
