/**
 * How many copies of slots that only move this node begins: a slot that has all its replicas loses nothing by waiting, while
 * its copy takes the processor and the disk from those who are served. So they begin in small groups, which share a round
 * of the flusher, and the groups grow by one as long as the event loop keeps its time, and halve when it does not (additive
 * increase, multiplicative decrease). How late it may come depends on who is served: copies themselves make it late, which
 * nobody minds where next to nothing is asked for, and everybody where a request waits behind them. So in a cluster that rests
 * groups double, and one that works takes its time. What a group has read is sent slot by slot until the next one may begin, because
 * who takes all at once answers nobody meanwhile. Copies that restore the factor wait for nobody.
 *
 * Only whole copies wait. What a replica missed that was away comes out of the log, is little, and comes at once; a learner that has
 * nothing of much gets no log, however far it reaches back (`rewind` in `primary.ts`).
 */
import type { Now } from "../lib/clock.ts"
import {
  moveGrantsMax,
  moveGrantsMin,
  moveLateMsMax,
  moveLateMsMaxAtRest,
  restingRequestsMax,
  tickMs,
  ticksPerMoveGrant,
} from "../lib/limits.ts"

/**
 * In which period a node is. Clocks of machines are about the same, and so its seat decides in which part of two seconds a node begins its
 * group: a newcomer gets one group after the other instead of all of them at once, and processors that nodes share, too.
 * @param seat of so many
 */
export function periodOf({ wallMs }: Now, seat: number, seats: number): number {
  return Math.floor(wallMs / (ticksPerMoveGrant * tickMs) + seat / seats)
}

export class Pace {
  private granted = moveGrantsMin
  private left = moveGrantsMin
  private period: number | undefined
  private lateMs = 0
  private requests = 0

  /**
   * @param lateMs how late the tick came
   * @param requests taken since the last one
   * @param period in which it is: with each one a group may begin
   */
  tick(lateMs: number, requests: number, period: number): void {
    this.lateMs = Math.max(this.lateMs, lateMs)
    this.requests += requests
    this.period ??= period
    if (period === this.period) return
    const rests = this.requests <= restingRequestsMax
    const lateMsMax = rests ? moveLateMsMaxAtRest : moveLateMsMax
    if (this.lateMs > lateMsMax) this.granted = Math.max(moveGrantsMin, Math.floor(this.granted / 2))
    else if (this.left === 0)
      this.granted = Math.min(moveGrantsMax, this.granted + (rests ? this.granted : 1))
    // Of more than was made use of nobody knows whether it would be too much.
    else this.granted = Math.max(moveGrantsMin, this.granted - this.left)
    this.left = this.granted
    this.period = period
    this.lateMs = 0
    this.requests = 0
  }

  get mayBegin(): boolean {
    return this.left > 0
  }

  begin(): void {
    this.left--
  }

  /** How many of those that have begun may be sent in one tick: a group is read at once, and sent until the next one may begin. */
  get sentPerTick(): number {
    return Math.ceil(this.granted / ticksPerMoveGrant)
  }
}
