/**
 * Ballots and what an acceptor keeps. A ballot is (round, storage, boot): two nodes never share one, and neither do two
 * runs of one node, so that a restarted proposer cannot put a second value under a ballot that it used before it forgot.
 */
import type { Evidence } from "./evidence.ts"
import type { StorageId } from "./view.ts"
import type { ViewDelta } from "./delta.ts"

export interface Ballot {
  readonly round: number
  readonly storageId: StorageId
  readonly boot: number
}

/** The value of an instance: the step to the next view, and what makes it legal. */
export interface Proposal {
  readonly delta: ViewDelta
  readonly evidence: Evidence
}

/** On disk before any reply that rests on it. Of the one instance after the acceptor's epoch; older ones are decided. */
export interface AcceptorState {
  readonly instance: number
  readonly promised: Ballot
  readonly acceptedBallot: Ballot | undefined
  readonly accepted: Proposal | undefined
}

/** Below every ballot. */
export const noBallot: Ballot = Object.freeze({ round: 0, storageId: "", boot: 0 })

/** Orders ballots; 0 only for the same ballot. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.round !== b.round) return a.round - b.round
  if (a.storageId !== b.storageId) return a.storageId < b.storageId ? -1 : 1
  return a.boot - b.boot
}
