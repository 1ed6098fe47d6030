/**
 * One attempt to get a view decided: promises from a majority, then the value that they oblige it to propose, or else the
 * wanted one, then acceptances from a majority.
 *
 * A proposer keeps nothing on disk. Its ballot names its boot, so after a restart it cannot use one again; and an attempt
 * that was lost is taken up by whichever voter notices (`member/finish.ts`).
 */
import { assert } from "../lib/assert.ts"
import { compareBallots, type Ballot, type Proposal } from "./ballot.ts"
import { isMajority, type StorageId } from "./view.ts"

export interface Attempt {
  readonly instance: number
  readonly ballot: Ballot
  /** The voters of the view before. */
  readonly voters: readonly StorageId[]
  readonly wanted: Proposal
  promises: StorageId[]
  /** The proposal accepted under the highest ballot, of those that the promises told of. */
  acceptedBallot: Ballot | undefined
  accepted: Proposal | undefined
  /** What was proposed; undefined while promises are gathered. A ballot never gets a second one. */
  proposed: Proposal | undefined
  acceptances: StorageId[]
  resendAtMs: number
  giveUpAtMs: number
}

export interface ProposerState {
  /** Highest round that was seen anywhere. */
  round: number
  attempt: Attempt | undefined
}

export class Proposer {
  readonly state: ProposerState

  constructor(state: ProposerState = { round: 0, attempt: undefined }) {
    this.state = state
  }

  get attempt(): Attempt | undefined {
    return this.state.attempt
  }

  /** Begins an attempt under a ballot above all that were seen. */
  begin(
    instance: number,
    storageId: StorageId,
    boot: number,
    voters: readonly StorageId[],
    wanted: Proposal,
    resendAtMs: number,
    giveUpAtMs: number,
  ): Attempt {
    const ballot = Object.freeze({ round: ++this.state.round, storageId, boot })
    this.state.attempt = {
      instance,
      ballot,
      voters,
      wanted,
      promises: [],
      acceptedBallot: undefined,
      accepted: undefined,
      proposed: undefined,
      acceptances: [],
      resendAtMs,
      giveUpAtMs,
    }
    return this.state.attempt
  }

  abandon(): void {
    this.state.attempt = undefined
  }

  /** Rounds below another's are of no use. */
  saw(ballot: Ballot): void {
    this.state.round = Math.max(this.state.round, ballot.round)
  }

  private current(instance: number, ballot: Ballot): Attempt | undefined {
    const { attempt } = this.state
    if (attempt === undefined || attempt.instance !== instance) return undefined
    return compareBallots(attempt.ballot, ballot) === 0 ? attempt : undefined
  }

  /** @returns what to propose, once, when the promises are a majority */
  onPromise(
    from: StorageId,
    instance: number,
    ballot: Ballot,
    acceptedBallot: Ballot | undefined,
    accepted: Proposal | undefined,
  ): Proposal | undefined {
    const attempt = this.current(instance, ballot)
    if (attempt === undefined || attempt.proposed !== undefined || attempt.promises.includes(from))
      return undefined
    attempt.promises.push(from)
    if (acceptedBallot !== undefined && accepted !== undefined) {
      if (
        attempt.acceptedBallot === undefined ||
        compareBallots(acceptedBallot, attempt.acceptedBallot) > 0
      ) {
        attempt.acceptedBallot = acceptedBallot
        attempt.accepted = accepted
      }
    }
    if (!isMajority(attempt.voters, (voter) => attempt.promises.includes(voter))) return undefined
    attempt.proposed = attempt.accepted ?? attempt.wanted
    return attempt.proposed
  }

  /** @returns the decided proposal when the acceptances are a majority */
  onAccepted(from: StorageId, instance: number, ballot: Ballot): Proposal | undefined {
    const attempt = this.current(instance, ballot)
    if (attempt?.proposed === undefined) return undefined
    if (!attempt.acceptances.includes(from)) attempt.acceptances.push(from)
    if (!isMajority(attempt.voters, (voter) => attempt.acceptances.includes(voter))) return undefined
    assert(attempt.proposed.delta.epoch === instance, "a proposal is for its instance")
    return attempt.proposed
  }

  /** @returns whether a higher ballot ended the attempt; a voter that only waits for a lease does not */
  onRefused(instance: number, ballot: Ballot, promised: Ballot, waits: boolean): boolean {
    this.saw(promised)
    const attempt = this.current(instance, ballot)
    if (attempt === undefined || waits || compareBallots(promised, ballot) <= 0) return false
    this.abandon()
    return true
  }
}
