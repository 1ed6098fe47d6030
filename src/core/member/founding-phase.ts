/**
 * Carrying out `founding.ts`: asking who is there, recording, proposing. The founder with the lowest node id proposes at
 * once, the next ones a second later each, as coordinators do.
 */
import { rankDelayMs } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import { foundedView, voidView } from "../view/founded.ts"
import { deltaBetween } from "../view/delta.ts"
import { noEvidence } from "../view/evidence.ts"
import { propose } from "./agreement.ts"
import { foundingStep } from "./founding.ts"
import type { Member } from "./member.ts"
import type { Seat } from "./seat.ts"

export function tickFounding(member: Member, now: Now): void {
  const { state, options, self } = member
  if (now.monotonicMs < state.listenUntilMs || state.recordingToken !== undefined) return
  member.finder.tick(self, state.peers, [], member.hello(), now, member.out)
  const { settings, weight, zone } = options
  const founder = { identity: self, weight, zone, settings, peers: state.peers }
  const step = foundingStep(founder, member.finder, state.founding, now)
  switch (step.kind) {
    case "wait":
      state.foundAtMs = undefined
      member.say(step.reasons.join("; "))
      return
    case "startOver":
      member.out.push({ kind: "startOver", reason: step.reason })
      return
    case "record":
      state.founding = step.record
      state.recordingToken = member.takeToken()
      member.out.push({
        kind: "persist",
        token: state.recordingToken,
        records: [{ key: "founding", value: step.record }],
      })
      return
    case "propose":
      if (member.seat !== undefined) proposeOutcome(member, member.seat, step.outcome, now)
  }
}

function proposeOutcome(member: Member, seat: Seat, outcome: "found" | "void", now: Now): void {
  const { state, self } = member
  if (seat.view.epoch > 0 || seat.isAdopting) return
  state.foundAtMs ??= now.monotonicMs + seat.view.voters.indexOf(self.storageId) * rankDelayMs
  if (now.monotonicMs < Math.max(state.foundAtMs, seat.state.backOffUntilMs)) return
  if (seat.proposer.attempt !== undefined) return
  const next = outcome === "found" ? foundedView(seat.view) : voidView(seat.view)
  member.say(
    outcome === "found"
      ? "all founders are here: proposes the first view"
      : "a founder's directory is gone: proposes to start over",
  )
  propose(seat, Object.freeze({ delta: deltaBetween(seat.view, next), evidence: noEvidence }), now)
}
