/**
 * The documents that a node answers about itself and its cluster: one schema for the wire, the shell and HTTP.
 *
 * `node_status`, `node_config` and `node_topology` keep the names that quasardb's tools read (snake case); `cluster_status` is
 * qdb's own. Figures that may pass 2^53 (bytes, counts of a node's lifetime) are decimal strings, since JSON's readers and
 * several MessagePack libraries round or refuse them; ids are strings; times are milliseconds since the epoch.
 */
import type { OperationName } from "../core/entry/operation.ts"
import type { ValueMap } from "./writer.ts"

/** An unsigned 64-bit integer in decimal. */
export type Integer64 = `${bigint}`

/** @param value an integer from 0 to 2^53 - 1, or a bigint from 0 to 2^64 - 1 */
export function integer64(value: number | bigint): Integer64 {
  return `${BigInt(value)}`
}

export interface Usage extends ValueMap {
  readonly used: Integer64
  readonly total: Integer64
}

/** Entries and the bytes of their contents. */
export interface EntryFigures extends ValueMap {
  readonly count: Integer64
  readonly size: Integer64
}

/** What happened to the requests of one operation since the node's start. */
export interface OperationFigures extends ValueMap {
  readonly count: Integer64
  readonly successes: Integer64
  readonly failures: Integer64
  /** Entries read from disk, and entries dropped from memory, on behalf of these requests. */
  readonly pageins: Integer64
  readonly evictions: Integer64
  /** Bytes of contents received and sent. */
  readonly in_bytes: Integer64
  readonly out_bytes: Integer64
  /** From a request's arrival to its answer; of those that waited for nothing, to the end of their turn. */
  readonly latency: Quantiles
}

/** Microseconds since the node's start, within 6 %. */
export interface Quantiles extends ValueMap {
  readonly count: Integer64
  readonly p50_us: number
  readonly p99_us: number
  readonly p999_us: number
  readonly max_us: number
}

/** What goes on inside the node; qdb's own, for whoever looks for a bottleneck. */
export interface EngineFigures extends ValueMap {
  /** Batches of the log: count, and time from the write's begin to the fsync's end. */
  readonly commits: Omit<Quantiles, "p999_us">
  /** How late timers run. */
  readonly event_loop_lag: Quantiles
  /** How often a lease had ended before the voters' next one came. */
  readonly leases_lapsed: Integer64
  /** Writes in the log and not yet committed; requests that wait for an entry from disk. */
  readonly prepared: number
  readonly loading: number
  /** Records in memory that are not durable yet; sessions that are not read from until there is room for more. */
  readonly uncommitted_bytes: Integer64
  readonly sessions_waiting: number
  /** Requests sent on to the node that serves the entry; `routed`: of clients that knew a view, and should not need it. */
  readonly forwarded: { readonly all: Integer64; readonly routed: Integer64 }
  /** Requests for entries that found what they need in memory, and those that waited for the disk. */
  readonly cache: { readonly hits: Integer64; readonly misses: Integer64 }
  /** The JavaScript heap; entries lie outside of it. */
  readonly heap_bytes: Integer64
  /** Of the log, what the table does not hold durably yet. */
  readonly log_bytes: Integer64
  readonly files: { readonly log_bytes: Integer64; readonly table_bytes: Integer64 }
  /** In memory and not yet in the table. */
  readonly dirty_bytes: Integer64
  readonly filter_bytes: Integer64
  readonly pageins: Integer64
  readonly evictions: Integer64
  /** Retries that were answered from memory; expired entries removed; silent clients forgotten. */
  readonly duplicates: Integer64
  readonly expired_removed: Integer64
  readonly clients_forgotten: Integer64
  readonly disk: { readonly used: Integer64; readonly quota: Integer64; readonly full: boolean }
  readonly sessions: {
    readonly open: number
    readonly accepted: Integer64
    readonly refused: Integer64
    readonly protocol_errors: Integer64
    readonly stalled: Integer64
    readonly idle: Integer64
    readonly held_bytes: Integer64
  }
}

