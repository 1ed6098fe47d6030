/**
 * The daemons of a chaos run: real processes with a proxy in front of each, so that every byte between nodes and from
 * clients passes through a network that can be broken. A node keeps its addresses over all its lives.
 */
import { rmSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import type { Prng } from "../../../src/core/lib/prng.ts"
import { type Daemon, freePort, spawnDaemon } from "../../support/daemon.ts"
import { NodeProxy, type Source, sourceOf } from "./proxy.ts"

/** Ids are spread as the generator does, with room for those that join. */
const placesOnRing = 64
/** What a node may take to find out that it must not serve. */
const refusalPatienceMs = 20_000

export interface FleetOptions {
  readonly directory: string
  readonly founders: number
  readonly replicationFactor: number
  readonly leaseMs: number
  readonly suspectMs: number
  readonly repairGraceSeconds: number
}

export type NodeCondition = "running" | "paused" | "down"

export class FleetNode {
  readonly index: number
  readonly directory: string
  readonly port: number
  readonly proxy: NodeProxy
  readonly nodeId: string
  condition: NodeCondition = "down"
  daemon: Daemon | undefined
  /** All that its processes said, in order; for people. */
  readonly logs: Daemon[] = []
  /** Told to leave the cluster for good: it ends by itself when it has. */
  leaving = false
  /** It has left. */
  removed = false

  constructor(index: number, directory: string, port: number, proxy: NodeProxy) {
    this.index = index
    this.directory = directory
    this.port = port
    this.proxy = proxy
    this.nodeId = `${1 + ((index * 21) % placesOnRing)}/${placesOnRing}`
  }

  get source(): Source {
    return sourceOf(this.nodeId)
  }

  /** What clients and nodes dial. */
  get address(): string {
    return `127.0.0.1:${this.proxy.port}`
  }
}

export class Fleet {
  readonly nodes: FleetNode[] = []
  private readonly options: FleetOptions
  private readonly prng: Prng
  /** A process that ended without being told to: none may. */
  readonly unexpected: string[] = []

  constructor(options: FleetOptions, prng: Prng) {
    this.options = options
    this.prng = prng
  }

  /** Makes the founders and starts them. */
  async found(): Promise<void> {
    for (let i = 0; i < this.options.founders; i++) await this.make()
    for (const node of this.nodes) await this.start(node)
  }

  /** A new node that is not started yet. */
  async make(): Promise<FleetNode> {
    const index = this.nodes.length
    const directory = join(this.options.directory, `node${index}`)
    await mkdir(directory, { recursive: true })
    const port = await freePort()
    const proxy = await NodeProxy.start(
      0,
      () => port,
      (bound) => this.prng.below(bound),
    )
    const node = new FleetNode(index, directory, port, proxy)
    this.nodes.push(node)
    return node
  }

  get running(): readonly FleetNode[] {
    return this.nodes.filter((node) => node.condition === "running")
  }

  /** @param quotaBytes what its directory may hold; 0 = no quota */
  async start(node: FleetNode, quotaBytes = 0): Promise<void> {
    if (node.condition !== "down" || node.removed) return
    const args = [...this.argsOf(node, node.address), "--set", `global.depot.max_bytes=${quotaBytes}`]
    const daemon = await spawnDaemon({ directory: node.directory, port: node.port, args })
    node.daemon = daemon
    node.logs.push(daemon)
    node.condition = "running"
    void daemon.exit().then(({ status, signal }) => {
      if (node.daemon !== daemon) return
      if (node.leaving && status === 0) node.removed = true
      const expected = node.condition === "down" || node.removed
      if (!expected)
        this.unexpected.push(
          `node ${node.index} ended by itself: status ${status}, signal ${signal}\n${daemon.log.slice(-2000)}`,
        )
      node.condition = "down"
    })
  }

  private argsOf(node: FleetNode, address: string): string[] {
    const { options } = this
    const peers = this.nodes.filter((other) => other !== node && !other.removed)
    const settings = [
      `global.cluster.lease_ms=${options.leaseMs}`,
      `global.cluster.suspect_ms=${options.suspectMs}`,
      `global.cluster.repair_grace_seconds=${options.repairGraceSeconds}`,
      `global.depot.replication_factor=${options.replicationFactor}`,
      `local.network.advertise=${address}`,
      `local.chord.node_id=${node.nodeId}`,
      `local.logger.log_files=${join(node.directory, "log.txt")}`,
    ]
    return [
      ...settings.flatMap((setting) => ["--set", setting]),
      ...peers.flatMap((peer) => ["--peer", peer.address]),
    ]
  }

  /** Starts a node that has to end by itself, with an error. @returns whether it did */
  async startRefused(node: FleetNode): Promise<boolean> {
    await this.start(node)
    const { daemon } = node
    if (daemon === undefined) throw new Error("the node is not to be started")
    node.condition = "down"
    return this.refused(`node ${node.index}`, daemon)
  }

  /** Starts a node with a copy of another's directory, at an address of its own, while that one runs: it has to be refused. */
  async startCopyRefused(node: FleetNode, directory: string): Promise<boolean> {
    const port = await freePort()
    const args = this.argsOf(node, `127.0.0.1:${port}`)
    return this.refused(`a copy of node ${node.index}`, await spawnDaemon({ directory, port, args }))
  }

  private async refused(name: string, daemon: Daemon): Promise<boolean> {
    const timer = setTimeout(() => daemon.kill("SIGKILL"), refusalPatienceMs)
    const { status } = await daemon.exit()
    clearTimeout(timer)
    if (status !== 1)
      this.unexpected.push(`${name} was not refused: status ${status}\n${daemon.log.slice(-2000)}`)
    return status === 1
  }

  /** Waits until a node that was told to leave has ended. @returns whether it did in time */
  async left(node: FleetNode, patienceMs: number): Promise<boolean> {
    const { daemon } = node
    if (daemon === undefined) return node.removed
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), patienceMs)))
    const done = await Promise.race([daemon.exit().then(() => true), late])
    clearTimeout(timer)
    return done && node.removed
  }

  async kill(node: FleetNode): Promise<void> {
    const { daemon } = node
    if (daemon === undefined || node.condition === "down") return
    node.condition = "down"
    daemon.kill("SIGKILL")
    await daemon.exit()
  }

  /** A clean stop, as by a service manager, which kills what is left. @returns the exit status, null = killed */
  async stop(node: FleetNode, patienceMs: number): Promise<number | null> {
    const { daemon } = node
    if (daemon === undefined || node.condition !== "running") return 0
    node.condition = "down"
    daemon.kill("SIGTERM")
    const timer = setTimeout(() => daemon.kill("SIGKILL"), patienceMs)
    const { status } = await daemon.exit()
    clearTimeout(timer)
    return status
  }

  pause(node: FleetNode): void {
    if (node.condition !== "running") return
    node.condition = "paused"
    node.daemon?.kill("SIGSTOP")
  }

  resume(node: FleetNode): void {
    if (node.condition !== "paused") return
    node.condition = "running"
    node.daemon?.kill("SIGCONT")
  }

  wipe(node: FleetNode): void {
    if (node.condition !== "down") throw new Error("only a node that is down can be wiped")
    rmSync(join(node.directory, "db"), { recursive: true, force: true })
  }

  healNetwork(): void {
    for (const node of this.nodes) node.proxy.heal()
  }

  async close(): Promise<void> {
    this.healNetwork()
    for (const node of this.nodes) {
      this.resume(node)
      await this.kill(node)
    }
    await Promise.all(this.nodes.map((node) => node.proxy.close()))
  }
}
