/**
 * How long the flusher's thread does nothing for those who are patient. Copies of slots wait for the table by the hundred, each
 * for another place of the log: a round for whoever came meanwhile, and then one more, would take a core for as long as slots
 * are copied. So after each round for somebody who waits comes a rest of some times its length, in which more of them come
 * to share the next. Who is not patient waits for nothing.
 */

/** Times what the round took: no more than a fifth of a core goes to those who are patient. */
const restFactor = 4
export const restMsMax = 1_000

export class Rest {
  private untilMs = 0

  /** A round for those who wait took so long. */
  after(beganMs: number, endMs: number): void {
    this.untilMs = endMs + Math.min(restMsMax, (endMs - beganMs) * restFactor)
  }

  leftMs(nowMs: number): number {
    return Math.max(0, this.untilMs - nowMs)
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.untilMs
  }
}
