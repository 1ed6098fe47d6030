/** The requests of a client that are on no connection: to be sent, to be sent again, or pausing before that. */
import type { Prng } from "../core/lib/prng.ts"
import { retryDelayMs } from "./backoff.ts"
import { type Pending, pendingState } from "./pending.ts"
import { Queue } from "./queue.ts"

export class Backlog {
  /** Requests whose connection was lost, or that were refused: they go first. */
  private readonly again = new Queue<Pending>()
  private readonly fresh = new Queue<Pending>()
  private delayed: Pending[] = []

  /** Nothing is to be sent now. */
  get isEmpty(): boolean {
    return this.again.length === 0 && this.fresh.length === 0
  }

  add(request: Pending): void {
    this.fresh.push(request)
  }

  addAgain(request: Pending): void {
    request.state = pendingState.waiting
    this.again.push(request)
  }

  /** @returns when its pause is over */
  delay(request: Pending, nowMs: number, prng: Prng): number {
    request.state = pendingState.delayed
    request.notBeforeMs = nowMs + retryDelayMs(request.refusals, prng)
    this.delayed.push(request)
    return request.notBeforeMs
  }

  /** @returns the next one to be sent, in order, and takes it out */
  next(): Pending | undefined {
    for (const queue of [this.again, this.fresh]) {
      for (let request = queue.shift(); request !== undefined; request = queue.shift()) {
        if (request.state !== pendingState.settled) return request
      }
    }
    return undefined
  }

  /** Ends the pauses that are over. @returns when the next one is */
  wake(nowMs: number): number {
    let nextMs = Infinity
    if (this.delayed.length === 0) return nextMs
    const still: Pending[] = []
    for (const request of this.delayed) {
      if (request.state !== pendingState.delayed) continue
      if (request.notBeforeMs <= nowMs) this.addAgain(request)
      else {
        still.push(request)
        nextMs = Math.min(nextMs, request.notBeforeMs)
      }
    }
    this.delayed = still
    return nextMs
  }

  /** Drops those that have ended. */
  clean(): void {
    this.again.keep(isOpen)
    this.fresh.keep(isOpen)
    this.delayed = this.delayed.filter(isOpen)
  }

  *[Symbol.iterator](): IterableIterator<Pending> {
    yield* this.again
    yield* this.fresh
    yield* this.delayed
  }
}

const isOpen = (request: Pending) => request.state !== pendingState.settled
