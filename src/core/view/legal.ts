/**
 * `legalSuccessor`: what every next view must satisfy, whoever proposes it and for whatever reason. It is one pure
 * function, asked by the proposer before it proposes and by every acceptor before it accepts, so that no mistake of a
 * coordinator, and no rule of placement, can cost data. A planner may be wrong about what is *good*; this decides what is
 * *safe*:
 *
 * - The new primary was in sync, so it holds all that was acknowledged. It follows that the last in-sync replica is
 *   never dropped: one of the old ones is in the new list. The one exception is named in the view itself, for ever: a slot
 *   whose in-sync replicas are all down and were given up by an operator (`loss.ts`).
 * - Nobody else becomes in sync but a learner that the slot's primary certified in the epoch of the old view. A certificate
 *   of any other epoch may predate writes that were acknowledged without the learner.
 * - A slot epoch rises to the new epoch exactly where `inSync` or the boot of its primary changed: it fences whoever acted
 *   under the old assignment, among them the primary before its restart.
 * - Voters change by one at most: any majority of the old ones meets any majority of the new ones.
 * - Node ids and storages are unique, boots never fall, and every place is held by a member.
 *
 * View 1 has a rule of its own (`founded.ts`): it follows from view 0 alone.
 */
import { assert } from "../lib/assert.ts"
import { votersMax } from "../lib/limits.ts"
import { sameList } from "./delta.ts"
import type { Certificate, Evidence, Release } from "./evidence.ts"
import { illegalFounding } from "./founded.ts"
import { illegalLosses, illegalLostSlot, newLoss } from "./loss.ts"
import { memberOf, primaryOf, type SlotAssignment, type StorageId, type View } from "./view.ts"

/**
 * @param view the decided view of the epoch before
 * @param next its proposed successor
 * @param evidence what was proposed with it
 * @returns undefined where `next` is a legal successor, else what is wrong, for the log
 */
export function illegalSuccessor(view: View, next: View, evidence: Evidence): string | undefined {
  if (next.epoch !== view.epoch + 1) return "the epoch does not follow"
  if (view.epoch === 0) return illegalFounding(view, next)
  if (next.clusterId !== view.clusterId) return "another cluster id"
  if (next.slots.length !== view.slots.length) return "another number of slots"
  if (next.settings.slotCount !== view.settings.slotCount) return "another slot count in the settings"
  return (
    illegalMembers(view, next) ??
    illegalVoters(view, next) ??
    illegalLosses(view, next) ??
    illegalSlots(view, next, evidence)
  )
}

function illegalMembers(view: View, next: View): string | undefined {
  const nodeIds = new Set<string>()
  const storages = new Set<string>()
  for (const member of next.members) {
    if (nodeIds.has(member.nodeId)) return `node id ${member.nodeId} twice`
    if (storages.has(member.storageId)) return `storage ${member.storageId} twice`
    nodeIds.add(member.nodeId)
    storages.add(member.storageId)
    const before = memberOf(view, member.storageId)
    if (before === undefined) continue
    if (before.nodeId !== member.nodeId) return `storage ${member.storageId} changed its node id`
    if (member.boot < before.boot) return `the boot of ${member.storageId} falls`
  }
  return undefined
}

function illegalVoters(view: View, next: View): string | undefined {
  const before = new Set(view.voters)
  const after = new Set(next.voters)
  if (after.size !== next.voters.length) return "a voter twice"
  if (after.size === 0 || after.size > votersMax) return `${after.size} voters`
  for (const voter of next.voters)
    if (memberOf(next, voter) === undefined) return `voter ${voter} is no member`
  let changes = 0
  for (const voter of before) if (!after.has(voter)) changes++
  for (const voter of after) if (!before.has(voter)) changes++
  return changes > 1 ? `${changes} changes of voters at once` : undefined
}

