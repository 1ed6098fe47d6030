/**
 * How far a copy has come, for people. Only the primary from which it is made knows: of a snapshot by the entries that
 * the learner has taken, of those that the table holds; of a tail by the log that it has.
 */
import type { StorageId } from "../view/view.ts"
import type { Follower } from "./follower.ts"
import type { Replication } from "./replication.ts"

/** @returns from 0 to 1, 1 = vouched for; undefined where this node is not the slot's primary */
export function progressOf(replication: Replication, slot: number, learner: StorageId): number | undefined {
  const log = replication.slots[slot]
  if (log === undefined || log.role !== "primary") return undefined
  const follower = log.followers.find((other) => other.peer.storageId === learner)
  if (follower === undefined) return undefined
  if (follower.isCertified) return 1
  return Math.min(
    nearlyDone,
    follower.snapshot === undefined ? shareOfLog(follower) : shareOfTable(replication, follower),
  )
}

/** What is not vouched for is not done. */
const nearlyDone = 0.99

function shareOfLog({ slot, ackedSequence, needsSnapshot }: Follower): number {
  return needsSnapshot || ackedSequence <= 0 ? 0 : ackedSequence / slot.sequence
}

/** The table may lag behind: then there are more than it knows of. */
function shareOfTable(replication: Replication, { slot, snapshot }: Follower): number {
  const taken = snapshot?.entriesTaken ?? 0
  const count = replication.host?.flushedSlot(slot.slot)?.count ?? 0
  return taken / Math.max(1, taken, count)
}
