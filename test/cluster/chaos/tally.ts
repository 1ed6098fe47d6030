/** What users met, in numbers: how many answers in each second, how long they took, which errors. */
import type { QdbError } from "../../../src/client/error.ts"

export class Tally {
  answers = 0
  latencyMsMax = 0
  readonly errors = new Map<string, number>()
  /** Requests that were answered later than their deadline allows. */
  late = 0
  private readonly deadlineMs: number
  private readonly bySecond: number[] = []
  private readonly startedMs = performance.now()

  /** @param deadlineMs what a request may take, and a second for a busy machine to say so */
  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs
  }

  get second(): number {
    return Math.floor((performance.now() - this.startedMs) / 1000)
  }

  /** @param ms from the call to the answer */
  answered(ms: number): void {
    this.answers++
    const { second } = this
    this.bySecond[second] = (this.bySecond[second] ?? 0) + 1
    this.ended(ms)
  }

  failed(error: QdbError, ms: number): void {
    this.errors.set(error.name, (this.errors.get(error.name) ?? 0) + 1)
    this.ended(ms)
  }

  private ended(ms: number): void {
    if (ms > this.latencyMsMax) this.latencyMsMax = ms
    if (ms > this.deadlineMs) this.late++
  }

  /** @returns answers per second, on average over the whole seconds for which `counts` is true */
  rate(counts: (second: number) => boolean): { readonly perSecond: number; readonly seconds: number } {
    let sum = 0
    let seconds = 0
    for (let second = 0; second < this.second; second++) {
      if (!counts(second)) continue
      sum += this.bySecond[second] ?? 0
      seconds++
    }
    return { perSecond: seconds === 0 ? 0 : sum / seconds, seconds }
  }
}
