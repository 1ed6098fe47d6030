/**
 * What the step from one decided view to the next must satisfy (I2), written from the design and not from
 * `core/view/legal.ts`: a mistake there must not hide itself. Instead of the evidence in the proposal it asks what the
 * primaries really stated.
 */
import type { SlotAssignment, StorageId, View } from "../../../src/core/view/view.ts"

export interface Statements {
  /** Whether the primary of `view`, in its boot of `view`, certified the learner in that epoch. */
  certified(view: View, slot: number, learner: StorageId): boolean
  /** Whether an operator has accepted that what only this member holds is lost. */
  givenUp(storageId: StorageId): boolean
}

/** @returns what is wrong with `next` after `view`, with the invariant's number; undefined if nothing is */
export function wrongStep(
  view: View,
  next: View,
  statements: Statements,
): readonly [invariant: string, text: string] | undefined {
  if (next.epoch !== view.epoch + 1) return ["I2", `epoch ${next.epoch} after ${view.epoch}`]
  if (next.clusterId !== view.clusterId) return ["I2", "the cluster id changed"]
  const boots = new Map(view.members.map((member) => [member.storageId, member.boot]))
  for (const member of next.members)
    if (member.boot < (boots.get(member.storageId) ?? 0))
      return ["I2", `the boot of ${member.storageId} fell`]
  const nodeIds = next.members.map((member) => member.nodeId)
  const storages = new Set(next.members.map((member) => member.storageId))
  if (new Set(nodeIds).size !== nodeIds.length) return ["I2", "a node id twice"]
  if (storages.size !== nodeIds.length) return ["I2", "a storage twice"]
  const changes = [...new Set([...view.voters, ...next.voters])].filter(
    (voter) => view.voters.includes(voter) !== next.voters.includes(voter),
  )
  if (changes.length > 1) return ["I2", `voters ${view.voters.join()} became ${next.voters.join()}`]
  if (next.voters.length === 0 || new Set(next.voters).size !== next.voters.length)
    return ["I2", `voters ${next.voters.join()}`]
  if (!next.voters.every((voter) => storages.has(voter))) return ["I2", "a voter that is no member"]
  const loss = next.losses.length > view.losses.length ? next.losses.at(-1) : undefined
  if (next.losses.length > view.losses.length + 1 || next.losses.length < view.losses.length)
    return ["I15", `${view.losses.length} losses became ${next.losses.length}`]
  const unordered = loss?.lost.find(({ storageId }) => !statements.givenUp(storageId))
  if (unordered !== undefined) return ["I15", `gives up ${unordered.storageId}, which nobody has ordered`]
  for (let slot = 0; slot < view.slots.length; slot++) {
    const before = view.slots[slot] as SlotAssignment
    const after = next.slots[slot] as SlotAssignment
    const primary = after.inSync[0]
    // All that had the slot in sync are named, and one that has an older copy, or none, begins it anew.
    const isLost =
      loss?.slots.includes(slot) === true &&
      after.inSync.length === 1 &&
      before.inSync.every((storageId) => loss.lost.some((lost) => lost.storageId === storageId))
    if (primary === undefined || (!before.inSync.includes(primary) && !isLost))
      return ["I15", `slot ${slot}: primary ${primary} was not in sync in ${view.epoch}`]
    for (const storageId of after.inSync) {
      if (before.inSync.includes(storageId) || isLost) continue
      if (!statements.certified(view, slot, storageId))
        return ["I14", `slot ${slot}: ${storageId} in sync without its primary's word in ${view.epoch}`]
    }
    if (![...after.inSync, ...after.learners].every((storageId) => storages.has(storageId)))
      return ["I2", `slot ${slot}: a place of no member`]
    const same =
      before.inSync.join() === after.inSync.join() &&
      boots.get(primary) === next.members.find((member) => member.storageId === primary)?.boot
    if (after.slotEpoch !== (same ? before.slotEpoch : next.epoch))
      return ["I2", `slot ${slot}: slot epoch ${after.slotEpoch} in ${next.epoch}`]
  }
  return undefined
}
