/**
 * One machine's clocks, as functions of the simulation's real time. The monotonic clock runs at a rate near one and stands
 * still while the machine is suspended; the wall clock goes on, and may jump. Both start anywhere.
 *
 * Rates lie between 1/√1.1 and √1.1, so that no two machines differ by more than the 10 % which the protocol allows.
 */
import type { Now } from "../../src/core/lib/clock.ts"

export const rateMax = Math.sqrt(1.1)
export const rateMin = 1 / rateMax

export class MachineClock {
  private rate: number
  private sinceMs = 0
  private monotonicMs: number
  private wallOffsetMs: number
  private suspended = false

  constructor(rate: number, monotonicMs: number, wallOffsetMs: number) {
    this.rate = rate
    this.monotonicMs = monotonicMs
    this.wallOffsetMs = wallOffsetMs
  }

  read(realMs: number): Now {
    return { monotonicMs: this.monotonicAt(realMs), wallMs: realMs + this.wallOffsetMs }
  }

  monotonicAt(realMs: number): number {
    return this.suspended ? this.monotonicMs : this.monotonicMs + (realMs - this.sinceMs) * this.rate
  }

  /** How long `durationMs` of the monotonic clock takes in real time, at the present rate. */
  realDuration(durationMs: number): number {
    return durationMs / this.rate
  }

  setRate(rate: number, realMs: number): void {
    if (rate < rateMin - 1e-9 || rate > rateMax + 1e-9) throw new Error("a clock's rate lies in the margin")
    this.settle(realMs)
    this.rate = rate
  }

  suspend(realMs: number): void {
    this.settle(realMs)
    this.suspended = true
  }

  resume(realMs: number): void {
    this.settle(realMs)
    this.suspended = false
  }

  jumpWall(byMs: number): void {
    this.wallOffsetMs += byMs
  }

  /** A machine that boots anew counts its monotonic clock from anywhere. */
  reboot(realMs: number, monotonicMs: number): void {
    this.sinceMs = realMs
    this.monotonicMs = monotonicMs
    this.suspended = false
  }

  private settle(realMs: number): void {
    this.monotonicMs = this.monotonicAt(realMs)
    this.sinceMs = realMs
  }
}
