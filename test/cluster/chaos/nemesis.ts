/**
 * What befalls the cluster. Two lanes run beside each other, one for processes and disks and one for the network, so that
 * faults overlap; within a lane each fault is undone before the next begins. No fault goes beyond what `cluster.md`
 * promises to survive: of the copies of an entry at least one in-sync disk stays, so a directory is taken away only
 * from a stable cluster.
 */
import { cpSync, existsSync, renameSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { Fleet, FleetNode } from "./fleet.ts"
import { clients, type Direction } from "./proxy.ts"

export interface NemesisOptions {
  readonly leaseMs: number
  /** The longest pause of a process; in leases. */
  readonly pauseLeasesMax: number
  /** Nobody joins when there are as many members as these. */
  readonly membersMax: number
  /** Nobody leaves when there are no more members than these. */
  readonly membersMin: number
  /** Asks the cluster to do without the node at this address for good. @returns false where it refuses or does not answer */
  readonly remove: (address: string) => Promise<boolean>
  /** Waits until the cluster is stable, in a view behind that one. @returns false if it is not in time */
  readonly stable: (timeoutMs: number, afterEpoch?: number) => Promise<boolean>
  /** Waits until the node at this address is down and all slots are served by others. @returns false if it is not so in time */
  readonly servingWithout: (address: string, timeoutMs: number) => Promise<boolean>
  readonly note: (text: string) => void
  /** Ends all waiting. */
  readonly signal: AbortSignal
}

/** What a member may take to hand over all that it holds, among further faults. */
const leavePatienceMs = 120_000
/** A quota that an empty directory exceeds. */
const fullBytes = 1024 * 1024

interface Fault {
  readonly name: string
  readonly weight: number
  readonly run: () => Promise<void>
}

export class Nemesis {
  readonly counts = new Map<string, number>()
  private readonly fleet: Fleet
  private readonly prng: Prng
  private readonly options: NemesisOptions
  private copies = 0

  constructor(fleet: Fleet, prng: Prng, options: NemesisOptions) {
    this.fleet = fleet
    this.prng = prng
    this.options = options
  }

  /** @returns when `signal` has ended both lanes and everything is healed and running again */
  async run(): Promise<void> {
    await Promise.all([this.lane(this.processFaults), this.lane(this.networkFaults)])
    this.fleet.healNetwork()
    for (const node of this.fleet.nodes) {
      this.fleet.resume(node)
      await this.fleet.start(node)
    }
  }

  private async lane(faults: readonly Fault[]): Promise<void> {
    const total = faults.reduce((sum, fault) => sum + fault.weight, 0)
    while (!this.options.signal.aborted) {
      let draw = this.prng.below(total)
      const fault = faults.find(({ weight }) => (draw -= weight) < 0) as Fault
      this.counts.set(fault.name, (this.counts.get(fault.name) ?? 0) + 1)
      await fault.run()
      await this.pause(0, 4_000)
    }
  }

  /** Between two bounds, or until the run ends. */
  private pause(leastMs: number, mostMs: number): Promise<void> {
    const { signal } = this.options
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener("abort", done)
        resolve()
      }
      const timer = setTimeout(done, this.prng.between(leastMs, mostMs))
      signal.addEventListener("abort", done)
    })
  }

  private any(): FleetNode {
    return this.prng.pick(this.fleet.nodes.filter((node) => !node.removed))
  }

  private others(node: FleetNode): readonly FleetNode[] {
    return this.fleet.nodes.filter((other) => other !== node)
  }

  private say(text: string): void {
    this.options.note(text)
  }

  private readonly processFaults: readonly Fault[] = [
    {
      name: "kill",
      weight: 6,
      run: async () => {
        const node = this.any()
        this.say(`kill -9 node ${node.index}`)
        await this.fleet.kill(node)
        await this.pause(0, 6_000)
        await this.fleet.start(node)
      },
    },
    {
      name: "kill all",
      weight: 1,
      run: async () => {
        this.say("kill -9 all nodes")
        const { nodes } = this.fleet
        await Promise.all(nodes.map((node) => this.fleet.kill(node)))
        for (const node of nodes) {
          await this.pause(0, 1_000)
          await this.fleet.start(node)
        }
      },
    },
    {
      name: "kill two",
      weight: 2,
      run: async () => {
        const pair = [...this.fleet.nodes]
        this.prng.shuffle(pair)
        const victims = pair.slice(0, 2)
        this.say(`kill -9 nodes ${victims.map((node) => node.index).join(" and ")}`)
        await Promise.all(victims.map((node) => this.fleet.kill(node)))
        for (const node of victims) {
          await this.pause(0, 3_000)
          await this.fleet.start(node)
        }
      },
    },
    {
      name: "restart storm",
      weight: 2,
      run: async () => {
        const node = this.any()
        this.say(`restart storm of node ${node.index}`)
        for (let i = this.prng.between(2, 5); i > 0; i--) {
          await this.fleet.kill(node)
          await this.fleet.start(node)
          await this.pause(50, 900)
        }
      },
    },
    {
      name: "rolling restart",
      weight: 1,
      run: async () => {
        this.say("rolling restart")
        for (const node of this.fleet.nodes) {
          await this.cleanStop(node)
          await this.fleet.start(node)
          await this.pause(500, 4_000)
        }
      },
    },
    {
      name: "clean stop",
      weight: 2,
      run: async () => {
        const node = this.any()
        this.say(`clean stop of node ${node.index}`)
        await this.cleanStop(node)
        await this.pause(0, 6_000)
        await this.fleet.start(node)
      },
    },
    {
      name: "pause",
      weight: 5,
      run: async () => {
        const node = this.any()
        const { leaseMs, pauseLeasesMax } = this.options
        const leases = this.prng.pick([0.5, 1.1, 3, 20].filter((count) => count <= pauseLeasesMax))
        this.say(`SIGSTOP node ${node.index} for ${leases} leases`)
        this.fleet.pause(node)
        await this.pause(leases * leaseMs, leases * leaseMs + 200)
        this.fleet.resume(node)
      },
    },
    {
      name: "wiped directory",
      weight: 1,
      run: async () => {
        if (!(await this.options.stable(10_000))) return
        const node = this.any()
        this.say(`wipe node ${node.index}`)
        await this.fleet.kill(node)
        // Only now it is certain that others have all that it has: a fault of the network may have taken them out before.
        if (await this.options.servingWithout(node.address, 20_000)) this.fleet.wipe(node)
        await this.fleet.start(node)
        // Its places are copied again before anything else may be taken away.
        await this.options.stable(40_000)
      },
    },
    {
      name: "old copy",
      weight: 1,
      run: () => this.oldCopy(this.any()),
    },
    {
      name: "join",
      weight: 1,
      run: async () => {
        if (this.fleet.nodes.filter((node) => !node.removed).length >= this.options.membersMax) return
        const node = await this.fleet.make()
        this.say(`node ${node.index} joins`)
        await this.fleet.start(node)
        await this.pause(0, 4_000)
      },
    },
    {
      name: "leave",
      weight: 1,
      run: async () => {
        const members = this.fleet.nodes.filter((node) => !node.removed)
        if (members.length <= this.options.membersMin || !(await this.options.stable(10_000))) return
        const node = this.prng.pick(members)
        this.say(`node ${node.index} leaves`)
        // Also where no answer comes: it may have been heard all the same.
        node.leaving = true
        if (!(await this.options.remove(node.address))) return
        if (!(await this.fleet.left(node, leavePatienceMs)) && !this.options.signal.aborted)
          this.fleet.unexpected.push(`node ${node.index} has not left after ${leavePatienceMs} ms`)
      },
    },
    {
      name: "full disk",
      weight: 1,
      run: async () => {
        const node = this.any()
        this.say(`full disk at node ${node.index}`)
        await this.cleanStop(node)
        // Less than it holds already: writes are refused from the first on.
        await this.fleet.start(node, fullBytes)
        await this.pause(2_000, 8_000)
        await this.cleanStop(node)
        await this.fleet.start(node)
      },
    },
    {
      name: "copied directory",
      weight: 1,
      run: () => this.copiedDirectory(this.any()),
    },
  ]

  private async cleanStop(node: FleetNode): Promise<void> {
    await this.fleet.stop(node, 15_000)
  }

  /** A directory is put back from a copy of two starts ago: the node must refuse to serve with it. */
  private async oldCopy(node: FleetNode): Promise<void> {
    if (!(await this.options.stable(10_000))) return
    this.say(`old copy of node ${node.index}`)
    const directory = join(node.directory, "db")
    const copy = join(node.directory, "copy")
    const newest = join(node.directory, "newest")
    if (!existsSync(directory) || node.condition !== "running") return
    await this.fleet.kill(node)
    cpSync(directory, copy, { recursive: true })
    let isKnown = true
    for (let start = 0; start < 2; start++) {
      isKnown &&= await this.startKnown(node)
      await this.fleet.kill(node)
    }
    if (isKnown) {
      renameSync(directory, newest)
      renameSync(copy, directory)
      // Where it is not refused, which is told, what it has taken since is only there.
      if (await this.fleet.startRefused(node)) {
        rmSync(directory, { recursive: true })
        renameSync(newest, directory)
      } else rmSync(newest, { recursive: true })
    }
    rmSync(copy, { recursive: true, force: true })
    await this.fleet.start(node)
  }

  /** Starts the node. @returns whether the cluster has a view that names this start: only then can an older copy be told */
  private async startKnown(node: FleetNode): Promise<boolean> {
    await this.fleet.start(node)
    const log = await node.daemon?.logged(/is a member of cluster \w+, view \d+/, 20_000).then(
      () => node.daemon?.log ?? "",
      () => "",
    )
    // It enters with a view that cannot know of it, and asks for another.
    const entered = /is a member of cluster \w+, view (\d+)/.exec(log ?? "")?.[1]
    return entered !== undefined && (await this.options.stable(20_000, Number(entered)))
  }

  /** A copy of a directory is started elsewhere, while the original runs. */
  private async copiedDirectory(node: FleetNode): Promise<void> {
    if (!(await this.options.stable(10_000)) || node.condition !== "running") return
    this.say(`copied directory of node ${node.index}`)
    const copy = join(node.directory, `copy${this.copies++}`)
    await this.fleet.kill(node)
    cpSync(join(node.directory, "db"), join(copy, "db"), { recursive: true })
    // Until the cluster knows of the original's new start, it cannot tell which of the two came first.
    if (await this.startKnown(node)) await this.fleet.startCopyRefused(node, copy)
    rmSync(copy, { recursive: true })
  }

  private readonly networkFaults: readonly Fault[] = [
    {
      name: "isolated node",
      weight: 3,
      run: async () => {
        const node = this.any()
        const direction = this.prng.pick<Direction>(["both", "both", "in", "out"])
        this.say(`isolate node ${node.index} from nodes, ${direction}`)
        this.isolate(node, direction)
        await this.pause(500, 8_000)
        this.fleet.healNetwork()
      },
    },
    {
      name: "cut pair",
      weight: 3,
      run: async () => {
        const node = this.any()
        const others = this.others(node)
        if (others.length === 0) return
        const other = this.prng.pick(others)
        const oneWay = this.prng.chance(1, 3)
        this.say(`cut node ${node.index} from node ${other.index}${oneWay ? ", one way" : ""}`)
        node.proxy.cut(other.source, oneWay ? "in" : "both")
        if (!oneWay) other.proxy.cut(node.source, "both")
        await this.pause(500, 8_000)
        this.fleet.healNetwork()
      },
    },
    {
      name: "half-open clients",
      weight: 2,
      run: async () => {
        const node = this.any()
        const direction = this.prng.pick<Direction>(["both", "in", "out"])
        this.say(`cut node ${node.index} from its clients, ${direction}`)
        node.proxy.cut(clients, direction)
        await this.pause(500, 8_000)
        this.fleet.healNetwork()
      },
    },
    {
      name: "resets",
      weight: 3,
      run: async () => {
        const node = this.any()
        this.say(`reset connections to node ${node.index}`)
        for (let i = this.prng.between(1, 8); i > 0; i--) {
          for (const source of [clients, ...this.others(node).map((other) => other.source)])
            if (this.prng.chance(1, 2)) node.proxy.reset(source)
          await this.pause(5, 300)
        }
      },
    },
    {
      name: "slow network",
      weight: 2,
      run: async () => {
        const quality = { delayMs: this.prng.pick([2, 20, 200]), jitterMs: this.prng.pick([1, 50, 400]) }
        this.say(`slow network, ${quality.delayMs} ms and up to ${quality.jitterMs} more`)
        for (const node of this.fleet.nodes)
          for (const other of this.others(node)) node.proxy.degrade(other.source, quality)
        await this.pause(1_000, 8_000)
        this.fleet.healNetwork()
      },
    },
  ]

  private isolate(node: FleetNode, direction: Direction): void {
    for (const other of this.others(node)) {
      if (direction !== "out") node.proxy.cut(other.source, "both")
      if (direction !== "in") other.proxy.cut(node.source, "both")
    }
  }
}
