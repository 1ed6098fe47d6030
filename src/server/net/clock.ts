/** The clocks of a node, read once per turn: the only place where the data path's time comes from. */
import type { Now } from "../../core/lib/clock.ts"

export class Clock implements Now {
  monotonicMs = performance.now()
  wallMs = Date.now()

  read(): this {
    this.monotonicMs = performance.now()
    this.wallMs = Date.now()
    return this
  }
}
