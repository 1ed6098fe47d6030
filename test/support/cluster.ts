/** A cluster of real daemons on this machine: each at an address of its own, 127.0.0.1 and up, with one port for all. */
import { mkdirSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { type Client, connect } from "../../src/client/client.ts"
import type { ClusterStatus } from "../../src/wire/status.ts"
import { type Daemon, spawnAt, temporaryDirectory } from "./daemon.ts"

export interface ClusterOptions {
  readonly size: number
  readonly replicationFactor?: number
  /** For every daemon, besides addresses and directories. */
  readonly args?: readonly string[]
}

/** What a stable cluster may take at the most. */
export const stableDeadlineMs = 20_000

/** A status names each move: enough is shown of it to see what is waited for. */
const statusShownMax = 4000

export class LocalCluster implements AsyncDisposable {
  readonly port: number
  readonly options: ClusterOptions
  /** By place; undefined where none runs. */
  readonly daemons: (Daemon | undefined)[] = []
  readonly directory = temporaryDirectory()
  private readonly clients: Client[] = []

  private constructor(options: ClusterOptions, port: number) {
    this.options = options
    this.port = port
  }

  /** Makes the cluster; nothing runs yet. */
  static async make(options: ClusterOptions): Promise<LocalCluster> {
    return new LocalCluster(options, await freePortOf(addressesOf(options.size + spareAddresses)))
  }

  /** Starts all at once. */
  static async start(options: ClusterOptions): Promise<LocalCluster> {
    const cluster = await LocalCluster.make(options)
    await Promise.all(addressesOf(options.size).map((_, place) => cluster.startNode(place)))
    return cluster
  }

  address(place: number): string {
    return `127.0.0.${place + 1}:${this.port}`
  }

  root(place: number): string {
    return join(this.directory.path, `node${place + 1}`)
  }

  get addresses(): readonly string[] {
    return this.daemons.flatMap((daemon, place) => (daemon === undefined ? [] : [this.address(place)]))
  }

  /** Starts the node of this place, with all founders but itself as peers. */
  async startNode(place: number, extra: readonly string[] = []): Promise<Daemon> {
    const root = this.root(place)
    mkdirSync(root, { recursive: true })
    const { size, replicationFactor = 2, args = [] } = this.options
    const peers = addressesOf(size).flatMap((_, other) =>
      other === place ? [] : ["--peer", this.address(other)],
    )
    const replication = ["--replication", String(replicationFactor)]
    const daemon = spawnAt(this.address(place), root, [...replication, ...peers, ...args, ...extra])
    this.daemons[place] = daemon
    return daemon
  }

  daemon(place: number): Daemon {
    const daemon = this.daemons[place]
    if (daemon === undefined) throw new Error(`no daemon runs at ${this.address(place)}`)
    return daemon
  }

  /** Like a power switch of the process. */
  async kill(place: number): Promise<void> {
    const daemon = this.daemon(place)
    daemon.child.kill("SIGKILL")
    await daemon.exit()
    this.daemons[place] = undefined
  }

  /** SIGTERM. @returns the exit status */
  async stop(place: number): Promise<number | null> {
    const daemon = this.daemon(place)
    daemon.child.kill("SIGTERM")
    const { status } = await daemon.exit()
    this.daemons[place] = undefined
    return status
  }

  /** A client that knows the nodes of these places, by default all that run, and learns no others. */
  async client(places?: readonly number[], timeoutMs = 60_000): Promise<Client> {
    const daemons = places === undefined ? this.addresses : places.map((place) => this.address(place))
    const learnAddresses = places === undefined
    const client = await connect({ daemons, timeoutMs, learnAddresses, softwareVersion: "test" })
    this.clients.push(client)
    return client
  }

  /** Waits until some node finds the cluster as wanted. @returns ms from the call */
  async until(wanted: "stable" | "serving", timeoutMs: number = stableDeadlineMs): Promise<number> {
    const since = performance.now()
    await Promise.all(this.daemons.map((daemon) => daemon?.logged(/ ready on /)))
    const client = await this.client(undefined, timeoutMs)
    try {
      await client.clusterWait(wanted, { timeoutMs })
    } catch (error) {
      const status = await client.clusterStatus({ timeoutMs: 2000 }).catch((cause: unknown) => String(cause))
      const told = JSON.stringify(status).slice(0, statusShownMax)
      throw new Error(`not ${wanted}: ${told}\n${this.logs()}`, { cause: error })
    }
    await client.close()
    return performance.now() - since
  }

  logs(): string {
    return this.daemons.map((daemon, place) => `--- ${this.address(place)}\n${daemon?.log ?? ""}`).join("\n")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) await client.close()
    for (const daemon of this.daemons) daemon?.child.kill("SIGKILL")
    await Promise.all(this.daemons.map((daemon) => daemon?.exit()))
    this.directory.remove()
  }
}

/** Asks until the status is as wanted: nobody announces it. @throws what it was, after 40 s */
export async function untilStatus(
  client: Client,
  isDone: (status: ClusterStatus) => boolean,
): Promise<ClusterStatus> {
  const untilMs = performance.now() + 40_000
  for (;;) {
    const status = (await client.clusterStatus()) as ClusterStatus
    if (isDone(status)) return status
    if (performance.now() > untilMs)
      throw new Error(`still ${JSON.stringify(status).slice(0, statusShownMax)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Places besides the founders': nodes that join later. */
const spareAddresses = 2

function addressesOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, place) => `127.0.0.${place + 1}`)
}

/** @returns a port that was free at all of the addresses a moment ago */
async function freePortOf(hosts: readonly string[]): Promise<number> {
  for (;;) {
    const [first, ...rest] = hosts as readonly [string, ...string[]]
    const port = await listenOnce(first, 0)
    if (port === undefined) continue
    const others = await Promise.all(rest.map((host) => listenOnce(host, port)))
    if (others.every((other) => other === port)) return port
  }
}

function listenOnce(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(undefined))
    server.listen(port, host, () => {
      const bound = (server.address() as { port: number }).port
      server.close(() => resolve(bound))
    })
  })
}
