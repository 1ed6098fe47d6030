/**
 * Comparing replicas. What two replicas have applied up to the same sequence must be the same entries, whatever way each
 * has got there: by appends, a tail, or a copy. Nothing of the protocol rests on this, and nothing that the protocol is
 * designed against would show here; it finds what the protocol cannot know of: a defect of this program, or of what is
 * beneath it.
 *
 * The table on disk keeps a hash of each slot's entries, independent of their order, in the transaction that applies them.
 * A node knows it as of its last flush. So the primary states what it has flushed, over and over, and a backup that has
 * flushed the slot at that very sequence compares. A slot that is written all the time is compared when it rests. A copy
 * shows entries of different moments until the log has passed the last of them: a state that was flushed before says nothing.
 *
 * Where the two differ nobody can tell which is right. The primary's is what clients see, so the backup's is given up, with
 * an error that names slot and sequence (`damage.ts`).
 */
import { compareMs } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import type { Compare, DataMessage, SlotHash } from "../node/data-message.ts"
import { slotFrom } from "./backup.ts"
import { markDamaged } from "./damage.ts"
import type { Peer } from "./peer.ts"
import type { Replication } from "./replication.ts"
import type { SlotLog } from "./slot-log.ts"
import type { FlushedSlot } from "./transfer.ts"

/** The primaries of this node state what they have flushed. */
export function tickCompare(replication: Replication, now: Now): void {
  if (now.monotonicMs < replication.compareAtMs) return
  replication.compareAtMs = now.monotonicMs + compareMs
  const stated = new Map<Peer, SlotHash[]>()
  for (const log of replication.slots) {
    const { slot, slotEpoch, serving, followers } = log
    if (!serving || followers.length === 0) continue
    const flushed = wholeState(replication, log)
    if (flushed === undefined || flushed.sequence <= 0) continue
    const { sequence, count, hash } = flushed
    for (const { isLearner, peer } of followers) {
      if (isLearner) continue
      const slots = stated.get(peer)
      const state = { slot, slotEpoch, sequence, count, hash }
      if (slots === undefined) stated.set(peer, [state])
      else slots.push(state)
    }
  }
  for (const [peer, slots] of stated) replication.send(peer, { kind: "compare", slots })
}

/** What was flushed of the slot, unless it is of a copy that still showed entries of different moments. */
function wholeState({ host }: Replication, { slot, wholeSequence }: SlotLog): FlushedSlot | undefined {
  const flushed = host?.flushedSlot(slot)
  return flushed !== undefined && flushed.sequence >= wholeSequence ? flushed : undefined
}

export function onCompare(replication: Replication, message: DataMessage, { slots }: Compare): void {
  for (const { slot, slotEpoch, sequence, count, hash } of slots) {
    const log = slotFrom(replication, message, slot, slotEpoch)
    if (log === undefined || log.role !== "backup" || log.isIncomplete || log.isDamaged) continue
    const own = wholeState(replication, log)
    if (own === undefined || own.sequence !== sequence) continue
    replication.seen("replicas compared")
    if (own.count === count && own.hash === hash) continue
    replication.differing++
    replication.seen("replica differs")
    const entries = own.count === count ? `both ${count} entries` : `${own.count} entries, and not ${count}`
    markDamaged(replication, log, `its copy at ${sequence} is not the primary's (${entries})`)
  }
}
