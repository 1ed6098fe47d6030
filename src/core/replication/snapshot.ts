/**
 * Sending a snapshot: where the log does not reach back to what a learner holds, the slot's state goes to it instead, in
 * pieces, and then the log from where the snapshot began.
 *
 * *Why the state may be a mixture.* The pieces are read one after the other while the slot is written to, so they show
 * the entries at different moments, all of them at or after the snapshot's sequence. The log behind that sequence holds
 * effects and not commands: applying it sets every entry that changed meanwhile to what it became, whatever the piece
 * showed. A learner that has applied the log up to the last piece's moment holds the true state, and only then can it
 * hold all that is committed, which is what a certificate says.
 *
 * One piece at a time is under way, and a bounded number of snapshots: a copy must not crowd out the service. Most slots are
 * small and go in one piece, with the results of requests in front of the entries. Slots that only move are read in groups, for
 * which the table has to follow the log once, and sent one after the other, since a newcomer that takes a whole group at once answers
 * nobody meanwhile (`pace.ts`).
 */
import { probeMs, snapshotPieceBytesMax, snapshotsMax } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import type { DataMessage, SnapshotPiece, SnapshotResult, SnapshotTaken } from "../node/data-message.ts"
import { markDamaged } from "./damage.ts"
import type { Follower } from "./follower.ts"
import { pump } from "./primary.ts"
import type { Replication } from "./replication.ts"
import type { SlotLog } from "./slot-log.ts"
import type { SlotPiece } from "./transfer.ts"

/** A snapshot that is being sent. */
export interface Sending {
  readonly lastEpoch: number
  readonly sequence: number
  readonly slotClockMs: number
  index: number
  /** Entries in pieces that were told as taken. */
  entriesTaken: number
  /** Results that are still to be sent, the last first. */
  readonly results: SnapshotResult[]
  /** Those that go in front of the entries that are being read. */
  resultsInFront: readonly SnapshotResult[]
  /** The alias behind which the next piece begins. */
  after: Uint8Array | undefined
  /** Being read from storage. */
  token: number
  /** On its way; sent again if nothing is heard of it. */
  piece: SnapshotPiece | undefined
  /** The piece waits until the pace lets it be sent. */
  isHeld: boolean
  resendAtMs: number
}

/** A result without its content, bytes: for bounding pieces. */
const resultBytes = 64
/** What a piece may take until it is sent again: some disks are slow. */
const resendAfterMs = 5 * probeMs

/**
 * Begins those that wait, as far as there is room: at each tick, and where one has ended, since most slots are small and
 * a copy of thousands of them would else go by the clock.
 */
export function startSnapshots(replication: Replication, now: Now): void {
  if (replication.sendings.size > snapshotsMax / 2) return // Looking at all that are led is worth it for several.
  for (const slot of replication.led) {
    if (replication.sendings.size >= snapshotsMax) return
    startOf(replication, slot, now)
  }
}

function startOf(replication: Replication, slot: SlotLog, now: Now): void {
  for (const follower of slot.followers) {
    if (replication.sendings.size >= snapshotsMax) return
    if (!follower.isLearner || !follower.needsSnapshot) continue
    if (isMove(replication, slot)) {
      if (!replication.pace.mayBegin) continue
      replication.pace.begin()
    }
    start(replication, follower, now)
  }
}

/** Whether the slot has all its replicas without the learner. */
function isMove({ view }: Replication, { slot }: SlotLog): boolean {
  return (view.slots[slot]?.inSync.length ?? 0) >= view.settings.replicationFactor
}

function start(replication: Replication, follower: Follower, now: Now): void {
  if (follower.snapshot !== undefined) return
  const { slot } = follower
  follower.needsSnapshot = false
  follower.snapshot = {
    lastEpoch: Math.max(0, slot.epochs.at(slot.committedSequence)),
    sequence: slot.committedSequence,
    slotClockMs: slot.clockMs,
    index: 0,
    entriesTaken: 0,
    results: resultsOf(replication, slot.slot),
    resultsInFront: [],
    after: undefined,
    token: 0,
    piece: undefined,
    isHeld: false,
    resendAtMs: 0,
  }
  replication.sendings.add(follower)
  replication.seen("snapshot catch-up")
  sendNext(replication, follower, now)
}

/** The floors of all clients, since any of them may come with something old, and the slot's results. */
function resultsOf(replication: Replication, slot: number): SnapshotResult[] {
  const results: SnapshotResult[] = []
  for (const row of replication.clients.values()) {
    const { id: client, floor } = row
    if (floor > 0) results.push({ client, floor, number: 0, code: 0, content: undefined })
    row.forEach(slot, (number, code, content) => results.push({ client, floor, number, code, content }))
  }
  return results.reverse()
}

function sendNext(replication: Replication, follower: Follower, now: Now): void {
  const { slot, snapshot } = follower
  if (snapshot === undefined) return
  const results = takeResults(snapshot)
  if (snapshot.results.length > 0) return sendResults(replication, follower, snapshot, results, now)
  snapshot.resultsInFront = results
  snapshot.token = replication.takeToken()
  replication.host?.readSlot(snapshot.token, slot.slot, snapshot.after, snapshotPieceBytesMax)
}

