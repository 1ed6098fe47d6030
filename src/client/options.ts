/** What callers of the client library may say. */
import type { ListPiece } from "../wire/reply.ts"
import type { Time } from "./encode.ts"
import type { ClientRuntime } from "./runtime.ts"

export interface ConnectOptions {
  /** `HOST[:PORT]` each (port 2836 unless said otherwise), tried in this order; 127.0.0.1 unless said otherwise. */
  readonly daemons?: readonly string[]
  /** What a request may take unless it says otherwise: 60,000; 300,000 at most. */
  readonly timeoutMs?: number
  /** What one address may take to answer, before the next is tried: 5,000. */
  readonly dialTimeoutMs?: number
  /**
   * Whether to ask the cluster for its topology, to send each request to the node that serves it, and to go to any member
   * when a connection is lost; yes unless said otherwise. So one address of a cluster is enough, also when that node fails
   * later. If not, the client stays with the addresses that it was given, one connection at a time.
   */
  readonly learnAddresses?: boolean
  /** Gives up connecting. */
  readonly signal?: AbortSignal
  /** Told to the node, for its log. */
  readonly softwareVersion?: string
  /** Clock, randomness and sockets; for tests. */
  readonly runtime?: ClientRuntime
}

export interface RequestOptions {
  readonly timeoutMs?: number
  /** Gives the request up. Where it was sent already, its outcome is unknown (`definite` of the error is false). */
  readonly signal?: AbortSignal
}

export interface StoreOptions extends RequestOptions {
  /** When the entry expires; never unless said so. */
  readonly expiresAt?: Time
}

export interface CasResult {
  readonly swapped: boolean
  /** The content that was stored before. */
  readonly content: Uint8Array
}

export interface RemoveNodeOptions extends RequestOptions {
  /** Even if the replication factor cannot be kept afterwards. */
  readonly force?: boolean
}

/** A piece of what one node serves itself. */
export interface SlotsPiece {
  readonly epoch: number
  readonly prefix: Uint8Array
  /** Where it begins: 0 and nothing at first. */
  readonly slot: number
  readonly after: Uint8Array
  readonly bytesMax: number
}

export interface SlotsList extends ListPiece {
  /** Who answered: another node may be at the address by now. */
  readonly storageId: string
}

export interface PlanChange {
  readonly add?: number
  /** Node ids or addresses. */
  readonly remove?: readonly string[]
}
