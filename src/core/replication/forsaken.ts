/**
 * Copies of slots that an operator gave up (`view/loss.ts`). A new history begins in the epoch of the loss, on one member
 * that holds an older copy or none: what others hold from before is no prefix of it, however much of it was committed, and
 * everything else in this folder rests on committed entries being the same everywhere. So:
 *
 * - Whoever holds such a copy and was not chosen discards it.
 * - Whoever was chosen begins with an entry of its own, which changes nothing. By it each complete copy of the new history
 *   tells itself from those before: its last entry is of an epoch that is not older than the loss. A replica becomes in sync
 *   only with that entry, because the primary certifies nobody before it is committed.
 *
 * Both follow from what the log holds and what the view says, so a crash between the two changes nothing. Whoever was chosen and
 * has restarted since is primary only in a view that names its present boot: until then it keeps its copy, and begins then. A
 * learner that has come halfway to that entry looks forsaken as well; only a restart makes it begin again.
 */
import type { View } from "../view/view.ts"
import { lossEpochs } from "../view/loss.ts"
import type { Replication } from "./replication.ts"
import type { SlotLog } from "./slot-log.ts"

/** @param known the view before, of this process. @returns whether the copy is of a history that the view has given up */
export function isForsaken(slot: SlotLog, view: View, known: View): boolean {
  if (view.losses.length === 0) return false
  const epoch = lossEpochs(view).get(slot.slot)
  if (epoch === undefined || slot.epochs.last >= epoch) return false
  return slot.role === "primary" || (lossEpochs(known).get(slot.slot) ?? 0) < epoch
}

/** The primary of a slot that was given up begins with what it has. Its followers are known. */
export function beginAnew(replication: Replication, slot: SlotLog): void {
  if (slot.isIncomplete) {
    const { slotEpoch, clockMs } = slot
    replication.reset(slot, slotEpoch, 0, clockMs)
    replication.queue.push(replication.writer.installed(slot.slot, 0, 0, clockMs))
    slot.restart(0, 0)
  }
  replication.append(slot, replication.writer.beginning(slot))
  slot.serving = false
  slot.takeoverSequence = slot.sequence
  replication.seen("a slot that was given up begins anew")
}
