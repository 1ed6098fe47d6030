/**
 * When to propose. The coordinator is whoever of the voters has the lowest id among those that are heard from, by
 * convention only: the voter of rank r proposes what stayed wanted for r seconds, so the next one steps in without
 * knowing why, and two at once are slow and never wrong. The first waits 100 ms for more changes to come, unless somebody
 * failed: one view for three joins is better than three. Where only slots change it also waits, for a second at the most, until
 * all members have told what they want in the present view: each view makes void what learners and primaries have vouched
 * for in the one before, so a view that a few of them hurry costs the others theirs. Where slots only move it waits longer
 * (`patience.ts`).
 *
 * The same deadline serves what was begun and not finished (`agreement.ts`): then there is something to propose even if
 * nobody wants anything.
 */
import {
  gatherMs,
  gatherMsMax,
  moveGatherMs,
  rankDelayMs,
  returnPatienceMs,
  stopGatherMs,
} from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import { propose } from "./agreement.ts"
import type { MemberEffect } from "./event.ts"
import { type Order, Orders } from "./order.ts"
import { isMoreToCome, onlyMoves } from "./patience.ts"
import { isSteady, planNext, sameAgain, type Plan, type Situation } from "./plan.ts"
import type { Poll } from "./poll.ts"
import type { Roll } from "./roll.ts"
import type { Seat } from "./seat.ts"
import { memberOf, type StorageId } from "../view/view.ts"

export interface CoordinatorState {
  /** When it proposes what is wanted; undefined while nothing is. */
  proposeAtMs: number | undefined
  /** Nothing is wanted but changes of slots. */
  wantsSlotsOnly: boolean
  /** Until then changes of slots wait for members that have told nothing in the present view. */
  patientUntilMs: number
  /** Until then they wait for more learners that only move. */
  movesUntilMs: number
  /** Missing replicas are not restored before. */
  repairAtMs: number
  /** What was last said to people, so that it is said once. */
  said: string
  /** What an operator wants. */
  orders: { readonly order: Order; readonly untilMs: number }[]
}

export class Coordinator {
  readonly state: CoordinatorState
  readonly orders: Orders

  constructor(state: CoordinatorState) {
    this.state = state
    this.orders = new Orders(state.orders)
  }

  static started(now: Now, repairGraceMs: number): Coordinator {
    return new Coordinator({
      proposeAtMs: undefined,
      wantsSlotsOnly: false,
      patientUntilMs: 0,
      movesUntilMs: 0,
      repairAtMs: now.monotonicMs + repairGraceMs,
      said: "",
      orders: [],
    })
  }

  /** A new view: what was wanted is to be judged anew. Who went down in it has the grace period to come back. */
  onView(seat: Seat, someoneWentDown: boolean, now: Now): void {
    this.state.proposeAtMs = undefined
    this.state.patientUntilMs = now.monotonicMs + gatherMsMax
    this.state.movesUntilMs = now.monotonicMs + moveGatherMs + gatherMs
    if (someoneWentDown) this.state.repairAtMs = now.monotonicMs + seat.view.settings.repairGraceMs
  }

  tick(seat: Seat, roll: Roll, poll: Poll, now: Now, out: MemberEffect[]): void {
    if (!seat.isVoter() || seat.isAdopting) return
    askAboutSuspects(seat, roll, poll, now)
    if (seat.proposer.attempt !== undefined || now.monotonicMs < seat.state.backOffUntilMs) return
    const { finishAtMs } = seat.state
    const mustFinish = finishAtMs !== undefined && now.monotonicMs >= finishAtMs
    if (!mustFinish && isEarly(seat, roll, now)) return
    // Somebody is at it, and slow perhaps: a second proposer would make it slower. (It is taken up when it is due.)
    if (!mustFinish && finishAtMs !== undefined && rankOf(seat, roll, now) > 0) return
    // Planning changes of slots costs milliseconds, and they do not cease to be wanted: not again before they are due.
    const { proposeAtMs, wantsSlotsOnly } = this.state
    if (wantsSlotsOnly && !mustFinish && proposeAtMs !== undefined && now.monotonicMs < proposeAtMs) return
    const situation = situationOf(seat, roll, poll, this.orders, this.mayRepair(seat, now), now)
    if (!mustFinish && this.waitsForMoves(seat, situation)) return
    const plan = planNext(seat.view, situation)
    if (plan === undefined) {
      this.state.proposeAtMs = undefined
      if (mustFinish) propose(seat, sameAgain(seat.view), now)
      return
    }
    this.state.wantsSlotsOnly = plan.reasons.length === 0
    const gathersMs = plan.isUrgent ? 0 : plan.isStop ? stopGatherMs + gatherMs : gatherMs
    this.state.proposeAtMs ??= now.monotonicMs + gathersMs + rankOf(seat, roll, now) * rankDelayMs
    if (!mustFinish && now.monotonicMs < this.state.proposeAtMs) return
    if (!mustFinish && this.state.wantsSlotsOnly && this.isAwaiting(seat, roll, now)) {
      this.state.proposeAtMs = now.monotonicMs + gatherMs
      return
    }
    this.say(seat, plan, out)
    propose(seat, plan.proposal(), now)
  }

