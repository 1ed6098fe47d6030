/**
 * What the next view should be: everything that is wanted at this moment, put into one draft. A pure function of the
 * present view and of what a voter knows; nothing here is needed for safety (`view/legal.ts` judges the outcome), only for
 * the cluster to go where its people want it.
 *
 * The order matters: first who is a member and in what standing, then what the primaries ask for their slots, then
 * whoever is gone loses places, then voters, and last new learners.
 */
import type { Now } from "../lib/clock.ts"
import type { Proposal } from "../view/ballot.ts"
import { deltaBetween } from "../view/delta.ts"
import { Draft } from "../view/draft.ts"
import type { Certificate, Release } from "../view/evidence.ts"
import type { StorageId, View, ViewMember } from "../view/view.ts"
import { type Order, planOrders } from "./order.ts"
import { planSlots } from "./plan-slots.ts"
import { planVoters } from "./plan-voters.ts"
import type { Joiner, Report } from "./roll.ts"

/** What a voter knows when it plans. */
export interface Situation {
  readonly now: Now
  /** A member's fresh report. */
  readonly report: (storageId: StorageId) => Report | undefined
  /** Whether a majority has not heard from the member. */
  mayEvict(storageId: StorageId): boolean
  /** Each under a node id of its own. */
  readonly joiners: readonly Joiner[]
  readonly orders: readonly Order[]
  /** Whether replicas that are missing may be restored elsewhere now (the grace period is over). */
  readonly mayRepair: boolean
}

export interface Plan {
  /** Made when it is asked for: a voter that waits for its turn plans ten times a second. */
  readonly proposal: () => Proposal
  /** For people: what changes and why. */
  readonly reasons: readonly string[]
  /** Whether somebody failed, so that nothing is to be waited for. */
  readonly isUrgent: boolean
  /** Whether somebody wants to stop, and so perhaps others. */
  readonly isStop: boolean
}

/** A plan in the making. */
export interface Planning {
  readonly draft: Draft
  readonly situation: Situation
  readonly certificates: Certificate[]
  readonly releases: Release[]
  readonly reasons: string[]
  /** Members that want to stop: they hand over their primaries first. */
  readonly stopping: Set<StorageId>
  /** Members restarted without a clean stop where the disk does not keep what was acknowledged. */
  readonly forgetful: Set<StorageId>
  /** Members that are down and are to be no members any more. */
  readonly forgotten: Set<StorageId>
  isUrgent: boolean
  evicts: boolean
}

/** Views in which nothing is wanted where all is quiet: before replicas may be restored elsewhere, and then. */
const settled = { early: new WeakSet<View>(), late: new WeakSet<View>() }

/** @returns the wanted successor of `view`, or undefined where all is as it should be */
export function planNext(view: View, situation: Situation): Plan | undefined {
  if (!isQuiet(view, situation)) return planAnew(view, situation)
  const known = situation.mayRepair ? settled.late : settled.early
  if (known.has(view)) return undefined
  const plan = planAnew(view, situation)
  if (plan === undefined) known.add(view)
  return plan
}

/**
 * Whether everybody tells what the view says already, and nobody asks for anything. What is wanted then follows from the view and
 * from whether replicas may be restored, so one look is enough; and most looks, ten a second, are of this kind.
 */
function isQuiet(view: View, situation: Situation): boolean {
  return (
    isSteady(view, situation) &&
    view.members.every(({ storageId }) => {
      const told = situation.report(storageId)
      return told === undefined || (told.epoch === view.epoch && told.wants.length === 0)
    })
  )
}

/** Whether nothing but slots may have to change: every member is as the view has it, and nobody asks for anything else. */
export function isSteady(view: View, { orders, joiners, report }: Situation): boolean {
  if (orders.length > 0 || joiners.length > 0) return false
  for (const { storageId, boot, standing } of view.members) {
    const told = report(storageId)
    if (standing === "down" ? told !== undefined : told?.identity.boot !== boot || told.standing !== standing)
      return false
  }
  return true
}

/** The same, whatever is known of the view. */
export function planAnew(view: View, situation: Situation): Plan | undefined {
  const planning: Planning = {
    draft: new Draft(view),
    situation,
    certificates: [],
    releases: [],
    reasons: [],
    stopping: new Set(),
    forgetful: new Set(),
    forgotten: new Set(),
    isUrgent: false,
    evicts: false,
  }
  planMembers(planning)
  planOrders(planning)
  planSlots(planning)
  planDepartures(planning)
  planVoters(planning)
  if (!planning.draft.isChanged) return undefined
  return {
    proposal: () => proposalOf(planning),
    reasons: planning.reasons,
    isUrgent: planning.isUrgent,
    isStop: planning.stopping.size > 0,
  }
}