export interface NodeStatus extends ValueMap {
  readonly node_id: string
  readonly operating_system: string
  readonly hardware_concurrency: number
  /** `host:port` each. */
  readonly listening_addresses: readonly string[]
  readonly partitions_count: number
  /** When this was written, and when the node was started. */
  readonly timestamp: number
  readonly startup: number
  readonly engine_version: string
  /** RFC 3339, of the commit that it was built from, and that commit. */
  readonly engine_build_date: string
  readonly engine_build_commit: string
  readonly memory: { readonly physmem: Usage; readonly vm: Usage }
  /** Milliseconds of all processors together since the machine's start. */
  readonly cpu_times: { readonly idle: Integer64; readonly system: Integer64; readonly user: Integer64 }
  /** Of the file system that holds the data directory. */
  readonly disk_usage: { readonly free: Integer64; readonly total: Integer64 }
  readonly network: {
    readonly listening_endpoint: string
    readonly in_bytes: Integer64
    readonly out_bytes: Integer64
    readonly partitions: {
      readonly count: number
      readonly max_sessions: number
      readonly available_sessions: readonly number[]
    }
  }
  /** In memory, and in the table on disk, which may lag. */
  readonly entries: { readonly resident: EntryFigures; readonly persisted: EntryFigures }
  readonly overall: Omit<OperationFigures, "latency">
  readonly engine: EngineFigures
  readonly operations: { readonly [name in OperationName]: OperationFigures }
}

/** The configuration in force, in the nesting of the configuration file; paths and secrets' files as configured. */
export interface NodeConfig extends ValueMap {
  readonly global: ValueMap
  readonly local: ValueMap
}

/** A node on the ring: its id, and the address that clients and nodes use. */
export interface NodeReference extends ValueMap {
  readonly reference: string
  readonly endpoint: string
}

/** The ring around a node, and where each slot is served: all that a client needs to send a request to the right node. */
export interface NodeTopology extends ValueMap {
  readonly predecessor: NodeReference
  readonly center: NodeReference
  readonly successor: NodeReference
  readonly cluster_id: string
  /** The view that `members` and `primaries` belong to; a newer one has a larger epoch. */
  readonly epoch: number
  /** In the order of the ring. */
  readonly members: readonly NodeReference[]
  /** Per slot, the index in `members` of the node that serves it. Its length is the number of slots. */
  readonly primaries: readonly number[]
}

/** What `cluster_set` may change while a cluster runs. */
export const liveSettings = ["replication_factor", "repair_grace_seconds", "suspect_ms"] as const
export type LiveSetting = (typeof liveSettings)[number]

/** What adding and removing nodes would move: the answer to `cluster_plan`. */
export interface ClusterPlan extends ValueMap {
  /** The view that it begins with. */
  readonly epoch: number
  /** Replicas of each slot that there would be: the factor, or as many as there are members. */
  readonly factor: { readonly wanted: number; readonly reached: number }
  readonly slots: number
  readonly members: readonly PlannedMember[]
  /** Replicas that would be copied, and primaries that would move without a copy. */
  readonly copies: number
  readonly handOvers: number
  /** Copies by the members that would make and receive them. */
  readonly moves: readonly { readonly from: string; readonly to: string; readonly slots: number }[]
  /** What is to be said against it, a sentence each. */
  readonly warnings: readonly string[]
}

export interface PlannedMember extends ValueMap {
  /** Empty for one that is to be added. */
  readonly nodeId: string
  readonly address: string
  readonly change: "stays" | "joins" | "leaves"
  readonly before: { readonly primary: number; readonly replica: number }
  readonly after: { readonly primary: number; readonly replica: number }
}

/** What `cluster_recover` gave up. */
export interface ClusterRecovery extends ValueMap {
  /** The addresses of those who were the only ones to have something; they are members no more. */
  readonly nodes: readonly string[]
  /** Slots that begin anew, with an older copy or empty. */
  readonly slots: number
  readonly epoch: number
}

export type ClusterState = "stable" | "serving" | "unstable"
export type MemberState = "up" | "suspect" | "down" | "joining" | "leaving"

export interface MemberStatus extends ValueMap {
  readonly nodeId: string
  readonly address: string
  readonly state: MemberState
  readonly voter: boolean
  /** Slots that the member is the primary of, and those that it holds a replica of. */
  readonly slots: { readonly primary: number; readonly replica: number }
  readonly version: string
}

export interface SlotMove extends ValueMap {
  readonly slot: number
  /** Node ids; `from` is empty where a lost replica is made anew. */
  readonly from: string
  readonly to: string
  /** From 0 to 1; null from a node other than the one that the copy is made from, which alone knows. */
  readonly progress: number | null
}

export interface ClusterStatus extends ValueMap {
  /**
   * `stable`: every live member has the newest view, every slot has a serving primary and min(factor, live members)
   * in-sync replicas, and nothing moves. `serving`: every slot has a serving primary. Else `unstable`.
   */
  readonly state: ClusterState
  /** What is wrong and what the cluster waits for, a sentence each; empty when stable. */
  readonly reasons: readonly string[]
  readonly clusterId: string
  readonly epoch: number
  readonly members: readonly MemberStatus[]
  readonly factor: { readonly wanted: number; readonly reached: number }
  readonly moves: readonly SlotMove[]
}
