/**
 * Records that wait to be committed stand in the way of the one log that all slots share: they keep their place in its ring,
 * and the table cannot follow beyond them. Neither may last, whatever becomes of their slot.
 *
 * - *The ring.* Records that have kept their place from one tick to the next are copied out of it, up to a bound; beyond it
 *   the log's back-pressure holds writers until the primary has dropped who is slow, some seconds at the most.
 * - *The table.* A slot that lives commits within the time that it takes to drop a replica or to replace a primary. One whose
 *   replica here was given up does not: nobody tells this node what became of its tail, which may even hold what is the last
 *   copy of something acknowledged (`forsaken.ts`). So it is neither thrown away nor in the way: where it holds the table back
 *   it is *carried* to the end of the log, as soon as somebody waits for the table (copies for others and scans are read
 *   from there), and after a minute in any case. Where all tails together are more than a record may be, they are cut.
 *
 * *What may be carried.* Between the note that voids a tail and its new place the process may be killed. So only what nobody
 * counts on: all of a slot in which the view gives this node no place; of a learner's what it has not matched. What a learner
 * acknowledged before it restarted counts until the primary knows of the restart, that is until the view names this boot.
 */
import { pinnedBytesMax, tailAwaitedMs, tailsCarriedBytesMax, tailHeldMs } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import type { Prepared } from "./prepared.ts"
import { memberOf } from "../view/view.ts"
import type { Replication } from "./replication.ts"
import type { SlotLog } from "./slot-log.ts"

/** What stood in the way at the last tick, and since when. */
export class Pinned {
  private inRing: Prepared | undefined
  private inTable: Prepared | undefined
  private inTableSinceMs = 0

  tick(replication: Replication, now: Now): void {
    const { queue, host } = replication
    const { monotonicMs } = now
    if (queue.pinned === undefined || queue.pinned !== this.inRing) this.inRing = queue.pinned
    else if (queue.copyOut(pinnedBytesMax) > 0) replication.seen("records copied out of the ring")
    if (queue.oldest === undefined || queue.oldest !== this.inTable) {
      this.inTable = queue.oldest
      this.inTableSinceMs = monotonicMs
      return
    }
    const heldMs = monotonicMs - this.inTableSinceMs
    if (heldMs < tailAwaitedMs || (heldMs < tailHeldMs && host?.isTableAwaited() !== true)) return
    carryTails(replication, now)
  }
}

/**
 * All at once, and all notes in front of all records: a void record is passed only together with its note (`log-queue.ts`), so
 * records that are carried again and again must not stand between the notes of others.
 */
function carryTails(replication: Replication, now: Now): void {
  const tails: { readonly slot: SlotLog; readonly kept: number; readonly records: readonly Prepared[] }[] = []
  let bytes = 0
  for (const slot of replication.slots) {
    const kept = keptOf(replication, slot)
    const records: Prepared[] = []
    for (let prepared = slot.first; prepared !== undefined; prepared = prepared.nextInSlot) {
      if (prepared.sequence <= kept) continue
      records.push(prepared)
      bytes += replication.received.at(prepared.bytes, prepared.offset).length
    }
    if (records.length > 0) tails.push({ slot, kept, records })
  }
  for (const { slot, kept } of tails) replication.cut(slot, kept)
  replication.seen("tail of a given-up copy carried")
  if (bytes > tailsCarriedBytesMax) return
  for (const { slot, records } of tails) for (const record of records) replication.replace(record, slot, now)
}

/** @returns up to where the slot's log is to stay where it is */
function keptOf({ self, view }: Replication, slot: SlotLog): number {
  if (slot.role === "none") return slot.committedSequence
  const isNamed = self !== undefined && memberOf(view, self.storageId)?.boot === self.boot
  if (slot.role !== "learner" || !isNamed) return Infinity
  return Math.max(slot.committedSequence, slot.matchedSequence)
}
