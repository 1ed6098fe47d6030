/**
 * What a view makes of this node in each slot, and what follows from the change. In order, for each slot:
 *
 * - Whoever was primary and is not any more can no longer tell what becomes of what it wrote and did not commit: who
 *   waits for that is told so (`in_doubt`). The records stay: the next primary decides.
 * - A new slot epoch makes void what was matched and acknowledged in the one before. What is committed stays: it is in
 *   every log.
 * - A new primary takes over: it serves nothing before its tail is committed. Who was primary in its last view of this very
 *   process goes on serving: nobody can have committed anything without it, because it was in sync throughout.
 * - A learner's certificate was for the epoch before and is void.
 * - What an operator gave up begins anew (`forsaken.ts`).
 *
 * A node that the view gives no place keeps its copy as long as the slot lacks a replica: then it may catch up from where
 * it stands. Once the slot is whole the copy is discarded, and not before: the view without this node is decided.
 */
import type { Now } from "../lib/clock.ts"
import { memberOf, type SlotAssignment, type StorageId, type View, type ViewMember } from "../view/view.ts"
import { beginAnew, isForsaken } from "./forsaken.ts"
import { Follower } from "./follower.ts"
import { ledOf } from "./led.ts"
import type { Replication } from "./replication.ts"
import { nobody, type Role, type SlotLog } from "./slot-log.ts"
import { stopSending } from "./snapshot.ts"

export function adoptView(replication: Replication, view: View, now: Now): void {
  const { self } = replication
  if (self === undefined) return
  const previous = replication.view
  replication.view = view
  if (replication.slots.length !== view.settings.slotCount) replication.resize(view.settings.slotCount)
  for (const { storageId, address } of view.members) {
    if (storageId !== self.storageId) replication.peer(storageId).address = address
  }
  const isNamed = memberOf(view, self.storageId)?.boot === self.boot
  // A slot whose assignment is the same object has not changed, unless a member has: a boot, or who there is.
  const isAnew = view.members !== previous.members || view.settings !== previous.settings
  const changed: SlotLog[] = []
  const doubtful: SlotLog[] = []
  const forsaken: SlotLog[] = []
  replication.servingCount = 0
  for (const slot of replication.slots) {
    const assignment = view.slots[slot.slot] as SlotAssignment
    const wasPrimary = slot.role === "primary"
    const wasLearner = slot.role === "learner"
    // Releases and certificates were for the epoch before.
    const hasVouched = wasPrimary && (slot.released || assignment.learners.length > 0)
    if (isAnew || hasVouched || assignment !== previous.slots[slot.slot]) {
      assign(replication, slot, assignment, roleIn(assignment, self.storageId, isNamed))
      if (wasPrimary && slot.role !== "primary") doubtful.push(slot)
      changed.push(slot)
      if (isForsaken(slot, view, previous)) {
        if (slot.role === "primary") beginAnew(replication, slot)
        else if (slot.primary !== self.storageId && holdsSome(slot)) forsaken.push(slot)
      }
    }
    if (wasLearner && slot.role === "learner") stateAnew(replication, slot)
    if (slot.serving) replication.servingCount++
  }
  replication.led = ledOf(replication.slots)
  for (const slot of doubtful) doubt(replication, slot, now)
  for (const slot of forsaken) replication.discard(slot)
  for (const slot of changed) replication.advance(slot, now)
  discardUnneeded(replication, changed)
}

/**
 * A learner's word counts in the epoch in which it was given: it gives it again at once, so that a certificate need not wait
 * until the primary asks.
 */
function stateAnew(replication: Replication, slot: SlotLog): void {
  if (!slot.isIncomplete) replication.peer(slot.primary).acknowledge(slot)
}

function roleIn({ inSync, learners }: SlotAssignment, self: StorageId, isNamed: boolean): Role {
  // A restarted primary is one again only in a view that names its present boot.
  if (inSync[0] === self) return isNamed ? "primary" : "backup"
  if (inSync.includes(self)) return "backup"
  return learners.includes(self) ? "learner" : "none"
}

