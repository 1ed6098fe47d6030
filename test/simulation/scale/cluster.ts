/**
 * A cluster of up to a thousand nodes and more on a quiet network: what it costs, not what it stands. Messages are counted
 * as the bytes that they would be; of each view, how large the step to it is and what it moved.
 */
import type { PeerMessage } from "../../../src/core/member/event.ts"
import { indexedNodeId } from "../../../src/core/ring/node-id.ts"
import type { Settings, View } from "../../../src/core/view/view.ts"
import type { Machine, Observer } from "../machine.ts"
import { emptyContents, type MemberContents } from "../member/contents.ts"
import { Trace } from "../trace.ts"
import { World } from "../world.ts"
import { sizeOf } from "./frames.ts"
import { ScaleNode } from "./node.ts"

export interface ScaleOptions {
  readonly seed: number
  readonly nodes: number
  readonly slotCount: number
  readonly replicationFactor: number
  readonly repairGraceMs: number
  /** A learner has caught up within this. */
  readonly copyMsMax: number
}

/** Of the list that founds; all others join. */
const foundersMax = 5
/** So many of the newest are shared; nobody is further behind for long. */
const sharedViews = 200

export class ScaleCluster implements Observer<MemberContents> {
  readonly options: ScaleOptions
  readonly world: World<MemberContents>
  /** Every decided view since `history` was last emptied. */
  readonly history: View[] = []
  newest: View | undefined
  /** Sent by machine, while it is counted. */
  messages: Uint32Array | undefined
  bytes: Float64Array | undefined
  private readonly shared = new Map<number, View>()
  private readonly founders: string[] = []

  constructor(options: ScaleOptions) {
    this.options = options
    const surroundings = {
      seed: options.seed,
      network: {
        delayMsMin: 0,
        delayMsMax: 2,
        lossPerMille: 0,
        duplicatePerMille: 0,
        latePerMille: 0,
        lateMsMax: 0,
        reorders: false,
      },
      disk: { latencyMsMin: 0, latencyMsMax: 4 },
      tickMs: 100,
      wallErrorMs: 100,
      // As long as each other, as those of one network are.
      addressOf: (index: number) => `10.0.${100 + (index >> 7)}.${100 + (index & 127)}:2836`,
    }
    this.world = new World<MemberContents>(
      surroundings,
      (machine, host, prng) =>
        new ScaleNode(
          machine,
          host,
          prng,
          { bootstrappingPeers: this.founders, settings: this.settings(), weight: 1, zone: "" },
          options.copyMsMax,
          (view) => this.share(view),
          machine.clock.read(this.world.nowMs),
        ),
      this,
      new Trace(),
      (machine) => emptyContents(machine.disk.durable.nodeId, machine.index, machine.incarnation),
    )
  }

  private settings(): Settings {
    const { slotCount, replicationFactor, repairGraceMs } = this.options
    return {
      replicationFactor,
      slotCount,
      sync: true,
      transient: false,
      entryBytesMax: 1024,
      leaseMs: 3_000,
      suspectMs: 1_500,
      repairGraceMs,
    }
  }

  /** Founds with the first few; the others join as soon as there is something to join. */
  found(): void {
    const founders = Math.min(foundersMax, this.options.nodes)
    const machines = Array.from({ length: founders }, () => this.add())
    this.founders.push(...machines.map((machine) => machine.address))
    for (const machine of machines) this.world.start(machine)
    this.until("the founding", 10_000, (view) => view.members.length === founders)
    this.join(this.options.nodes - founders)
  }

  join(count: number): Machine<MemberContents>[] {
    const machines = Array.from({ length: count }, () => this.add())
    for (const machine of machines)
      this.world.at(this.world.nowMs + this.world.prng.between(0, 1_000), () => this.world.start(machine))
    return machines
  }

  private add(): Machine<MemberContents> {
    const { world } = this
    const index = world.machines.length
    // Ids that are neither in the order of starting nor taken twice.
    const nodeId = indexedNodeId(((index * 2_654_435_761) % 2 ** 32) + 1, 2 ** 32)
    // As long as a real one.
    const storageId = `${index.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`
    return world.addMachine({ ...emptyContents(nodeId, index, 0), storageId })
  }

  /** Lets time pass until the newest view is as wanted. @returns how long it took */
  until(what: string, msMax: number, holds: (view: View) => boolean): number {
    const { world } = this
    const startedMs = world.nowMs
    while (this.newest === undefined || !holds(this.newest)) {
      if (world.nowMs - startedMs >= msMax)
        throw new Error(`${what} takes more than ${msMax / 1000} s; view ${this.newest?.epoch ?? 0}`)
      world.run(world.nowMs + 250)
    }
    return world.nowMs - startedMs
  }

  count(): void {
    this.messages = new Uint32Array(this.world.machines.length)
    this.bytes = new Float64Array(this.world.machines.length)
  }

  nodeOf(storageId: string): ScaleNode {
    const machine = this.world.machines.find((other) => other.disk.durable.storageId === storageId)
    return machine?.logic as ScaleNode
  }

  /** One object for all nodes' copies of a view. */
  private share(view: View): View {
    const known = this.shared.get(view.epoch)
    if (known !== undefined) return known
    this.shared.set(view.epoch, view)
    this.shared.delete(view.epoch - sharedViews)
    return view
  }

  // What it sees

  sending(machine: Machine<MemberContents>, message: unknown): void {
    const { messages, bytes } = this
    if (messages === undefined || bytes === undefined) return
    messages[machine.index] = (messages[machine.index] as number) + 1
    bytes[machine.index] = (bytes[machine.index] as number) + sizeOf(message as PeerMessage)
  }

  durable(machine: Machine<MemberContents>): void {
    const { view } = machine.disk.durable
    if (view === undefined || view.epoch <= (this.newest?.epoch ?? 0)) return
    this.newest = view
    this.history.push(view)
  }

  stepped(): void {}
  dying(): void {}
  resumed(): void {}
}
