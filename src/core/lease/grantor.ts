/**
 * The voter's side of leases. A voter that granted a lease reckons with it until 1.1 L after the grant, and does not accept
 * a view that takes a primary place from its holder before then. Majorities meet: whoever serves has grants from a majority,
 * and a view that demotes it has acceptances from a majority, so one voter at least did both, in this order or that:
 *
 * - granted, then accepted: it waited in between, so the lease was over;
 * - accepted, then granted: it does not. While the proposal that it accepted last demotes a node, that node gets nothing
 *   from it in this epoch. That is derived from the acceptor's record, which is on disk, so a restart does not forget it.
 *
 * Grants themselves are not on disk. After a restart a voter acts as if it had just granted every member a lease, and so it
 * does where others may have granted what it does not know of: on a view with other voters, and when it skipped a view.
 *
 * A refusal delays only: for 2.2 L after it no more is granted to the node in this epoch, so the proposal can come
 * again and meet no new lease; and no longer, so that a node is not starved by a proposal that was given up.
 *
 * All instants are ends: "until".
 */
import type { StorageId } from "../view/view.ts"
import { reckonMs, refusalMs } from "./limits.ts"

export interface GrantorState {
  /** Every member may hold a lease until then. */
  allUntilMs: number
  /** This one may until then. */
  grantedUntilMs: Map<StorageId, number>
  /** This one gets none until then. */
  refusedUntilMs: Map<StorageId, number>
  /** Those whom the proposal accepted last demotes without their release. */
  withheld: readonly StorageId[]
}

export class Grantor {
  readonly state: GrantorState

  constructor(state: GrantorState) {
    this.state = state
  }

  /** A voter that has just started. */
  static started(nowMs: number, leaseMs: number): Grantor {
    return new Grantor({
      allUntilMs: nowMs + reckonMs(leaseMs),
      grantedUntilMs: new Map(),
      refusedUntilMs: new Map(),
      withheld: [],
    })
  }

  /** @returns whether it granted */
  grant(holder: StorageId, nowMs: number, leaseMs: number): boolean {
    if (this.state.withheld.includes(holder)) return false
    if (nowMs < (this.state.refusedUntilMs.get(holder) ?? nowMs)) return false
    this.state.grantedUntilMs.set(holder, nowMs + reckonMs(leaseMs))
    return true
  }

  /** @returns whether a lease that it must reckon with may still run */
  owes(holder: StorageId, nowMs: number): boolean {
    return nowMs < this.state.allUntilMs || nowMs < (this.state.grantedUntilMs.get(holder) ?? nowMs)
  }

  refuse(holder: StorageId, nowMs: number, leaseMs: number): void {
    this.state.refusedUntilMs.set(holder, nowMs + refusalMs(leaseMs))
  }

  /** What was accepted now counts; what was accepted before no longer does. */
  withhold(demoted: readonly StorageId[]): void {
    this.state.withheld = demoted
  }

  /** A new epoch: refusals and withholding end with the old one, grants do not. */
  enterEpoch(reckonWithAll: boolean, nowMs: number, leaseMs: number): void {
    this.state.refusedUntilMs.clear()
    this.state.withheld = []
    for (const [holder, until] of this.state.grantedUntilMs) {
      if (until <= nowMs) this.state.grantedUntilMs.delete(holder)
    }
    if (reckonWithAll) this.state.allUntilMs = Math.max(this.state.allUntilMs, nowMs + reckonMs(leaseMs))
  }
}
