/**
 * How late the event loop runs its timers: the time for which nothing else was served. Sampled, so that it costs nothing
 * per operation.
 */
import { Histogram } from "../../core/lib/histogram.ts"

const sampleMs = 20

export class LoopLag {
  readonly histogram = new Histogram()
  private timer: ReturnType<typeof setInterval> | undefined

  start(): void {
    let expectedMs = performance.now() + sampleMs
    this.timer = setInterval(() => {
      const now = performance.now()
      this.histogram.record(Math.max(0, now - expectedMs) * 1000)
      expectedMs = now + sampleMs
    }, sampleMs)
  }

  stop(): void {
    clearInterval(this.timer)
  }
}
