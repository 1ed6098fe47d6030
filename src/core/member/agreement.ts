/**
 * Agreeing on the next view: acceptor and proposer at work in one seat. Every answer of the acceptor waits for the disk;
 * its refusals need not, since they bind nobody.
 *
 * "What was begun is finished": whoever promised, accepted or refused keeps a deadline by which it takes the instance up
 * itself. A proposer that died between the two phases would else leave voters behind that withhold leases for a
 * proposal that nobody carries on.
 *
 * Duels end because losers wait ever longer: whose ballot was refused, or who promised a higher one himself, waits for a random
 * time from a range that doubles with each duel lost in the instance. On a slow network an attempt takes longer than the
 * first range, and five voters that all try again within it would never let one another finish.
 */
import { assert } from "../lib/assert.ts"
import type { Now } from "../lib/clock.ts"
import { attemptMs, backOffMs, backOffMsMax, finishMs, resendMs } from "../lib/limits.ts"
import type { Ballot, Proposal } from "../view/ballot.ts"
import { applyDelta } from "../view/delta.ts"
import { demotedBy, illegalSuccessor } from "../view/legal.ts"
import type { Identity, MessageBody, PeerMessage } from "./event.ts"
import type { Seat } from "./seat.ts"

/** Tries to get a successor of the present view decided. What is decided in the end may be another's. */
export function propose(seat: Seat, wanted: Proposal, now: Now): void {
  const { view, self } = seat
  const wrong = illegalSuccessor(view, applyDelta(view, wanted.delta), wanted.evidence)
  assert(wrong === undefined, `only legal successors are proposed: ${wrong ?? ""}`)
  if (seat.isAdopting) return
  const instance = view.epoch + 1
  seat.proposer.saw(seat.acceptor.record(instance).promised)
  const attempt = seat.proposer.begin(
    instance,
    self.storageId,
    self.boot,
    view.voters,
    wanted,
    now.monotonicMs + resendMs,
    now.monotonicMs + attemptMs,
  )
  for (const voter of view.voters) {
    seat.sendToMember(voter, { kind: "prepare", instance, ballot: attempt.ballot }, now)
  }
}

/** Sends again what was not answered, and gives up in the end. To be called at each tick. */
export function resume(seat: Seat, now: Now): void {
  const { attempt } = seat.proposer
  if (attempt === undefined) return
  if (seat.promisedAbove()) {
    seat.proposer.abandon()
    loseDuel(seat, now)
    return
  }
  if (now.monotonicMs >= attempt.giveUpAtMs) {
    seat.proposer.abandon()
    return
  }
  if (now.monotonicMs < attempt.resendAtMs) return
  attempt.resendAtMs = now.monotonicMs + resendMs
  const { instance, ballot, proposed } = attempt
  const answered = proposed === undefined ? attempt.promises : attempt.acceptances
  const body: MessageBody =
    proposed === undefined
      ? { kind: "prepare", instance, ballot }
      : { kind: "accept", instance, ballot, proposal: proposed }
  for (const voter of attempt.voters) if (!answered.includes(voter)) seat.sendToMember(voter, body, now)
}

/** @returns whether the message was one of agreement */
export function receiveAgreement(seat: Seat, message: PeerMessage, now: Now): boolean {
  const { body, from } = message
  switch (body.kind) {
    case "prepare":
      if (isOpen(seat, body.instance) && seat.isVoter())
        onPrepare(seat, from, body.instance, body.ballot, now)
      return true
    case "accept":
      if (isOpen(seat, body.instance) && seat.isVoter()) onAccept(seat, from, body, now)
      return true
    case "promise": {
      if (!isOpen(seat, body.instance)) return true
      const { instance, ballot, acceptedBallot, accepted } = body
      const proposal = seat.proposer.onPromise(from.storageId, instance, ballot, acceptedBallot, accepted)
      if (proposal === undefined) return true
      for (const voter of seat.view.voters) {
        seat.sendToMember(voter, { kind: "accept", instance, ballot, proposal }, now)
      }
      return true
    }
    case "accepted": {
      if (!isOpen(seat, body.instance)) return true
      const decided = seat.proposer.onAccepted(from.storageId, body.instance, body.ballot)
      if (decided !== undefined) onDecided(seat, decided, now)
      return true
    }
    case "refused":
      if (seat.proposer.onRefused(body.instance, body.ballot, body.promised, body.waits)) {
        loseDuel(seat, now)
      }
      return true
    default:
      return false
  }
}

