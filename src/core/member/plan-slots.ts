/**
 * What becomes of the slots: first what their primaries ask for, then those who are gone lose their places, then
 * learners are added where replicas are missing or are to move.
 *
 * Who is gone keeps a place that would leave the slot without an in-sync replica: such a slot is unavailable until one
 * returns, which is better than empty. The primary of a member that merely stops keeps it until its release is here, so
 * that nobody waits for a lease.
 *
 * A learner that its primary gives up is a learner again in the view after the next at the earliest. If the view that drops it
 * took it back, nothing would change but the epoch: the primary would go on with the same patience, which is at its end, and
 * ask again, view after view, and no copy would ever get far.
 */
import { learnersAtOnceMin, slotChangesPerViewMax, slotsPerLearner } from "../lib/limits.ts"
import { memberOf, primaryOf, type StorageId, type View } from "../view/view.ts"
import type { Want } from "./event.ts"
import { outlookOf } from "./outlook.ts"
import type { Planning } from "./plan.ts"

export function planSlots(planning: Planning): void {
  const { draft, situation } = planning
  for (const member of draft.view.members) {
    const report = situation.report(member.storageId)
    if (report === undefined || report.epoch !== draft.view.epoch) continue
    const { wants } = report
    for (let i = 0; i < wants.length && i < slotChangesPerViewMax; i++)
      planWant(planning, member.storageId, report.identity.boot, wants[i] as Want)
  }
  const gone = new Set<StorageId>()
  for (const member of draft.view.members) {
    const standing = draft.member(member.storageId)?.standing
    if (standing === undefined || standing === "down") gone.add(member.storageId)
  }
  if (gone.size > 0 || planning.forgetful.size > 0 || planning.stopping.size > 0) {
    for (let slot = 0; slot < draft.view.slots.length; slot++) planLosses(planning, slot, gone)
  }
  planMoves(planning, gone)
}

/** A want holds only for the epoch that it names; `promote` and `release` come with their evidence. */
function planWant(planning: Planning, asker: StorageId, boot: number, want: Want): void {
  const { draft } = planning
  const { view } = draft
  const named = want.kind === "promote" ? want.certificate : want.kind === "release" ? want.release : want
  const present = view.slots[named.slot]
  if (present === undefined || named.epoch !== view.epoch) return
  const { inSync, learners } = draft.slot(named.slot)
  const isPrimary = primaryOf(present) === asker && memberOf(view, asker)?.boot === boot
  const without = (list: readonly StorageId[], storageId: StorageId) =>
    list.filter((other) => other !== storageId)
  switch (want.kind) {
    case "drop":
      if (!isPrimary || want.storageId === asker) return
      draft.setSlot(named.slot, without(inSync, want.storageId), without(learners, want.storageId))
      return
    case "promote": {
      const { learner } = want.certificate
      if (!isPrimary || !present.learners.includes(learner) || inSync.includes(learner)) return
      draft.setSlot(named.slot, [...inSync, learner], without(learners, learner))
      planning.certificates.push(want.certificate)
      return
    }
    case "release": {
      const { target } = want
      if (!isPrimary || target === asker || !present.inSync.includes(target) || !inSync.includes(target))
        return
      draft.setSlot(named.slot, [target, ...without(without(inSync, target), asker), asker], learners)
      planning.releases.push(want.release)
      return
    }
    case "giveUp":
      if (primaryOf(present) === asker || without(inSync, asker).length === 0) return
      draft.setSlot(named.slot, without(inSync, asker), without(learners, asker))
      return
    case "offer": // Only for an operator (`recover.ts`).
      return
    case "addLearner": {
      const target = draft.member(want.storageId)
      if (!isPrimary || target?.standing !== "up") return
      if (inSync.includes(want.storageId) || learners.includes(want.storageId)) return
      draft.setSlot(named.slot, inSync, [...learners, want.storageId])
    }
  }
}

