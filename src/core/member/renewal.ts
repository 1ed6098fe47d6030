/**
 * Renewing leases: heartbeats to all voters, and the voters' answers. A voter grants to its own epoch only: to a node of an
 * older one it answered with the view (`spreading.ts`), and one of a newer one it cannot judge. What a heartbeat reports
 * besides is the member's business.
 */
import type { Now } from "../lib/clock.ts"
import { memberOf } from "../view/view.ts"
import type { MessageBody, PeerMessage } from "./event.ts"
import type { Seat } from "./seat.ts"

export type Heartbeat = Extract<MessageBody, { kind: "heartbeat" }>

/** Asks every voter for a lease. */
export function askForLeases(seat: Seat, report: Omit<Heartbeat, "kind" | "number">, now: Now): void {
  seat.holder.dropIfClockJumped(now)
  const number = seat.holder.ask(now, seat.view.settings.leaseMs)
  for (const voter of seat.view.voters)
    seat.sendToMember(voter, { kind: "heartbeat", number, ...report }, now)
}

export function receiveHeartbeat(seat: Seat, message: PeerMessage, now: Now): void {
  const { body, from } = message
  if (message.epoch !== seat.view.epoch) return
  if (body.kind === "heartbeat") {
    const member = memberOf(seat.view, from.storageId)
    if (!seat.isVoter() || member === undefined || from.boot < member.boot) return
    const granted = seat.grantor.grant(from.storageId, now.monotonicMs, seat.view.settings.leaseMs)
    seat.sendTo(from.address, from.storageId, { kind: "heartbeatReply", number: body.number, granted }, now)
  } else if (body.kind === "heartbeatReply") {
    if (body.granted && seat.view.voters.includes(from.storageId))
      seat.holder.onGrant(from.storageId, body.number)
  }
}
