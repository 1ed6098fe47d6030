/**
 * A node's place among the others: who it is, its links to them, what it remembers of the cluster, and what it has heard.
 * The end of every connection that another node has dialled.
 */
import type { Config } from "../../config/config.ts"
import type { Now } from "../../core/lib/clock.ts"
import { slotCountDefault } from "../../core/lib/limits.ts"
import { Prng } from "../../core/lib/prng.ts"
import type { MemberOptions, Recovered } from "../../core/member/event.ts"
import type { NodeIdentity } from "../../core/node/host.ts"
import { parseNodeId } from "../../core/ring/node-id.ts"
import { assert } from "../../core/lib/assert.ts"
import type { Settings } from "../../core/view/view.ts"
import { type Storage, StorageError } from "../../storage/storage.ts"
import { decodeRecords } from "../../wire/peer/record.ts"
import { Links } from "../link/links.ts"
import type { ClusterSecret } from "../link/secret.ts"

export interface ClusterOptions {
  readonly config: Config
  readonly storage: Pick<Storage, "identity" | "meta">
  readonly secret: ClusterSecret | undefined
  readonly softwareVersion: string
  /** From 0 to 2^32 - 1: for back-off alone. */
  readonly seed: number
  readonly onNotice: (level: "debug" | "info" | "warning" | "error", component: string, text: string) => void
  /** Something waits for the end of the turn. */
  readonly schedule: () => void
  readonly clusterId: () => string | null
}

export class Cluster {
  readonly links: Links
  /** Its address is known once the node listens, before it speaks. */
  readonly self: { -readonly [K in keyof NodeIdentity]: NodeIdentity[K] }
  readonly member: MemberOptions
  readonly recovered: Recovered
  readonly prng: Prng
  readonly secret: ClusterSecret | undefined
  /** Software versions of the nodes that have greeted this one, by storage. */
  readonly versions = new Map<string, string>()
  /** What the node waits for, in its own words. */
  waitsFor = ""
  private readonly options: ClusterOptions

  /** @throws StorageError where the disk holds what is no record of a cluster */
  constructor(options: ClusterOptions) {
    const { storage, secret } = options
    this.options = options
    this.secret = secret
    this.recovered = readRecords(storage)
    const { storageId, boot } = storage.identity
    const nodeId = parseNodeId(storage.identity.nodeId)
    assert(nodeId !== undefined, "a directory's node id parses")
    this.self = { nodeId, storageId, boot, address: "" }
    this.member = memberOptions(options.config)
    this.prng = new Prng(options.seed)
    this.links = new Links(
      {
        softwareVersion: options.softwareVersion,
        identity: storage.identity,
        clusterId: options.clusterId,
        secret,
        random: () => this.prng.uint32() / 2 ** 32,
        onNotice: (level, text) => options.onNotice(level, "link", text),
      },
      options.schedule,
    )
  }

  /** Nobody else is named, neither by the configuration nor by what is on disk: there is nobody to wait for. */
  get isAlone(): boolean {
    const { view, founding } = this.recovered
    if (view !== undefined) return view.members.length === 1
    return this.member.bootstrappingPeers.length === 0 && founding === undefined
  }

  /** What this process goes by: the cluster's settings, as far as it knew them when it started. */
  get settings(): Settings {
    return this.recovered.view?.settings ?? this.member.settings
  }

  tick(now: Now): void {
    this.links.tick(now.monotonicMs)
  }

  log(level: "info" | "warning" | "error", text: string): void {
    if (text.startsWith("waits for ")) this.waitsFor = text
    this.options.onNotice(level, "cluster", text)
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
