/**
 * Sending the log behind what a learner holds. What is committed is no longer in memory, so it is read from the log on
 * disk: one piece at a time per peer, and none while too much is on its way to it. Only committed records are taken from
 * there: what is prepared comes from memory, which knows what has been cut since.
 */
import { recordHeaderBytes } from "../entry/record.ts"
import { tailBytesMax } from "../lib/limits.ts"
import type { Follower } from "./follower.ts"
import type { Peer } from "./peer.ts"
import { pump, sendRecord } from "./primary.ts"
import type { Replication } from "./replication.ts"
import type { TailPiece } from "./transfer.ts"

/** What is read for a peer: for whom, and in which slot epochs. */
export interface TailReading {
  readonly peer: Peer
  readonly followers: ReadonlyMap<number, Follower>
}

export function readTail(replication: Replication, peer: Peer): void {
  if (peer.isReading || !peer.hasRoom || replication.host === undefined) return
  const followers = new Map<number, Follower>()
  for (const follower of peer.behind) {
    const { slot } = follower
    if (follower.nextSequence <= slot.committedSequence) followers.set(slot.slot, follower)
  }
  if (followers.size === 0) return
  peer.isReading = true
  const token = replication.takeToken()
  replication.tails.set(token, { peer, followers })
  const wanted = [...followers.values()].map((follower) => ({
    slot: follower.slot.slot,
    afterSequence: follower.nextSequence - 1,
  }))
  replication.host.readTail(token, wanted, tailBytesMax)
}

export function onTailPiece(replication: Replication, token: number, piece: TailPiece | undefined): void {
  const reading = replication.tails.get(token)
  replication.tails.delete(token)
  if (reading === undefined) return
  const { peer, followers } = reading
  peer.isReading = false
  // Without a log there is the snapshot.
  const missing = new Set(piece === undefined ? followers.keys() : piece.missing)
  for (const slot of missing) {
    const follower = followers.get(slot)
    if (follower === undefined || !isCurrent(follower)) continue
    peer.behind.delete(follower)
    follower.needsSnapshot = true
  }
  if (piece !== undefined) sendTail(replication, followers, piece)
  for (const follower of followers.values()) if (isCurrent(follower)) pump(replication, follower)
}

function isCurrent(follower: Follower): boolean {
  return follower.slot.followers.includes(follower)
}

function sendTail(
  replication: Replication,
  followers: ReadonlyMap<number, Follower>,
  { records: bytes, more }: TailPiece,
): void {
  const { received } = replication
  const before = new Map([...followers.values()].map((follower) => [follower, follower.nextSequence]))
  let at = 0
  while (at + recordHeaderBytes <= bytes.length) {
    const { length, slot, sequence } = received.at(bytes, at)
    const follower = followers.get(slot)
    if (follower?.nextSequence === sequence && isCurrent(follower) && follower.snapshot === undefined) {
      if (sequence <= follower.slot.committedSequence) sendRecord(replication, follower, received)
    }
    at += length
  }
  // A log that ends in front of what is committed is of no use either.
  for (const [follower, nextSequence] of before)
    if (!more && follower.nextSequence === nextSequence) follower.needsSnapshot = true
}
