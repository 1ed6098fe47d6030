/**
 * A replica that is worth nothing any more: a checksum did not hold where an entry was read, or its copy is another than the
 * primary's at the same sequence (`compare.ts`). It gives its place up, in two steps that each need a view:
 *
 * - As primary it releases the slot to a backup, so that nobody waits for its lease, and requests for what it cannot read
 *   are asked again and answered there.
 * - As backup it asks for a view without it. Until that is decided it keeps what it holds: it is in sync, its log holds all
 *   that was acknowledged, and a copy that cannot show one entry is better than none. Then it discards the slot, and takes
 *   a new copy as any learner that holds nothing.
 *
 * The last replica keeps its place, whatever it is worth: then each damaged entry is an error by itself, and never another
 * content.
 */
import type { Want } from "../member/event.ts"
import { memberOf, type Standing, type StorageId } from "../view/view.ts"
import type { Replication } from "./replication.ts"
import type { SlotLog } from "./slot-log.ts"

/** What was found wrong is told once, until the slot has been copied anew. */
export function markDamaged(replication: Replication, slot: SlotLog, text: string): void {
  if (slot.isDamaged) return
  slot.isDamaged = true
  replication.damaged++
  replication.say(
    "error",
    `slot ${slot.slot}: ${text}: this replica gives up its place, unless it is the last`,
  )
  replication.seen("damaged replica")
}

/** Who can take the slot over from this node, its primary: somebody who stays, or else who leaves, since he hands on what is whole. */
export function successorOf({ view }: Replication, slot: SlotLog): StorageId | undefined {
  const inSync = slot.followers.filter((follower) => !follower.isLearner)
  const find = (standing: Standing) =>
    inSync.find(({ peer }) => memberOf(view, peer.storageId)?.standing === standing)?.peer.storageId
  return find("up") ?? find("leaving")
}

/** Releases damaged slots of which this node is primary. Only while it is in touch: until the next view nobody serves them. */
export function stepDown(replication: Replication): void {
  if (replication.damaged === 0) return
  for (const slot of replication.slots)
    if (slot.isDamaged && slot.serving && successorOf(replication, slot) !== undefined)
      replication.release(slot.slot)
}

/** What a damaged replica wants of the next view, if there is anything to be had. */
export function wantOfDamaged(replication: Replication, slot: SlotLog): Want | undefined {
  const { self, view } = replication
  if (self === undefined) return undefined
  const { epoch } = view
  if (slot.role !== "primary") return { kind: "giveUp", epoch, slot: slot.slot }
  const target = successorOf(replication, slot)
  if (!slot.released || target === undefined) return undefined
  const release = { epoch, slot: slot.slot, primary: self.storageId, boot: self.boot }
  return { kind: "release", release, target }
}