/** As many as one piece holds; a longer one goes alone. */
function takeResults({ results }: Sending): SnapshotResult[] {
  const taken: SnapshotResult[] = []
  let bytes = 0
  for (let next = results.at(-1); next !== undefined; next = results.at(-1)) {
    bytes += resultBytes + (next.content?.length ?? 0)
    if (bytes > snapshotPieceBytesMax && taken.length > 0) break
    taken.push(next)
    results.pop()
  }
  return taken
}

/** Without entries. */
function sendResults(
  replication: Replication,
  follower: Follower,
  snapshot: Sending,
  results: readonly SnapshotResult[],
  now: Now,
): void {
  send(replication, follower, snapshot, { entries: [], next: undefined }, results, false, now)
}

/** Entries were read. */
export function onSlotPiece(
  replication: Replication,
  token: number,
  piece: SlotPiece | undefined,
  now: Now,
): void {
  const follower = [...replication.sendings].find((each) => each.snapshot?.token === token)
  const snapshot = follower?.snapshot
  if (follower === undefined || snapshot === undefined) return
  snapshot.token = 0
  if (piece === undefined) {
    stopSending(replication, follower)
    markDamaged(replication, follower.slot, "it cannot be read to be copied")
    return
  }
  const { resultsInFront } = snapshot
  // A frame holds the longest entry, or the longest result, and not both: then the entries are read once more.
  if (resultsInFront.length > 0 && bytesOf(piece, resultsInFront) > 2 * snapshotPieceBytesMax)
    return sendResults(replication, follower, snapshot, resultsInFront, now)
  snapshot.after = piece.next
  send(replication, follower, snapshot, piece, resultsInFront, piece.next === undefined, now)
}

function bytesOf({ entries }: SlotPiece, results: readonly SnapshotResult[]): number {
  const ofEntries = entries.reduce((sum, { alias, content }) => sum + alias.length + content.length, 0)
  return results.reduce((sum, { content }) => sum + resultBytes + (content?.length ?? 0), ofEntries)
}

function send(
  replication: Replication,
  follower: Follower,
  snapshot: Sending,
  { entries }: SlotPiece,
  results: readonly SnapshotResult[],
  isLast: boolean,
  now: Now,
): void {
  const { slot, slotEpoch } = follower.slot
  const { lastEpoch, sequence, slotClockMs, index } = snapshot
  snapshot.piece = {
    kind: "piece",
    slot,
    slotEpoch,
    lastEpoch,
    sequence,
    slotClockMs,
    index,
    isLast,
    entries,
    results,
  }
  snapshot.resendAtMs = now.monotonicMs + resendAfterMs
  snapshot.isHeld = index === 0 && isMove(replication, follower.slot)
  if (!snapshot.isHeld) replication.send(follower.peer, snapshot.piece)
}

export function onTaken(
  replication: Replication,
  message: DataMessage,
  taken: SnapshotTaken,
  now: Now,
): void {
  const follower = replication.followerOf(message, taken.slot, taken.slotEpoch)
  const snapshot = follower?.snapshot
  if (follower === undefined || snapshot?.piece === undefined) return
  if (snapshot.sequence !== taken.sequence || snapshot.lastEpoch !== taken.lastEpoch) return
  if (taken.index < 0 && snapshot.index > 0) {
    // It has lost what it had.
    stopSending(replication, follower)
    follower.needsSnapshot = true
    return
  }
  if (taken.index !== snapshot.index) return
  follower.stalledMs = 0
  const { isLast, entries } = snapshot.piece
  snapshot.entriesTaken += entries.length
  snapshot.piece = undefined
  snapshot.index++
  if (!isLast) {
    sendNext(replication, follower, now)
    return
  }
  stopSending(replication, follower)
  follower.nextSequence = snapshot.sequence + 1
  pump(replication, follower)
  // Slots that only move begin in groups, at ticks: to look at all slots after each would find nothing.
  if (!isMove(replication, follower.slot)) startSnapshots(replication, now)
}

export function stopSending(replication: Replication, follower: Follower): void {
  follower.snapshot = undefined
  replication.sendings.delete(follower)
}

/** At each tick: sends what waited for its turn, the first to begin first, and again what nothing was heard of. */
export function sendPieces(replication: Replication, now: Now): void {
  let turns = replication.pace.sentPerTick
  for (const follower of replication.sendings) {
    const { snapshot, slot } = follower
    if (snapshot?.piece === undefined) continue
    if (snapshot.isHeld) {
      if (isMove(replication, slot) && turns-- <= 0) continue
    } else if (now.monotonicMs < snapshot.resendAtMs) continue
    snapshot.isHeld = false
    snapshot.resendAtMs = now.monotonicMs + resendAfterMs
    snapshot.piece = { ...snapshot.piece, slotEpoch: slot.slotEpoch }
    replication.send(follower.peer, snapshot.piece)
  }
}
