/**
 * What goes into a node's membership machine and what comes out, as plain data.
 *
 * The driver's contract, in order:
 * 1. One event at a time, each with clocks read once for it.
 * 2. Carry out the effects of an event in their order. `persist` writes its records atomically, after those of earlier
 *    tokens, fsyncs whatever `sync` says, and then hands in `persisted` with the same token. The machine itself holds
 *    back everything that depends on a record until then; so the driver may send at once what it is given.
 * 3. An error of a `persist` is fatal: stop the process, never retry.
 * 4. Messages may be lost, doubled, delayed and reordered; to an address that does not answer they are dropped.
 * 5. Hand in `tick` every 100 ms or oftener (`tickMs`), and never less often on purpose: every time-out rests on it.
 *
 * All instants are those of `Now.monotonicMs` of the one node and never cross the network.
 */
import type { Certificate, Release } from "../view/evidence.ts"
import type { Ballot, Proposal, AcceptorState } from "../view/ballot.ts"
import type { Address, NodeId, Settings, StorageId, View } from "../view/view.ts"
import type { ViewDelta } from "../view/delta.ts"
import type { Order } from "./order.ts"
import type { FoundingRecord } from "../view/founding.ts"

/** Who speaks. Never an address alone: addresses may change hands. */
export interface Identity {
  readonly nodeId: NodeId
  readonly storageId: StorageId
  readonly boot: number
  readonly address: Address
}

/** What a node was told when it started. */
export interface MemberOptions {
  /** Peers to found or join a cluster with; the own address may be among them. */
  readonly bootstrappingPeers: readonly Address[]
  /** This node's wishes; the cluster's win. */
  readonly settings: Settings
  readonly weight: number
  readonly zone: string
}

/** What was found on disk: the newest record of each key, or undefined. */
export interface Recovered {
  readonly view: View | undefined
  readonly acceptor: AcceptorState | undefined
  readonly founding: FoundingRecord | undefined
  /** The last process did not stop cleanly (or its disk cannot tell): matters where `sync` is false. */
  readonly unclean: boolean
}

export type DurableRecord =
  | { readonly key: "view"; readonly value: View }
  | { readonly key: "acceptor"; readonly value: AcceptorState }
  | { readonly key: "founding"; readonly value: FoundingRecord }

/**
 * A change of a slot that this node asks for. All but `release` and `promote` are wishes; those two are evidence, and hold
 * for the epoch that they name and no other.
 */
export type Want =
  /** The primary has done without progress from this backup: take it out of `inSync`. */
  | { readonly kind: "drop"; readonly epoch: number; readonly slot: number; readonly storageId: StorageId }
  /** The primary certifies that a learner holds all that is committed, and needs its acknowledgements from now on. */
  | { readonly kind: "promote"; readonly certificate: Certificate }
  /** The primary has stopped serving the slot in this epoch; `target`, in sync, is to be the next primary. */
  | { readonly kind: "release"; readonly release: Release; readonly target: StorageId }
  /** This node's own place in the slot is no longer good (differs, checksum, being stopped), as backup or learner. */
  | { readonly kind: "giveUp"; readonly epoch: number; readonly slot: number }
  /** A learner is wanted in the slot (moves; the coordinator adds those that restore the factor by itself). */
  | {
      readonly kind: "addLearner"
      readonly epoch: number
      readonly slot: number
      readonly storageId: StorageId
    }
  /**
   * Nobody who is up is in sync, and this node has an older copy of the slot, up to this entry; 0 = none. For an operator who
   * gives the others up.
   */
  | {
      readonly kind: "offer"
      readonly epoch: number
      readonly slot: number
      readonly lastEpoch: number
      readonly sequence: number
    }

export type MemberEvent =
  | { readonly kind: "start"; readonly recovered: Recovered }
  | { readonly kind: "message"; readonly message: PeerMessage }
  | { readonly kind: "tick" }
  | { readonly kind: "persisted"; readonly token: number }
  /** The data path has heard from a member that is in this epoch. */
  | { readonly kind: "heard"; readonly storageId: StorageId; readonly epoch: number }
  /** All that the data path wants at present; replaces what it wanted before. */
  | { readonly kind: "wants"; readonly wants: readonly Want[] }
  /** An operator's wish, to a voter: it tries for so long. */
  | { readonly kind: "order"; readonly order: Order; readonly forMs: number }
  /** `stop`: clean stop, comes back later. `leave`: permanent removal, all replicas move away first. */
  | { readonly kind: "stop"; readonly how: "stop" | "leave" }