  /** Whether nothing is to change but where slots are, of which more will be told. */
  private waitsForMoves({ view }: Seat, situation: Situation): boolean {
    if (situation.now.monotonicMs >= this.state.movesUntilMs) return false
    return onlyMoves(view) && isSteady(view, situation) && isMoreToCome(view, situation)
  }

  /** Whether a member that is heard from has told nothing in the present view, and may yet. */
  private isAwaiting({ view }: Seat, roll: Roll, now: Now): boolean {
    if (now.monotonicMs >= this.state.patientUntilMs) return false
    return view.members.some(({ standing, storageId }) => {
      const report = standing === "up" ? roll.report(view, storageId, now) : undefined
      return report !== undefined && report.epoch < view.epoch
    })
  }

  /** Everybody is back, or the grace period is over: replicas and primaries may go elsewhere. */
  mayRepair(seat: Seat, now: Now): boolean {
    if (now.monotonicMs >= this.state.repairAtMs) return true
    return seat.view.members.every((member) => member.standing !== "down")
  }

  private say(seat: Seat, plan: Plan, out: MemberEffect[]): void {
    const text = `proposes view ${seat.view.epoch + 1}: ${plan.reasons.join("; ") || "changes of slots"}`
    if (text === this.state.said) return
    this.state.said = text
    out.push({ kind: "log", level: "info", text })
  }
}

/**
 * Whether members that stopped with places in sync, as all do that stop at once, may still be about to come back: who comes
 * back first would take their places from them, and wait for leases to be over that nobody has any more.
 */
function isEarly({ view, self }: Seat, roll: Roll, now: Now): boolean {
  if (now.monotonicMs >= roll.state.listenUntilMs - view.settings.suspectMs + returnPatienceMs) return false
  if (memberOf(view, self.storageId)?.standing !== "down") return false
  return view.members.some(
    ({ standing, storageId }) =>
      standing === "down" &&
      !roll.hasHeard(storageId, now) &&
      view.slots.some(({ inSync }) => inSync.includes(storageId)),
  )
}

/** How many voters with lower ids are heard from. */
function rankOf(seat: Seat, roll: Roll, now: Now): number {
  const before = seat.view.voters.slice(0, seat.view.voters.indexOf(seat.self.storageId))
  return before.filter((voter) => !roll.isSuspect(voter, now)).length
}

function situationOf(
  seat: Seat,
  roll: Roll,
  poll: Poll,
  orders: Orders,
  mayRepair: boolean,
  now: Now,
): Situation {
  return {
    now,
    mayRepair,
    report: (storageId) => roll.report(seat.view, storageId, now),
    mayEvict: (storageId) =>
      roll.isSuspect(storageId, now) && poll.isPassed(storageId, seat.view.voters, now),
    orders: orders.present(seat.view, now),
    joiners: roll.joiners(now),
  }
}

/** Takes the vote that must precede an eviction. */
function askAboutSuspects(seat: Seat, roll: Roll, poll: Poll, now: Now): void {
  const suspects: StorageId[] = []
  for (const { standing, storageId } of seat.view.members)
    if (standing !== "down" && roll.isSuspect(storageId, now)) suspects.push(storageId)
  for (const { subject, number } of poll.tick(suspects, seat.self.storageId, now)) {
    for (const voter of seat.view.voters) {
      if (voter !== seat.self.storageId) seat.sendToMember(voter, { kind: "poll", subject, number }, now)
    }
  }
}
