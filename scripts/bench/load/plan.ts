/** What a load generator is told and what it tells: one JSON argument in, one JSON line out. */
import type { LoadOperation } from "./batch.ts"
import type { SparseHistogram } from "./histogram.ts"

export interface LoadMember {
  readonly host: string
  readonly port: number
  /** Where given, a connection to this node asks only for aliases of these slots: it is their primary. */
  readonly slots?: ReadonlyArray<number>
}

export interface LoadPlan {
  readonly protocol: "qdb" | "redis" | "etcd"
  readonly host: string
  readonly port: number
  /** The nodes of a cluster: connections go to each in turn. */
  readonly members?: ReadonlyArray<LoadMember>
  readonly operation: LoadOperation
  readonly connections: number
  /** Requests that each connection has open at once: they leave in one write, and the next follow when all are answered. */
  readonly inFlight: number
  readonly aliases: number
  readonly contentBytes: number
  /** Not counted: compilers and caches become warm. */
  readonly warmupSeconds: number
  readonly seconds: number
  /** Each alias once, in order, instead of random ones for `seconds`. */
  readonly sequential?: boolean
  /** Of the random aliases. */
  readonly seed: number
}

export interface LoadResult {
  /** All replies, those of the warm-up too: for what a request costs the server. */
  readonly requests: number
  /** Replies within the measured time. */
  readonly measured: number
  readonly seconds: number
  readonly latencies: SparseHistogram
  /** Replies in each second of the measured time. */
  readonly perSecond: ReadonlyArray<number>
  /** The longest time in which no reply came at all, in milliseconds. */
  readonly silenceMsMax: number
}