export type MemberEffect =
  | { readonly kind: "send"; readonly address: Address; readonly message: PeerMessage }
  | { readonly kind: "persist"; readonly token: number; readonly records: readonly DurableRecord[] }
  /** A newer view was adopted and is on disk: from here on the node is in its epoch. */
  | { readonly kind: "view"; readonly view: View; readonly previous: View | undefined }
  /** The majority lease now ends at this instant of `monotonicMs`; `-Infinity` = there is none. */
  | { readonly kind: "lease"; readonly endMs: number }
  /** These slots are handed over: as of now this node serves them no more in this epoch. */
  | { readonly kind: "released"; readonly slots: readonly number[] }
  /** For people. */
  | { readonly kind: "log"; readonly level: "info" | "warning" | "error"; readonly text: string }
  /** Discard the directory's identity: start again with a new storage id (same node id). Nothing was stored yet. */
  | { readonly kind: "startOver"; readonly reason: string }
  /** The process must end: `failed` with an error for the operator, `stopped` after a clean stop or removal. */
  | { readonly kind: "stop"; readonly outcome: "stopped" | "failed"; readonly reason: string }

/** One message between nodes. */
export interface PeerMessage {
  /** "" while the sender has none. */
  readonly clusterId: string
  readonly from: Identity
  /** The storage that it is meant for; "" where the sender knows an address only. */
  readonly to: StorageId
  /** The sender's epoch; 0 = none. */
  readonly epoch: number
  readonly body: MessageBody
}

export type MessageBody =
  // agreement
  | { readonly kind: "prepare"; readonly instance: number; readonly ballot: Ballot }
  | {
      readonly kind: "promise"
      readonly instance: number
      readonly ballot: Ballot
      readonly acceptedBallot: Ballot | undefined
      readonly accepted: Proposal | undefined
    }
  | {
      readonly kind: "accept"
      readonly instance: number
      readonly ballot: Ballot
      readonly proposal: Proposal
    }
  | { readonly kind: "accepted"; readonly instance: number; readonly ballot: Ballot }
  /** `promised` is higher (try above it), or, where `waits`, a lease has still to run out (try the same again later). */
  | {
      readonly kind: "refused"
      readonly instance: number
      readonly ballot: Ballot
      readonly promised: Ballot
      readonly waits: boolean
    }
  // views
  | { readonly kind: "view"; readonly view: View }
  /** The sender has heard of a newer epoch and lacks its view. */
  | { readonly kind: "behind" }
  /** Successive steps from the receiver's epoch on. */
  | { readonly kind: "deltas"; readonly deltas: readonly ViewDelta[] }
  // leases
  | {
      readonly kind: "heartbeat"
      readonly number: number
      readonly wants: readonly Want[]
      /** What the node wants to be. */
      readonly standing: "up" | "down" | "leaving"
      /** Restarted without a clean stop, not yet seen in a view with this boot. */
      readonly unclean: boolean
      readonly lagMs: number
    }
  /** Answers a heartbeat of the sender's own epoch. */
  | { readonly kind: "heartbeatReply"; readonly number: number; readonly granted: boolean }
  // eviction's vote
  | { readonly kind: "poll"; readonly subject: StorageId; readonly number: number }
  | {
      readonly kind: "pollReply"
      readonly subject: StorageId
      readonly number: number
      readonly heard: boolean
    }
  // finding each other
  | { readonly kind: "hello"; readonly hello: Hello }
  /** From a node that is in a cluster: its view. */
  | { readonly kind: "welcome"; readonly view: View; readonly number: number }
  /** A node outside asks a voter to be made a member. */
  | { readonly kind: "join"; readonly weight: number; readonly zone: string; readonly number: number }
  /** A cluster calls a member that it has not heard from, by address: the directory there may have been wiped. */
  | {
      readonly kind: "call"
      readonly nodeId: NodeId
      readonly storageId: StorageId
      readonly voters: readonly Address[]
    }
  /** `boot`: of the process that is refused; its successor need not heed what was meant for it. */
  | {
      readonly kind: "refusal"
      readonly reason: RefusalReason
      readonly boot: number
      readonly text: string
    }

export type RefusalReason = "wrong_cluster" | "old_copy" | "duplicate_node_id" | "not_a_member"

/** What a node says of itself before it is in a cluster, and after a restart. */
export interface Hello {
  /** Of the question; an answer repeats the question's. */
  readonly number: number
  readonly isAnswer: boolean
  /** Sorted `B`; empty from a node that has a view. */
  readonly peers: readonly Address[]
  readonly settings: Settings
  readonly weight: number
  readonly zone: string
  /** View 0, where this node has recorded it. */
  readonly founding: FoundingRecord | undefined
}
