/**
 * What a primary knows of one other replica of a slot, in the present slot epoch. A new slot epoch, and a new boot of the
 * replica, begin it anew: nothing that was acknowledged before counts.
 *
 * `nextSequence` is a guess (the next record to send) and may be wrong either way; `ackedSequence` is knowledge. Between
 * the two lies what is under way or lost; the replica refuses what does not fit and says where its log ends.
 */
import type { Peer } from "./peer.ts"
import type { SlotLog } from "./slot-log.ts"
import type { Sending } from "./snapshot.ts"

export class Follower {
  readonly slot: SlotLog
  readonly peer: Peer
  readonly boot: number
  isLearner: boolean
  /** The primary has vouched for this learner in the present epoch, and commits nothing without it. */
  isCertified = false
  nextSequence: number
  /** -1: it has not yet said anything in this slot epoch. */
  ackedSequence = -1
  /** The view in which it last acknowledged something. */
  ackedEpoch = 0
  /** The commit point has moved since it was told: it is in its peer's list. */
  isUntold = false
  /** The commit point that it said it knows. */
  committedSequence = -1
  /** Refusals of appends before this one are outdated. */
  rewoundNumber = 0
  /** When it is asked where it stands, if it says nothing. */
  probeAtMs = 0
  /** For how long something was expected of it and nothing came, ms of time awake. */
  stalledMs = 0
  /** A snapshot is under way, or waits for its turn. */
  snapshot: Sending | undefined
  needsSnapshot = false
  /** Its segment in the append that is being put together. */
  appendNumber = 0
  segment: number = 0

  constructor(slot: SlotLog, peer: Peer, boot: number, isLearner: boolean) {
    this.slot = slot
    this.peer = peer
    this.boot = boot
    this.isLearner = isLearner
    this.nextSequence = slot.sequence + 1
  }

  /** Whether its acknowledgement is needed. */
  get isNeeded(): boolean {
    return !this.isLearner || this.isCertified
  }

  /** Whether nothing of its copy has been sent: it waits for this node, and not the other way round. */
  get awaitsCopy(): boolean {
    return this.isLearner && (this.snapshot === undefined ? this.needsSnapshot : this.snapshot.isHeld)
  }
}