function planLosses(planning: Planning, slot: number, gone: ReadonlySet<StorageId>): void {
  const { draft, stopping, forgetful } = planning
  const { inSync, learners } = draft.slot(slot)
  const concerns = (storageId: StorageId): boolean =>
    gone.has(storageId) || forgetful.has(storageId) || stopping.has(storageId)
  if (!inSync.some(concerns) && !learners.some(concerns)) return
  const primary = inSync[0] as StorageId
  const lost = (storageId: StorageId): boolean => gone.has(storageId) || forgetful.has(storageId)
  // Who forgot goes first, even where the others are away: their disks hold what was acknowledged.
  let kept: readonly StorageId[] = inSync.filter((storageId) => !forgetful.has(storageId))
  if (kept.length === 0) kept = [primary]
  kept = keepSome(kept, (storageId) => !gone.has(storageId))
  const isHandedOver = primary !== draft.view.slots[slot]?.inSync[0] || lost(primary)
  // Where all stop they stop as they are.
  if (!kept.every((storageId) => stopping.has(storageId)))
    kept = keepSome(kept, (storageId) => !stopping.has(storageId) || (storageId === primary && !isHandedOver))
  const left = learners.filter((storageId) => !lost(storageId) && !stopping.has(storageId))
  if (kept.length === inSync.length && left.length === learners.length) return
  draft.setSlot(slot, ledBy(kept, inSync, draft.view.slots[slot]?.inSync ?? []), left)
}

/**
 * Only who was in sync in the present view may lead in the next; a learner that is promoted in this very step may not, even
 * if all before it are gone.
 */
function ledBy(
  kept: readonly StorageId[],
  inSync: readonly StorageId[],
  present: readonly StorageId[],
): readonly StorageId[] {
  const leader = kept.find((storageId) => present.includes(storageId))
  if (leader === undefined) return inSync
  return kept[0] === leader ? kept : [leader, ...kept.filter((storageId) => storageId !== leader)]
}

function isLearning(view: View, slot: number, storageId: StorageId): boolean {
  return view.slots[slot]?.learners.includes(storageId) === true
}

/** Those who are fit, or all where nobody is. */
function keepSome(
  list: readonly StorageId[],
  isFit: (storageId: StorageId) => boolean,
): readonly StorageId[] {
  const fit = list.filter(isFit)
  return fit.length > 0 ? fit : list
}

/**
 * Adds learners where the planner wants a replica and none is, and drops backups beyond the factor that it does not want.
 * Primaries move by their own release.
 *
 * Slots that lack replicas come first, and have as much room again as those that only move: under load moves take minutes
 * (`replication/pace.ts`), and what is left of the slots' copies must not wait for them.
 */
function planMoves(planning: Planning, gone: ReadonlySet<StorageId>): void {
  const { draft, situation } = planning
  const { view } = draft
  if (!situation.mayRepair) return
  const { target, unsettled, learners: learning } = outlookOf(view)
  const learnersMax = Math.max(learnersAtOnceMin, Math.floor(view.slots.length / slotsPerLearner))
  // Those who are promoted in this very step make room.
  let left = learning - planning.certificates.length
  const place = (slot: number, most: number): void => {
    const { inSync, learners } = draft.slot(slot)
    if (left >= most || learners.length > 0) return
    const missing = missingOf(planning, gone, slot, target[slot] as readonly StorageId[])
    if (missing === undefined) return
    draft.setSlot(slot, inSync, [missing])
    left++
  }
  const moving: number[] = []
  for (const slot of draft.changedSlots(unsettled)) {
    const wanted = target[slot] as readonly StorageId[]
    // Where fewer members are left than the factor, who leaves gives up its place without a successor.
    const factor = Math.min(view.settings.replicationFactor, Math.max(1, wanted.length))
    const { inSync, learners } = draft.slot(slot)
    const surplus = inSync.slice(1).find((storageId) => inSync.length > factor && !wanted.includes(storageId))
    if (surplus !== undefined) {
      draft.setSlot(
        slot,
        inSync.filter((storageId) => storageId !== surplus),
        learners,
      )
    } else if (inSync.length < factor) place(slot, 2 * learnersMax)
    else if (inSync.length === factor) moving.push(slot)
  }
  for (const slot of moving) place(slot, learnersMax)
}

/** @returns who is to have a replica of the slot, has none, and can take one */
function missingOf(
  { draft, situation, stopping }: Planning,
  gone: ReadonlySet<StorageId>,
  slot: number,
  wanted: readonly StorageId[],
): StorageId | undefined {
  const { view } = draft
  const { overfull } = outlookOf(view)
  const { inSync } = draft.slot(slot)
  if (gone.has(inSync[0] as StorageId)) return undefined
  return wanted.find(
    (storageId) =>
      !inSync.includes(storageId) &&
      !isLearning(view, slot, storageId) &&
      (inSync.length < wanted.length || !overfull.has(storageId)) &&
      !stopping.has(storageId) &&
      draft.member(storageId)?.standing === "up" &&
      situation.report(storageId) !== undefined,
  )
}
