/**
 * How many copies of slots that only move this node begins: a slot that has all its replicas loses nothing by waiting, while
 * its copy takes the processor and the disk from those who are served. So they begin in small groups, which share a round
 * of the flusher, and the groups grow as long as the event loop keeps its time, and halve when it does not (additive
 * increase, multiplicative decrease). Where nothing else is to be done that is soon as fast as it can be. Copies that restore
 * the factor wait for nobody.
 */
import { moveGrantsMax, moveGrantsMin, moveLateMsMax, ticksPerMoveGrant } from "../lib/limits.ts"

export class Pace {
  private granted = moveGrantsMin
  private left = moveGrantsMin
  private ticks = 0
  private lateMs = 0

  /** @param lateMs how late the tick came */
  tick(lateMs: number): void {
    this.lateMs = Math.max(this.lateMs, lateMs)
    if (++this.ticks < ticksPerMoveGrant) return
    if (this.lateMs > moveLateMsMax) this.granted = Math.max(moveGrantsMin, Math.floor(this.granted / 2))
    else if (this.left === 0) this.granted = Math.min(moveGrantsMax, this.granted + moveGrantsMin)
    else this.granted = moveGrantsMin // Nobody knows how much more would be too much.
    this.left = this.granted
    this.ticks = 0
    this.lateMs = 0
  }

  get mayBegin(): boolean {
    return this.left > 0
  }

  begin(): void {
    this.left--
  }
}