function assign(replication: Replication, slot: SlotLog, assignment: SlotAssignment, role: Role): void {
  const wasPrimary = slot.role === "primary"
  const isNewEpoch = slot.slotEpoch !== assignment.slotEpoch
  const before = slot.followers
  // Whoever vouched for it had read all that its copy shows, and waited until this log held as much.
  if (slot.role === "learner" && role !== "learner") slot.wholeSequence = slot.sequence
  slot.slotEpoch = assignment.slotEpoch
  slot.primary = assignment.inSync[0] ?? ""
  slot.role = role
  if (isNewEpoch) {
    slot.matchedSequence = slot.committedSequence
    slot.toldSequence = slot.committedSequence
  }
  if (role !== "primary") {
    slot.serving = false
    slot.released = false
    slot.followers = nobody
  } else {
    if (!wasPrimary) {
      slot.serving = false
      slot.takeoverSequence = slot.sequence
      slot.soloSequence = 0
    } else if (slot.released) {
      // The release came to nothing. It had been serving.
      slot.serving = slot.committedSequence >= slot.takeoverSequence
    }
    slot.released = false
    slot.followers = followersOf(replication, slot, assignment, isNewEpoch ? [] : before)
    if (isNewEpoch) carrySnapshots(slot, before)
  }
  for (const follower of before) {
    if (slot.followers.includes(follower)) continue
    follower.peer.behind.delete(follower)
    stopSending(replication, follower)
  }
  for (const follower of slot.followers)
    if (follower.snapshot !== undefined) replication.sendings.add(follower)
}

function followersOf(
  replication: Replication,
  slot: SlotLog,
  { inSync, learners }: SlotAssignment,
  before: readonly Follower[],
): readonly Follower[] {
  const others = [...inSync.slice(1), ...learners]
  if (others.length === 0) return nobody
  return others.map((storageId) => {
    const boot = memberOf(replication.view, storageId)?.boot ?? 0
    const isLearner = learners.includes(storageId)
    const known = before.find((other) => other.peer.storageId === storageId && other.boot >= boot)
    if (known !== undefined) {
      known.isLearner = isLearner
      known.isCertified = false
      return known
    }
    return new Follower(slot, replication.peer(storageId), boot, isLearner)
  })
}

/** Snapshots under way to learners go on, if they are still learners. */
function carrySnapshots(slot: SlotLog, before: readonly Follower[]): void {
  for (const follower of slot.followers) {
    const old = before.find((other) => other.peer === follower.peer && other.boot === follower.boot)
    if (old === undefined || !follower.isLearner) continue
    follower.snapshot = old.snapshot
    follower.needsSnapshot = old.needsSnapshot
    old.snapshot = undefined
  }
}

/** Nobody here will learn what becomes of what is prepared. */
export function doubt(replication: Replication, slot: SlotLog, now: Now): void {
  for (let prepared = slot.first; prepared !== undefined; prepared = prepared.nextInSlot)
    replication.outcomes?.inDoubt(prepared, now)
}

function holdsSome({ sequence, installing }: SlotLog): boolean {
  return sequence > 0 || installing !== undefined
}

function discardUnneeded(replication: Replication, slots: readonly SlotLog[]): void {
  const { view, self } = replication
  // This node is here, though the view may not know it yet: who comes back is not to be one too many in the old view.
  const isHere = ({ standing, storageId }: ViewMember) =>
    standing === "up" || (standing === "down" && storageId === self?.storageId)
  const up = view.members.filter(isHere).length
  const wanted = Math.min(view.settings.replicationFactor, up)
  for (const slot of replication.slots) {
    // The view without this replica is decided: what it holds is of no use, not even to catch up from.
    if (slot.isDamaged && (slot.role === "none" || slot.role === "learner")) replication.discard(slot)
  }
  for (const slot of slots) {
    if (slot.role !== "none" || !holdsSome(slot)) continue
    const { inSync, learners } = view.slots[slot.slot] as SlotAssignment
    if (inSync.length >= wanted && learners.length === 0) replication.discard(slot)
  }
}