/** The one instance that is not decided as far as this node knows. */
function isOpen(seat: Seat, instance: number): boolean {
  return instance === seat.view.epoch + 1 && !seat.isAdopting
}

function onPrepare(seat: Seat, from: Identity, instance: number, ballot: Ballot, now: Now): void {
  const outcome = seat.acceptor.prepare(instance, ballot)
  if (outcome === "lower") {
    refuse(seat, from, instance, ballot, false, now)
    return
  }
  seat.proposer.saw(ballot)
  tookPart(seat, now)
  const record = seat.acceptor.record(instance)
  if (outcome === "promised")
    seat.journal.write([{ key: "acceptor", value: record }], [], undefined, seat.out)
  const { acceptedBallot, accepted } = record
  seat.sendBehind(
    from.address,
    from.storageId,
    { kind: "promise", instance, ballot, acceptedBallot, accepted },
    now,
  )
}

function onAccept(
  seat: Seat,
  from: Identity,
  { instance, ballot, proposal }: Extract<MessageBody, { kind: "accept" }>,
  now: Now,
): void {
  if (!seat.acceptor.allows(instance, ballot)) {
    refuse(seat, from, instance, ballot, false, now)
    return
  }
  const accepted: MessageBody = { kind: "accepted", instance, ballot }
  if (seat.acceptor.hasAccepted(instance, ballot)) {
    seat.sendBehind(from.address, from.storageId, accepted, now)
    return
  }
  if (proposal.delta.epoch !== instance) return
  const next = applyDelta(seat.view, proposal.delta)
  const wrong = illegalSuccessor(seat.view, next, proposal.evidence)
  if (wrong !== undefined) {
    const text = `refuses an illegal view ${instance} proposed by ${from.address}: ${wrong}`
    seat.out.push({ kind: "log", level: "error", text })
    return
  }
  tookPart(seat, now)
  const demoted = demotedBy(seat.view, next, proposal.evidence)
  const owed = demoted.filter((holder) => seat.grantor.owes(holder, now.monotonicMs))
  if (owed.length > 0) {
    for (const holder of owed) seat.grantor.refuse(holder, now.monotonicMs, seat.view.settings.leaseMs)
    refuse(seat, from, instance, ballot, true, now)
    return
  }
  seat.acceptor.accept(instance, ballot, proposal)
  seat.grantor.withhold(demoted)
  seat.journal.write([{ key: "acceptor", value: seat.acceptor.record(instance) }], [], undefined, seat.out)
  seat.sendBehind(from.address, from.storageId, accepted, now)
}

function refuse(
  seat: Seat,
  from: Identity,
  instance: number,
  ballot: Ballot,
  waits: boolean,
  now: Now,
): void {
  const { promised } = seat.acceptor.record(instance)
  seat.sendTo(from.address, from.storageId, { kind: "refused", instance, ballot, promised, waits }, now)
}

function loseDuel(seat: Seat, now: Now): void {
  const rangeMs = Math.min(backOffMsMax, backOffMs * 2 ** seat.state.duelsLost)
  seat.state.duelsLost++
  seat.state.backOffUntilMs = now.monotonicMs + seat.draw.between(backOffMs / 10, rangeMs)
}

function tookPart(seat: Seat, now: Now): void {
  seat.state.finishAtMs = now.monotonicMs + finishMs + seat.draw.between(0, 500)
}

function onDecided(seat: Seat, proposal: Proposal, now: Now): void {
  seat.adopt({ view: applyDelta(seat.view, proposal.delta), deltas: [proposal.delta], spread: true }, now)
}
