/**
 * What nodes say to each other about entries, on the bulk link, as plain data. (Membership has its own messages on the
 * control link: `member/event.ts`.) Any of these may be lost, doubled, delayed or overtaken: who sent it asks again, and
 * who gets it can tell what is old.
 *
 * What is old is told by three numbers. A *slot epoch* names one primary (and one boot of it) of a slot, so a replica takes
 * records of a slot only from the primary of its own slot epoch, and an acknowledgement counts only in the slot epoch
 * that it names. The *epoch* of the message's head is the sender's view at that moment: what a learner acknowledges counts
 * towards a certificate only if the learner was in the certificate's epoch when it said so. And the sender's *boot*: what an
 * earlier process said is void.
 */
import type { EpochStart } from "../replication/epochs.ts"
import type { SlotEntry } from "../replication/transfer.ts"
import type { StorageId } from "../view/view.ts"

export interface DataMessage {
  readonly clusterId: string
  readonly from: { readonly storageId: StorageId; readonly boot: number }
  readonly to: StorageId
  /** The sender's view. */
  readonly epoch: number
  readonly body: DataBody
}

export type DataBody = Append | Appended | SnapshotPiece | SnapshotTaken | Compare | Forward | Forwarded

/**
 * From a primary to a replica: records of many slots. `records` holds them one behind another as in the log, those of one
 * slot in order; each names its slot. A slot without records may have a segment, too: it asks where the replica's log
 * ends, or tells a commit point.
 */
export interface Append {
  readonly kind: "append"
  /** Counts the appends of this process to this replica. */
  readonly number: number
  readonly segments: readonly Segment[]
  readonly records: Uint8Array
}

export interface Segment {
  readonly slot: number
  readonly slotEpoch: number
  /**
   * The entry in front of the segment's first record, or the primary's last one where there is none; its epoch is
   * `unknownEpoch` where the primary's table does not reach back so far.
   */
  readonly previousEpoch: number
  readonly previousSequence: number
  /** All up to here is committed. */
  readonly commitSequence: number
  /** Records of this slot in the message. */
  readonly count: number
}

/** From a replica to a primary. */
export interface Appended {
  readonly kind: "appended"
  /** The highest number of an append that has arrived. */
  readonly number: number
  readonly acknowledged: readonly Acknowledgement[]
  readonly refused: readonly ReplicaState[]
}

/** The replica holds all up to `sequence` durably, and it is what the primary of `slotEpoch` holds. */
export interface Acknowledgement {
  readonly slot: number
  readonly slotEpoch: number
  readonly sequence: number
  /** What it has applied. */
  readonly committedSequence: number
}

/**
 * The segment does not fit this replica's log: what it holds, so that the primary finds the last entry that both share.
 */
export interface ReplicaState {
  readonly slot: number
  readonly slotEpoch: number
  /** Its last entry; -1 where the slot is incomplete and needs a snapshot. */
  readonly sequence: number
  readonly committedSequence: number
  /** Of its log behind `committedSequence`: each slot epoch and the first sequence in it, ascending. */
  readonly epochs: readonly EpochStart[]
}

/**
 * A piece of a snapshot; `slotEpoch`, `sequence` and `lastEpoch` tell of which. The entries are of a state that holds at
 * least all up to `sequence`; the log goes on behind it. Piece 0 makes the replica discard what it holds of the slot.
 */
export interface SnapshotPiece {
  readonly kind: "piece"
  readonly slot: number
  readonly slotEpoch: number
  /** What is to be the replica's last entry: its slot epoch, its sequence, and the slot's clock then. */
  readonly lastEpoch: number
  readonly sequence: number
  readonly slotClockMs: number
  /** Counts from 0. */
  readonly index: number
  readonly isLast: boolean
  /** In the order of the aliases. */
  readonly entries: readonly SlotEntry[]
  readonly results: readonly SnapshotResult[]
}

/** One stored result; `number` 0 tells a client's floor alone. */
export interface SnapshotResult {
  /** 16 bytes, latin1. */
  readonly client: string
  readonly floor: number
  readonly number: number
  readonly code: number
  readonly content: Uint8Array | undefined
}

/** A replica has durably taken the snapshot's pieces up to `index`; -1: none. */
export interface SnapshotTaken {
  readonly kind: "taken"
  readonly slot: number
  readonly slotEpoch: number
  readonly lastEpoch: number
  readonly sequence: number
  readonly index: number
}

/** From a primary to a backup: what its table on disk holds. Who holds something else gives its place up. */
export interface Compare {
  readonly kind: "compare"
  readonly slots: readonly SlotHash[]
}

export interface SlotHash {
  readonly slot: number
  readonly slotEpoch: number
  readonly sequence: number
  readonly count: number
  /** Of all entries, in no order. */
  readonly hash: number
}

/** A client's request, for the primary of its slot. */
export interface Forward {
  readonly kind: "forward"
  /** Of the sender's process. */
  readonly id: number
  /** How often it has been forwarded, this time included. */
  readonly hops: number
  readonly timeLeftMs: number
  /** The request's array as it came, without the length in front. */
  readonly frame: Uint8Array
}

/** The answer to a forwarded request, as one of the calls of `Output`. */
export interface Forwarded {
  readonly kind: "forwarded"
  /** What the asker called the request, and the boot in which it asked. */
  readonly id: number
  readonly boot: number
  /** 0 or a code of the error catalogue. */
  readonly code: number
  readonly content: Uint8Array | undefined
  readonly expiresAtMs: number | undefined
}
