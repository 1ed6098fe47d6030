/**
 * The node's side of leases: until when does a majority of the voters let it serve? Each heartbeat carries a number, and
 * its lease is counted from before it was *sent*, so the time that the question and the answer spent on the network only
 * shortens it. Counting from the answer would let a delayed answer outlive what the voter reckons with.
 *
 * A machine that was suspended comes back with a monotonic clock that may have stood still. That shows as a jump between
 * the two clocks, looked for at each check; then all leases, and the heartbeats still under way, count for nothing.
 */
import { heartbeatsInFlightMax } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import { majorityOf, type StorageId } from "../view/view.ts"
import { clockJumpMs } from "./limits.ts"

export interface HolderState {
  nextNumber: number
  /** Per heartbeat under way: when the lease that it asks for would end. */
  askedUntilMs: Map<number, number>
  /** Per voter: when the lease that it granted ends. */
  leaseUntilMs: Map<StorageId, number>
  /** Wall minus monotonic clock at the last look. */
  clockGapMs: number
}

export class Holder {
  readonly state: HolderState

  constructor(state: HolderState) {
    this.state = state
  }

  static started(now: Now): Holder {
    return new Holder({
      nextNumber: 1,
      askedUntilMs: new Map(),
      leaseUntilMs: new Map(),
      clockGapMs: now.wallMs - now.monotonicMs,
    })
  }

  /** @returns the number of a heartbeat that is sent after this call */
  ask(now: Now, leaseMs: number): number {
    const number = this.state.nextNumber++
    this.state.askedUntilMs.set(number, now.monotonicMs + leaseMs)
    for (const oldest of this.state.askedUntilMs.keys()) {
      if (this.state.askedUntilMs.size <= heartbeatsInFlightMax) break
      this.state.askedUntilMs.delete(oldest)
    }
    return number
  }

  onGrant(voter: StorageId, number: number): void {
    const until = this.state.askedUntilMs.get(number)
    if (until === undefined) return
    this.state.leaseUntilMs.set(voter, Math.max(until, this.state.leaseUntilMs.get(voter) ?? until))
  }

  /** @returns the instant at which the leases stop being a majority's; -Infinity where they never were */
  untilMs(voters: readonly StorageId[]): number {
    const { leaseUntilMs } = this.state
    const majority = majorityOf(voters)
    // As many as are a majority last until the end of the one among them that ends first: the latest end that so many reach.
    // Asked several times in every step, so it sorts nothing.
    let latestMs = -Infinity
    for (const voter of voters) {
      const endMs = leaseUntilMs.get(voter)
      if (endMs === undefined || endMs <= latestMs) continue
      let reach = 0
      for (const other of voters) if ((leaseUntilMs.get(other) ?? -Infinity) >= endMs) reach++
      if (reach >= majority) latestMs = endMs
    }
    return latestMs
  }

  /** To be called with clocks read anew before a lease is relied upon. @returns whether the leases were dropped */
  dropIfClockJumped(now: Now): boolean {
    const gap = now.wallMs - now.monotonicMs
    const jumped = Math.abs(gap - this.state.clockGapMs) > clockJumpMs
    this.state.clockGapMs = gap
    if (!jumped) return false
    this.state.leaseUntilMs.clear()
    this.state.askedUntilMs.clear()
    return true
  }

  /** Voters that no longer are need not be remembered. */
  forgetOthers(voters: readonly StorageId[]): void {
    for (const voter of this.state.leaseUntilMs.keys()) {
      if (!voters.includes(voter)) this.state.leaseUntilMs.delete(voter)
    }
  }
}
