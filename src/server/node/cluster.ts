/**
 * A node's place among the others: who it is, its links to them, what it keeps of the cluster on disk, and the machine
 * that decides. It is the host of that machine, and the end of every connection that another node has dialled.
 */
import type { Config } from "../../config/config.ts"
import type { Now } from "../../core/lib/clock.ts"
import { slotCountDefault } from "../../core/lib/limits.ts"
import { Prng } from "../../core/lib/prng.ts"
import type { Identity, MemberOptions, Recovered } from "../../core/member/event.ts"
import { parseNodeId } from "../../core/ring/node-id.ts"
import { assert } from "../../core/lib/assert.ts"
import type { View } from "../../core/view/view.ts"
import { type Storage, StorageError } from "../../storage/storage.ts"
import type { Hello } from "../../wire/hello.ts"
import { decodeRecords, encodeRecord } from "../../wire/peer/record.ts"
import { AcceptedLink, type PeerRefusal } from "../link/accepted.ts"
import { Links } from "../link/links.ts"
import type { ClusterSecret } from "../link/secret.ts"
import { Membership, type MembershipHost } from "./membership.ts"

export interface ClusterOptions {
  readonly config: Config
  readonly storage: Pick<Storage, "identity" | "meta">
  /** `host:port` that others use. */
  readonly address: string
  readonly secret: ClusterSecret | undefined
  readonly softwareVersion: string
  readonly clock: { read(): Now }
  /** From 0 to 2^32 - 1: for back-off alone. */
  readonly seed: number
  readonly onNotice: (level: "debug" | "info" | "warning" | "error", component: string, text: string) => void
  /** Something waits for the end of the turn. */
  readonly schedule: () => void
  readonly onView: (view: View) => void
  readonly onStop: (outcome: "stopped" | "failed", reason: string) => void
  readonly onStartOver: (reason: string) => void
}

export class Cluster {
  readonly membership: Membership
  readonly links: Links
  readonly self: Identity
  /** Software versions of the nodes that have greeted this one, by storage. */
  readonly versions = new Map<string, string>()
  /** What the node waits for, in its own words. */
  waitsFor = ""
  private readonly options: ClusterOptions
  private readonly recovered: Recovered

  /** @throws StorageError where the disk holds what is no record of a cluster */
  constructor(options: ClusterOptions) {
    const { storage, address, clock } = options
    this.options = options
    this.recovered = readRecords(storage)
    const { storageId, boot } = storage.identity
    const nodeId = parseNodeId(storage.identity.nodeId)
    assert(nodeId !== undefined, "a directory's node id parses")
    this.self = { nodeId, storageId, boot, address }
    const prng = new Prng(options.seed)
    this.links = new Links(
      {
        softwareVersion: options.softwareVersion,
        identity: storage.identity,
        clusterId: () => this.view?.clusterId ?? null,
        secret: options.secret,
        random: () => prng.uint32() / 2 ** 32,
        onNotice: (level, text) => options.onNotice(level, "link", text),
      },
      options.schedule,
    )
    this.membership = new Membership(
      this.self,
      memberOptions(options.config),
      prng,
      this.host(),
      clock.read(),
    )
  }

  get view(): View | undefined {
    return this.membership.view
  }

  /** Nobody else is named, neither by the configuration nor by what is on disk: there is nobody to wait for. */
  get isAlone(): boolean {
    const { view, founding } = this.recovered
    if (view !== undefined) return view.members.length === 1
    return this.options.config.local.chord.bootstrapping_peers.length === 0 && founding === undefined
  }

  start(): void {
    this.membership.start(this.recovered, this.options.clock.read())
  }

  tick(now: Now): void {
    this.links.tick(now.monotonicMs)
    this.membership.tick(now)
  }

  /** Another node greets this one. */
  greet(hello: Hello): AcceptedLink | PeerRefusal {
    const { storage, secret, clock } = this.options
    if (hello.node !== null) this.versions.set(hello.node.storageId, hello.softwareVersion)
    return AcceptedLink.greet(hello, {
      identity: storage.identity,
      secret,
      onControl: (message) => this.membership.control(message, clock.read()),
    })
  }

  /** What the machine wants done. */
  private host(): MembershipHost {
    const { storage, onNotice, onView, onStop, onStartOver } = this.options
    return {
      send: (address, message) => this.links.send(address, message, performance.now()),
      persistMeta: (token, records) => {
        const encoded = records.map((record) => ({ key: record.key, value: encodeRecord(record) }))
        storage.meta.write(token, encoded)
      },
      log: (level, text) => {
        if (text.startsWith("waits for ")) this.waitsFor = text
        onNotice(level, "cluster", text)
      },
      view: onView,
      stop: onStop,
      startOver: onStartOver,
    }
  }
}

function readRecords({ meta }: Pick<Storage, "meta">): Recovered {
  const recovered = decodeRecords(meta.recovered, !meta.clean)
  if (typeof recovered !== "string") return recovered
  throw new StorageError(`meta.db: ${JSON.stringify(recovered)} is not what this version writes`)
}

function memberOptions(config: Config): MemberOptions {
  const { depot, cluster } = config.global
  return {
    bootstrappingPeers: config.local.chord.bootstrapping_peers,
    settings: {
      replicationFactor: depot.replication_factor,
      slotCount: slotCountDefault,
      sync: depot.sync,
      transient: depot.transient,
      entryBytesMax: depot.max_entry_bytes,
      leaseMs: cluster.lease_ms,
      suspectMs: cluster.suspect_ms,
      repairGraceMs: cluster.repair_grace_seconds * 1000,
    },
    weight: 1,
    zone: "",
  }
}
