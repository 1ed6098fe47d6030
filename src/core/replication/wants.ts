/**
 * What the primaries of this node want of the next view, and what they do as time passes.
 *
 * A replica from which nothing has come for two seconds, while something was expected, is taken out of the slot: that
 * costs a copy later, and waiting for it would cost every client now. It is no eviction of the node. Time counts
 * as far as this node was awake: who slept himself must not blame the others.
 */
import { progressMs, tickMs, wantsPerHeartbeatMax } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import type { Want } from "../member/event.ts"
import type { SlotAssignment, StorageId } from "../view/view.ts"
import { tickCompare } from "./compare.ts"
import { wantOfDamaged } from "./damage.ts"
import type { Follower } from "./follower.ts"
import { periodOf } from "./pace.ts"
import { certify, pumpBehind, tellCommitted, tickPrimary } from "./primary.ts"
import type { Replication } from "./replication.ts"
import { sendPieces, startSnapshots } from "./snapshot.ts"

/** A learner may be slow for so many times as long: nobody waits for it. */
const learnerPatience = 5

/**
 * @param awakeMs since the last tick, as far as this node was awake
 * @param requests taken since then
 */
export function tickReplication(replication: Replication, awakeMs: number, requests: number, now: Now): void {
  // Where there are no others, nobody follows: to look at each slot would be a hundredth of a busy node's time.
  if (replication.peers.size > 0) {
    const { view, self } = replication
    const seat = view.members.findIndex(({ storageId }) => storageId === self?.storageId)
    replication.pace.tick(awakeMs - tickMs, requests, periodOf(now, seat, view.members.length))
    tickPrimaries(replication, awakeMs, now)
    startSnapshots(replication, now)
  }
  sendPieces(replication, now)
  tickCompare(replication, now)
  replication.pinned.tick(replication, now)
  for (const peer of replication.peers.values()) {
    // What nobody has told of for so long is lost.
    if (now.monotonicMs - peer.heardAtMs > progressMs / 2) peer.forgetUnderWay()
    if (peer.untold.length > 0) tellCommitted(peer)
    pumpBehind(replication, peer)
  }
}

function tickPrimaries(replication: Replication, awakeMs: number, now: Now): void {
  for (const slot of replication.led) {
    tickPrimary(replication, slot, awakeMs, now)
    for (const follower of slot.followers) certify(replication, follower)
  }
}

/** @returns all that is wanted, in the epoch of the present view */
export function wantsOf(replication: Replication): Want[] {
  const { self, view } = replication
  const wants: Want[] = []
  if (self === undefined) return wants
  const { epoch } = view
  const { storageId: primary, boot } = self
  giveUpDamaged(replication, wants)
  for (const { followers, slot } of replication.led)
    for (const follower of followers) {
      if (wants.length >= wantsPerHeartbeatMax) return wants
      const { storageId } = follower.peer
      if (isGivenUp(follower)) wants.push({ kind: "drop", epoch, slot, storageId })
      else if (follower.isLearner && follower.isCertified)
        wants.push({ kind: "promote", certificate: { epoch, slot, primary, boot, learner: storageId } })
    }
  offer(replication, wants)
  return wants
}

function giveUpDamaged(replication: Replication, wants: Want[]): void {
  if (replication.damaged === 0) return
  for (const slot of replication.slots) {
    if (wants.length >= wantsPerHeartbeatMax) return
    const want = slot.isDamaged ? wantOfDamaged(replication, slot) : undefined
    if (want !== undefined) wants.push(want)
  }
}

/** Whether two lists of one epoch, by one node, want the same. */
export function sameWants(a: readonly Want[], b: readonly Want[]): boolean {
  return a.length === b.length && a.every((want, i) => isSame(want, b[i] as Want))
}

function isSame(a: Want, b: Want): boolean {
  return a.kind === b.kind && slotOf(a) === slotOf(b) && concernedBy(a) === concernedBy(b)
}

function slotOf(want: Want): number {
  if (want.kind === "promote") return want.certificate.slot
  return want.kind === "release" ? want.release.slot : want.slot
}

/** The node that gains or loses a place; of an offer, what is offered. */
function concernedBy(want: Want): string {
  if (want.kind === "offer") return `${want.lastEpoch} ${want.sequence}`
  if (want.kind === "promote") return want.certificate.learner
  if (want.kind === "release") return want.target
  return want.kind === "giveUp" ? "" : want.storageId
}

/** Of slots that nobody who is up has in sync: the first ones, and so the same ones as everybody else. */
function offer({ view, slots }: Replication, wants: Want[]): void {
  const down = new Set<StorageId>()
  for (const { storageId, standing } of view.members) if (standing === "down") down.add(storageId)
  if (down.size === 0) return
  const { epoch } = view
  for (const { slot, sequence, epochs } of slots) {
    if (wants.length >= wantsPerHeartbeatMax) return
    const { inSync } = view.slots[slot] as SlotAssignment
    if (!inSync.every((storageId) => down.has(storageId))) continue
    wants.push({ kind: "offer", epoch, slot, lastEpoch: epochs.last, sequence: Math.max(0, sequence) })
  }
}

function isGivenUp(follower: Follower): boolean {
  // Who was in sync and needs a snapshot has lost what it acknowledged.
  if (follower.needsSnapshot && !follower.isLearner) return true
  return follower.stalledMs >= (follower.isNeeded ? progressMs : progressMs * learnerPatience)
}
