/**
 * Where each alias is served, as the newest topology says that the client has: a pure table, which the simulated clients
 * use as the real ones do.
 *
 * A table that is out of date is slow and never wrong: a node forwards what another one serves. So nothing here expires;
 * a newer epoch replaces the table, and an older or equal one is ignored, whichever node told it.
 */
import { type Digest, slotOfDigest } from "../core/ring/slot.ts"
import type { NodeReference, NodeTopology } from "../wire/status.ts"

/** What is not known to be served by any member. */
export const nobody = -1

export class Routes {
  /** 0 while nothing is known. */
  epoch = 0
  /** In the order of the ring. */
  members: readonly NodeReference[] = []
  private primaries: readonly number[] = []
  private readonly digest: Digest

  /** @param digest SHA3-256 */
  constructor(digest: Digest) {
    this.digest = digest
  }

  /** @returns whether it was news */
  learn(topology: NodeTopology): boolean {
    if (topology.epoch <= this.epoch) return false
    this.epoch = topology.epoch
    this.members = topology.members
    this.primaries = topology.primaries
    return true
  }

  /** @returns the slot of an alias; 0 while nothing is known */
  slotOf(alias: Uint8Array): number {
    const { length } = this.primaries
    // Where there is nothing to choose the digest is not worth its microsecond.
    return length === 0 || this.members.length === 1 ? 0 : slotOfDigest(this.digest(alias), length)
  }

  /** @returns the index in `members` of the one that serves the slot, or `nobody` */
  memberOf(slot: number): number {
    return this.primaries[slot] ?? nobody
  }
}
