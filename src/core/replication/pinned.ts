/**
 * Records that wait to be committed stand in the way of the one log that all slots share: they keep their place in its ring,
 * and the table cannot follow beyond them. Neither may last, whatever becomes of their slot.
 *
 * - *The ring.* Records that have kept their place from one tick to the next are copied out of it, up to a bound; beyond it
 *   the log's back-pressure holds writers until the primary has dropped who is slow, some seconds at the most.
 * - *The table.* A slot that lives commits within the time that it takes to drop a replica or to replace a primary. One whose
 *   replica here was given up does not: nobody tells this node what became of its tail. If that holds the table back for a
 *   minute the tail is cut. Nobody counts on it: this replica is not in sync, and what it may have acknowledged is held by
 *   those who are.
 */
import { pinnedBytesMax, tailHeldMs } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import type { Prepared } from "./prepared.ts"
import type { Replication } from "./replication.ts"

/** What stood in the way at the last tick, and since when. */
export class Pinned {
  private inRing: Prepared | undefined
  private inTable: Prepared | undefined
  private inTableSinceMs = 0

  tick(replication: Replication, { monotonicMs }: Now): void {
    const { queue } = replication
    if (queue.pinned === undefined || queue.pinned !== this.inRing) this.inRing = queue.pinned
    else if (queue.copyOut(pinnedBytesMax) > 0) replication.seen("records copied out of the ring")
    if (queue.oldest === undefined || queue.oldest !== this.inTable) {
      this.inTable = queue.oldest
      this.inTableSinceMs = monotonicMs
    } else if (monotonicMs - this.inTableSinceMs >= tailHeldMs) {
      this.inTableSinceMs = monotonicMs
      cutGivenUp(replication)
    }
  }
}

function cutGivenUp(replication: Replication): void {
  for (const slot of replication.slots) {
    if (slot.role !== "none" || slot.first === undefined) continue
    replication.cut(slot, slot.committedSequence)
    replication.seen("tail of a given-up copy cut")
  }
}
