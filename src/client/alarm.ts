/** One timer for all that has to be done at some time: it goes off at the earliest of them. */
import type { ClientRuntime } from "./runtime.ts"

export class Alarm {
  private readonly runtime: ClientRuntime
  private readonly wake: (lateMs: number) => void
  private takeBack: (() => void) | undefined
  private atMs = Infinity
  private stopped = false

  constructor(runtime: ClientRuntime, wake: (lateMs: number) => void) {
    this.runtime = runtime
    this.wake = wake
  }

  /** Sees to it that it goes off by then. */
  by(atMs: number): void {
    if (atMs >= this.atMs || this.stopped) return
    this.takeBack?.()
    this.atMs = atMs
    this.takeBack = this.runtime.timer(Math.max(0, atMs - this.runtime.monotonicMs()), this.ring)
  }

  /** It never goes off again. */
  stop(): void {
    this.stopped = true
    this.takeBack?.()
    this.takeBack = undefined
  }

  private readonly ring = (): void => {
    const lateMs = this.runtime.monotonicMs() - this.atMs
    this.takeBack = undefined
    this.atMs = Infinity
    this.wake(lateMs)
  }
}
