/**
 * The primary of a slot: sends each record to all replicas in parallel, and commits what all that are needed hold.
 *
 * *Who is needed*: this node's own log, every replica that the view has in sync, and each learner that this node has
 * certified in the present epoch: for once the certificate is out, the next view may count the learner as in sync without
 * asking again. Whom a view removes is needed until that view is *here*: what is proposed may come to nothing.
 *
 * *What counts* is an acknowledgement in the present slot epoch: whoever gave it has matched its log to this one's. A
 * replica that has entered a newer slot epoch gives none, so a deposed primary commits nothing: its successor is among
 * those whose acknowledgement it needs.
 *
 * *Takeover.* What the predecessor may have acknowledged is in this log, because this node was in sync; but which part of
 * the tail that is, it cannot know. So it commits all of the tail under its own slot epoch before it serves or certifies
 * anything.
 *
 * *The certificate* says: this learner holds all that is committed. It must hold as well what this node wrote down as
 * committing by itself alone (`soloSequence`), or a restart would take for committed what the learner lacks. And it must
 * have said so in the present epoch: between two views it may have lost its place, and with it its data.
 */
import type { RecordView } from "../entry/record.ts"
import { probeMs, tailFromNothingMax } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import type { Appended, DataMessage, ReplicaState } from "../node/data-message.ts"
import { lastShared } from "./epochs.ts"
import type { Follower } from "./follower.ts"
import type { Peer } from "./peer.ts"
import type { Prepared } from "./prepared.ts"
import type { Replication } from "./replication.ts"
import type { SlotLog } from "./slot-log.ts"

/** @returns up to where all who are needed hold the log */
export function commitPoint(slot: SlotLog): number {
  let point = slot.durableSequence
  for (const follower of slot.followers)
    if (follower.isNeeded && follower.ackedSequence < point) point = follower.ackedSequence
  return point
}

/** What this turn appended goes to those who have all in front of it. */
export function streamFresh(replication: Replication): void {
  const { queue } = replication
  for (let prepared = queue.unsent; prepared !== undefined; prepared = prepared.next) {
    const { slot } = prepared
    if (slot === undefined || prepared.isDone) continue
    for (const follower of slot.followers) {
      if (follower.nextSequence !== prepared.sequence || isCopying(follower)) continue
      if (follower.peer.hasRoom) add(replication, follower, prepared)
      else follower.peer.behind.add(follower)
    }
  }
  queue.unsent = undefined
}

function isCopying(follower: Follower): boolean {
  return follower.needsSnapshot || follower.snapshot !== undefined
}

function add(replication: Replication, follower: Follower, { bytes, offset }: Prepared): void {
  sendRecord(replication, follower, replication.received.at(bytes, offset))
}

/** The follower's next record goes with the append in the making, or with the next. */
export function sendRecord(replication: Replication, follower: Follower, record: RecordView): void {
  const { peer } = follower
  if (!peer.fits(record.length)) replication.sendAppend(peer)
  peer.add(follower, record)
  if (peer.isFull) replication.sendAppend(peer)
}

/** Sends the follower all that it lacks, as far as there is room. */
export function pump(replication: Replication, follower: Follower): void {
  const { slot, peer } = follower
  peer.behind.delete(follower)
  if (isCopying(follower) || follower.nextSequence > slot.sequence) return
  if (follower.nextSequence <= slot.committedSequence) {
    // What is committed is not kept in memory: it is read from the log (`tail.ts`).
    peer.behind.add(follower)
    return
  }
  let prepared = slot.first
  while (prepared !== undefined && prepared.sequence < follower.nextSequence) prepared = prepared.nextInSlot
  for (; prepared !== undefined; prepared = prepared.nextInSlot) {
    if (!peer.hasRoom) {
      if (follower.isLearner) replication.seen("window full during catch-up")
      peer.behind.add(follower)
      return
    }
    add(replication, follower, prepared)
  }
}

/** Asks where the follower's log ends, or whether it still has what it was sent. */
export function probe(follower: Follower, now: Now): void {
  follower.probeAtMs = now.monotonicMs + probeMs
  follower.peer.segmentOf(follower)
}