function proposalOf({ draft, certificates, releases }: Planning): Proposal {
  return Object.freeze({
    delta: deltaBetween(draft.view, draft.finish()),
    evidence: { certificates, releases },
  })
}

/** @returns the same view under the next epoch: what is proposed to end an instance in which nobody wants anything */
export function sameAgain(view: View): Proposal {
  const next = new Draft(view).finish()
  return Object.freeze({ delta: deltaBetween(view, next), evidence: { certificates: [], releases: [] } })
}

function planMembers(planning: Planning): void {
  const { draft, situation } = planning
  for (const member of draft.view.members) {
    const report = situation.report(member.storageId)
    if (report !== undefined) planReported(planning, member, report)
    else if (member.standing !== "down" && situation.mayEvict(member.storageId)) {
      draft.setMember({ ...member, standing: "down" })
      planning.reasons.push(`evicts ${member.address}: a majority of voters does not hear from it`)
      planning.isUrgent = true
      planning.evicts = true
    }
  }
  for (const joiner of situation.joiners) planJoin(planning, joiner)
}

function planReported(planning: Planning, member: ViewMember, report: Report): void {
  const { boot, address } = report.identity
  let planned = member
  if (boot > member.boot) {
    planned = { ...planned, boot, address }
    planning.reasons.push(`${address} has restarted`)
    planning.isUrgent = true
    if (report.unclean && !planning.draft.view.settings.sync) planning.forgetful.add(member.storageId)
  }
  if (report.standing === "down") {
    if (member.standing !== "down") planning.stopping.add(member.storageId)
  } else if (report.standing !== member.standing && !isOutdated(member, report, planning.draft.view)) {
    planned = { ...planned, standing: report.standing }
    planning.reasons.push(`${address} is ${report.standing}`)
  }
  if (planned !== member) planning.draft.setMember(planned)
}

/** Who is ordered to leave says so itself once it has seen that view; what it said before counts no more. */
function isOutdated(member: ViewMember, report: Report, view: View): boolean {
  return member.standing === "leaving" && report.epoch < view.epoch
}

/** A node whose id belongs to another storage comes in its place once that one is down, holds nothing and has no vote. */
function planJoin(planning: Planning, { identity, weight, zone }: Joiner): void {
  const { draft } = planning
  if (draft.member(identity.storageId) !== undefined) return
  const twin = draft.view.members.find((member) => member.nodeId === identity.nodeId)
  if (twin !== undefined && draft.member(twin.storageId) !== undefined) {
    if (twin.standing !== "down" || holdsPlaces(draft, twin.storageId)) return
    if (draft.voterList().includes(twin.storageId)) return // `planVoters` takes its vote first
    draft.removeMember(twin.storageId)
  }
  const { nodeId, storageId, boot, address } = identity
  draft.setMember({ nodeId, storageId, boot, address, standing: "up", weight, zone })
  planning.reasons.push(`${address} joins`)
}

/**
 * Members that stop are down when they have handed over what they could; members that leave are removed when empty. Who shares
 * its slots only with others that stop has nobody to hand over to: they are down at once, and in sync when they come back.
 */
function planDepartures(planning: Planning): void {
  const { draft } = planning
  for (const storageId of planning.stopping) {
    const member = draft.member(storageId)
    if (member === undefined || isBesideOthers(planning, storageId)) continue
    draft.setMember({ ...member, standing: "down" })
    planning.reasons.push(`${member.address} stops`)
  }
  for (const member of draft.view.members) {
    const isLeaving =
      draft.member(member.storageId)?.standing === "leaving" || planning.forgotten.has(member.storageId)
    if (!isLeaving || holdsPlaces(draft, member.storageId)) continue
    if (draft.voterList().includes(member.storageId)) continue
    draft.removeMember(member.storageId)
    planning.reasons.push(`${member.address} leaves the cluster`)
  }
}

/** Whether the storage has a place in any slot. */
function holdsPlaces(draft: Draft, storageId: StorageId): boolean {
  return someSlot(draft, ({ inSync, learners }) => inSync.includes(storageId) || learners.includes(storageId))
}

/** Whether the storage has a place in a slot that another one, who does not stop, holds as well. */
function isBesideOthers({ draft, stopping }: Planning, storageId: StorageId): boolean {
  const stays = (other: StorageId) => other !== storageId && !stopping.has(other)
  return someSlot(
    draft,
    ({ inSync, learners }) =>
      learners.includes(storageId) || (inSync.includes(storageId) && inSync.some(stays)),
  )
}

function someSlot(draft: Draft, isSuch: (slot: ReturnType<Draft["slot"]>) => boolean): boolean {
  for (let slot = 0; slot < draft.view.slots.length; slot++) if (isSuch(draft.slot(slot))) return true
  return false
}
