/**
 * A replica of a slot under the primary of its slot epoch: takes records, says how far it has come, applies what is
 * committed.
 *
 * *Matching.* A replica may hold entries that the primary does not: an earlier primary sent them and nobody acknowledged
 * them all. And it may hold entries that were acknowledged and that it does not know as committed. So it never cuts to a
 * point that somebody names (its last commit, the start of an epoch), but entry by entry: what the primary sends and is
 * there already, of the same slot epoch, stays where it is; the first entry that differs cuts the log in front of it. Up
 * to `matchedSequence` its log is then the primary's, and only that is acknowledged. Entries behind it are neither
 * acknowledged nor cut before the primary's next record says which of the two they deserve.
 *
 * *Late messages.* In one slot epoch a primary only adds to its log. So what lies at or below `matchedSequence` and comes
 * again is the same again, and is skipped; a late append cuts nothing.
 *
 * *Fencing.* A segment of another slot epoch than the view's is not for this log: an older one is of a deposed primary, and
 * for a newer one the view has to be here, on disk, first.
 */
import { type RecordView, recordHeaderBytes, recordKind } from "../entry/record.ts"
import { assert } from "../lib/assert.ts"
import type { Now } from "../lib/clock.ts"
import { unknownEpoch } from "../lib/limits.ts"
import type { Append, DataMessage, Segment } from "../node/data-message.ts"
import { memberOf } from "../view/view.ts"
import type { Peer } from "./peer.ts"
import type { Replication } from "./replication.ts"
import type { SlotLog } from "./slot-log.ts"

/** @returns the slot, where the sender is its primary in this node's own view and this node has a place in it */
export function slotFrom(
  replication: Replication,
  message: DataMessage,
  slot: number,
  slotEpoch: number,
): SlotLog | undefined {
  return isCurrent(replication, message) ? slotOf(replication, message, slot, slotEpoch) : undefined
}

/** Whether the sender is the process that this node's own view names. */
function isCurrent({ view }: Replication, { from }: DataMessage): boolean {
  return memberOf(view, from.storageId)?.boot === from.boot
}

function slotOf(
  replication: Replication,
  { from: { storageId } }: DataMessage,
  slot: number,
  slotEpoch: number,
): SlotLog | undefined {
  const log = replication.slots[slot]
  if (log === undefined || log.slotEpoch !== slotEpoch) return undefined
  if (log.role !== "backup" && log.role !== "learner") return undefined
  if (log.primary !== storageId) return undefined
  return log
}

export function onAppend(replication: Replication, message: DataMessage, append: Append, now: Now): void {
  const peer = replication.peer(message.from.storageId)
  peer.receivedNumber = Math.max(peer.receivedNumber, append.number)
  if (!isCurrent(replication, message)) {
    peer.owesReply = true
    return
  }
  const accepted: SlotLog[] = []
  const serial = ++replication.appendSerial
  for (const segment of append.segments) {
    const slot = slotOf(replication, message, segment.slot, segment.slotEpoch)
    if (slot === undefined) continue
    if (!fits(replication, slot, segment)) {
      refuse(peer, slot)
      continue
    }
    slot.accepting = serial
    slot.toldSequence = Math.max(slot.toldSequence, segment.commitSequence)
    accepted.push(slot)
  }
  takeRecords(replication, append.records, serial, peer, now)
  for (const slot of accepted) {
    // What it has just taken it acknowledges when that is durable (`advanceTouched`), and tells by it that the append has come.
    if (slot.durableSequence >= slot.matchedSequence) peer.acknowledge(slot)
    replication.advance(slot, now)
  }
  if (accepted.length === 0) peer.owesReply = true
}

/** Whether the log holds what stands in front of the segment; it is matched up to there then. */
function fits(replication: Replication, slot: SlotLog, segment: Segment): boolean {
  const { previousSequence, previousEpoch } = segment
  if (slot.isIncomplete || previousSequence > slot.sequence) return false
  const own = slot.epochAt(previousSequence)
  if (previousSequence <= slot.matchedSequence) {
    if (own === previousEpoch || own === unknownEpoch || previousEpoch === unknownEpoch) return true
    // What was applied here is not what was committed: this copy is worth nothing.
    assert(slot.role === "learner", "a replica in sync has applied only what its primary has")
    replication.discard(slot)
    return false
  }
  if (own !== previousEpoch || own === unknownEpoch) return false
  slot.matchedSequence = previousSequence
  return true
}

function refuse(peer: Peer, slot: SlotLog): void {
  peer.refused.push({
    slot: slot.slot,
    slotEpoch: slot.slotEpoch,
    sequence: slot.sequence,
    committedSequence: slot.isIncomplete ? -1 : slot.committedSequence,
    epochs: slot.isIncomplete ? [] : slot.epochs.behind(slot.committedSequence),
  })
}

function takeRecords(
  replication: Replication,
  bytes: Uint8Array,
  serial: number,
  peer: Peer,
  now: Now,
): void {
  const { received } = replication
  let at = 0
  while (at + recordHeaderBytes <= bytes.length) {
    received.at(bytes, at)
    const { length } = received
    if (length < recordHeaderBytes || (length & 7) !== 0 || at + length > bytes.length) return
    const slot = replication.slots[received.slot]
    if (received.kind === recordKind.entry && slot !== undefined && slot.accepting === serial) {
      if (!takeRecord(replication, slot, received, now)) {
        slot.accepting = 0
        refuse(peer, slot)
      }
    }
    at += length
  }
}

/** @returns false where the record does not follow what is matched */
function takeRecord(replication: Replication, slot: SlotLog, record: RecordView, now: Now): boolean {
  const { sequence, slotEpoch } = record
  if (sequence <= slot.matchedSequence) return true
  if (sequence !== slot.matchedSequence + 1) return false
  if (sequence <= slot.sequence) {
    if (slot.epochAt(sequence) === slotEpoch) {
      slot.matchedSequence = sequence
      return true
    }
    replication.cut(slot, sequence - 1)
  }
  replication.take(slot, record, now)
  slot.matchedSequence = sequence
  return true
}