function illegalSlots(view: View, next: View, evidence: Evidence): string | undefined {
  const removed = view.members.some((member) => memberOf(next, member.storageId) === undefined)
  const booted = new Set<StorageId>()
  for (const member of next.members) {
    const before = memberOf(view, member.storageId)
    if (before !== undefined && before.boot !== member.boot) booted.add(member.storageId)
  }
  const loss = newLoss(view, next)
  const given = new Set(loss?.slots)
  const certificates = bySlot(evidence.certificates)
  for (let slot = 0; slot < next.slots.length; slot++) {
    const before = view.slots[slot] as SlotAssignment
    const after = next.slots[slot] as SlotAssignment
    if (loss !== undefined && given.has(slot)) {
      const wrong = illegalLostSlot(loss, before, after)
      if (wrong !== undefined) return `slot ${slot}: ${wrong}`
    }
    // The usual case, shared by reference: nothing to ask.
    if (before === after && !removed && booted.size === 0) continue
    const proofs = certificates.get(slot) ?? []
    const wrong = illegalSlot(view, next, slot, before, after, booted, proofs, given.has(slot))
    if (wrong !== undefined) return `slot ${slot}: ${wrong}`
  }
  return undefined
}

function illegalSlot(
  view: View,
  next: View,
  slot: number,
  before: SlotAssignment,
  after: SlotAssignment,
  booted: ReadonlySet<StorageId>,
  certificates: readonly Certificate[],
  isGivenUp: boolean,
): string | undefined {
  const primary = after.inSync[0]
  if (primary === undefined) return "nobody is in sync"
  if (!isGivenUp && !before.inSync.includes(primary)) return `the new primary ${primary} was not in sync`
  const seen = new Set<StorageId>()
  for (const storageId of [...after.inSync, ...after.learners]) {
    if (seen.has(storageId)) return `${storageId} has two places`
    seen.add(storageId)
    if (memberOf(next, storageId) === undefined) return `${storageId} is no member`
  }
  for (const storageId of after.inSync) {
    if (isGivenUp || before.inSync.includes(storageId)) continue
    if (!isCertified(view, slot, before, storageId, certificates)) return `${storageId} is not certified`
  }
  const changed = !sameList(before.inSync, after.inSync) || booted.has(primary)
  if (after.slotEpoch !== (changed ? next.epoch : before.slotEpoch)) return "the slot epoch is wrong"
  return undefined
}

/** Whether the primary of `view` certified the learner in that very epoch. */
function isCertified(
  view: View,
  slot: number,
  before: SlotAssignment,
  learner: StorageId,
  certificates: readonly Certificate[],
): boolean {
  if (!before.learners.includes(learner)) return false
  const primary = primaryOf(before)
  const boot = memberOf(view, primary)?.boot
  return certificates.some(
    (certificate) =>
      certificate.epoch === view.epoch &&
      certificate.slot === slot &&
      certificate.learner === learner &&
      certificate.primary === primary &&
      certificate.boot === boot,
  )
}

/**
 * The nodes that `next` demotes: from whom it takes a primary place that they have not released in the epoch of `view`. A
 * lease of theirs may still run, so voters wait for it. A primary that only restarts is not among them: its lease died
 * with the process.
 */
export function demotedBy(view: View, next: View, evidence: Evidence): StorageId[] {
  assert(next.epoch === view.epoch + 1, "a step is judged from the view before it")
  const demoted = new Set<StorageId>()
  if (view.epoch === 0) return []
  const releases = bySlot(evidence.releases)
  for (let slot = 0; slot < view.slots.length; slot++) {
    const before = view.slots[slot] as SlotAssignment
    const after = next.slots[slot] as SlotAssignment
    if (before === after) continue
    const primary = primaryOf(before)
    if (primary === primaryOf(after) || demoted.has(primary)) continue
    if (!isReleased(view, slot, primary, releases.get(slot) ?? [])) demoted.add(primary)
  }
  return [...demoted]
}

/** A view moves a thousand slots, each with its evidence. */
function bySlot<E extends { readonly slot: number }>(
  evidence: readonly E[],
): ReadonlyMap<number, readonly E[]> {
  const lists = new Map<number, E[]>()
  for (const each of evidence) {
    const list = lists.get(each.slot)
    if (list === undefined) lists.set(each.slot, [each])
    else list.push(each)
  }
  return lists
}

function isReleased(view: View, slot: number, primary: StorageId, releases: readonly Release[]): boolean {
  const boot = memberOf(view, primary)?.boot
  return releases.some(
    (release) =>
      release.epoch === view.epoch &&
      release.slot === slot &&
      release.primary === primary &&
      release.boot === boot,
  )
}
