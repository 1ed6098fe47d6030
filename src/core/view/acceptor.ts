/**
 * A voter of one instance of single-decree Paxos (Lamport, "Paxos made simple"): it promises to ignore lower ballots, and
 * accepts what is proposed under the highest one it promised.
 *
 * There is one instance at a time, the one after the node's epoch. Everything up to its epoch is decided: such a
 * question is answered with the view by whoever asks this class, and never voted on again. So the record of an
 * older instance is worth nothing, and one record is all that a voter keeps.
 *
 * The record is the newest, perhaps still on its way to the disk: `Journal` holds the answers back until it is there.
 */
import { assert } from "../lib/assert.ts"
import { compareBallots, noBallot, type AcceptorState, type Ballot, type Proposal } from "./ballot.ts"

export class Acceptor {
  readonly state: { record: AcceptorState | undefined }

  constructor(state: { record: AcceptorState | undefined } = { record: undefined }) {
    this.state = state
  }

  /** @returns what it has promised and accepted in the instance */
  record(instance: number): AcceptorState {
    const { record } = this.state
    if (record !== undefined && record.instance === instance) return record
    return { instance, promised: noBallot, acceptedBallot: undefined, accepted: undefined }
  }

  /** @returns whether it promised; `again` where it had already, so that nothing need be written */
  prepare(instance: number, ballot: Ballot): "promised" | "again" | "lower" {
    const record = this.record(instance)
    const order = compareBallots(ballot, record.promised)
    if (order < 0) return "lower"
    if (order === 0) return "again"
    this.state.record = Object.freeze({ ...record, promised: ballot })
    return "promised"
  }

  /** @returns whether a proposal under this ballot may be accepted at all */
  allows(instance: number, ballot: Ballot): boolean {
    return compareBallots(ballot, this.record(instance).promised) >= 0
  }

  hasAccepted(instance: number, ballot: Ballot): boolean {
    const { acceptedBallot } = this.record(instance)
    return acceptedBallot !== undefined && compareBallots(acceptedBallot, ballot) === 0
  }

  accept(instance: number, ballot: Ballot, proposal: Proposal): void {
    assert(this.allows(instance, ballot), "a promise is kept")
    this.state.record = Object.freeze({
      instance,
      promised: ballot,
      acceptedBallot: ballot,
      accepted: proposal,
    })
  }
}