export function onAppended(
  replication: Replication,
  message: DataMessage,
  appended: Appended,
  now: Now,
): void {
  const peer = replication.peer(message.from.storageId)
  peer.heardAtMs = now.monotonicMs
  peer.arrived(appended.number)
  for (const { slot, slotEpoch, sequence, committedSequence } of appended.acknowledged) {
    const follower = replication.followerOf(message, slot, slotEpoch)
    if (follower === undefined) continue
    follower.committedSequence = Math.max(follower.committedSequence, committedSequence)
    acknowledge(replication, follower, message.epoch, sequence, now)
  }
  for (const state of appended.refused) {
    const follower = replication.followerOf(message, state.slot, state.slotEpoch)
    if (follower !== undefined && appended.number >= follower.rewoundNumber)
      rewind(replication, follower, state, now)
  }
  pumpBehind(replication, peer)
}

/** Those that could not be sent all they lack. */
export function pumpBehind(replication: Replication, peer: Peer): void {
  if (peer.behind.size === 0) return
  // Some come right back.
  const behind = [...peer.behind]
  for (const follower of behind) pump(replication, follower)
}

function acknowledge(
  replication: Replication,
  follower: Follower,
  epoch: number,
  sequence: number,
  now: Now,
): void {
  const { slot } = follower
  follower.ackedEpoch = Math.max(follower.ackedEpoch, epoch)
  if (sequence > follower.ackedSequence) {
    follower.ackedSequence = sequence
    follower.stalledMs = 0
    follower.probeAtMs = now.monotonicMs + probeMs
    if (follower.nextSequence <= sequence) follower.nextSequence = sequence + 1
    if (follower.isNeeded) replication.advance(slot, now)
  }
  certify(replication, follower)
}

export function certify(replication: Replication, follower: Follower): void {
  const { slot } = follower
  if (!follower.isLearner || follower.isCertified || !slot.serving) return
  if (follower.ackedEpoch !== replication.view.epoch) return
  if (follower.ackedSequence < Math.max(slot.committedSequence, slot.soloSequence)) return
  follower.isCertified = true
}

/** The follower's log does not hold what was in front of a segment: goes back to the last entry that both share. */
function rewind(replication: Replication, follower: Follower, state: ReplicaState, now: Now): void {
  const { slot, peer } = follower
  if (isCopying(follower)) return
  follower.rewoundNumber = peer.number
  follower.probeAtMs = now.monotonicMs + probeMs
  if (state.sequence < 0) {
    follower.needsSnapshot = true
    return
  }
  const { epochs, committedSequence, sequence } = state
  const shared = lastShared(slot.epochs, slot.sequence, epochs, committedSequence, sequence)
  if (follower.isLearner && shared === 0 && slot.committedSequence > tailFromNothingMax) {
    follower.needsSnapshot = true
    return
  }
  if (follower.isLearner && shared < slot.committedSequence) replication.seen("tail catch-up")
  follower.nextSequence = shared + 1
  if (follower.nextSequence > slot.sequence) probe(follower, now)
  else pump(replication, follower)
}

/** Tells the peer commit points that have moved since it was told. */
export function tellCommitted(peer: Peer): void {
  const { untold } = peer
  peer.untold = []
  for (const follower of untold) {
    const { slot } = follower
    follower.isUntold = false
    if (!slot.followers.includes(follower)) continue
    peer.segmentOf(follower).commitSequence = slot.committedSequence
  }
  peer.bytesSinceTold = 0
}

/** @param awakeMs since the last tick, as far as this node was awake */
export function tickPrimary(replication: Replication, slot: SlotLog, awakeMs: number, now: Now): void {
  for (const follower of slot.followers) {
    const isOwing = follower.ackedSequence < slot.sequence
    follower.stalledMs = isOwing && !follower.awaitsCopy ? follower.stalledMs + awakeMs : 0
    // It has nothing to tell before it holds something: to ask thousands of learners all the same would keep two nodes busy.
    if (isCopying(follower) || now.monotonicMs < follower.probeAtMs) continue
    const isBehind = isOwing || follower.committedSequence !== slot.committedSequence
    if (isBehind || owesCertificate(replication, follower)) probe(follower, now)
  }
}

/** A learner's word must be of the present epoch. */
function owesCertificate({ view }: Replication, follower: Follower): boolean {
  return follower.isLearner && !follower.isCertified && follower.ackedEpoch !== view.epoch
}
