/**
 * One address that the client may be connected to: its session, if there is one, what waits for room on it, and how
 * dialling it went. Requests wait here only while the session is open; otherwise they belong to the machine.
 */
import { retryDelayMs } from "./backoff.ts"
import type { Address } from "./address.ts"
import { type Pending, pendingState } from "./pending.ts"
import { Queue } from "./queue.ts"
import type { Prng } from "../core/lib/prng.ts"
import type { NodeIdentity } from "../wire/hello.ts"
import type { Session } from "./session.ts"

export class Lane {
  readonly address: Address
  session: Session | undefined
  /** Who said hello here the last time. */
  nodeId: string | undefined
  storageId: string | undefined
  /** Requests that have been sent before, elsewhere or here: they go first. */
  readonly again = new Queue<Pending>()
  readonly fresh = new Queue<Pending>()
  /** When a request was last put here. */
  usedMs = 0
  /** Not to be dialled before, unless there is nothing else. */
  restUntilMs = 0
  private failures = 0

  constructor(address: Address) {
    this.address = address
  }

  get isOpen(): boolean {
    return this.session?.state === "open"
  }

  /** Nothing is on it or waits for it. */
  get isIdle(): boolean {
    return this.again.length === 0 && this.fresh.length === 0 && this.session?.isIdle !== false
  }

  put(request: Pending, nowMs: number): void {
    this.usedMs = nowMs
    if (request.wasSent) this.again.push(request)
    else this.fresh.push(request)
  }

  opened(node: NodeIdentity | null): void {
    this.nodeId = node?.nodeId
    this.storageId = node?.storageId
    this.failures = 0
  }

  /** Drops what has ended. */
  clean(): void {
    this.again.keep((r) => r.state !== pendingState.settled)
    this.fresh.keep((r) => r.state !== pendingState.settled)
  }

  /** All that is on it or waits for it. */
  *requests(): IterableIterator<Pending> {
    yield* this.session?.sentRequests() ?? []
    yield* this.again
    yield* this.fresh
  }

  /** The session is gone. @returns all requests that were on it or waited for it, those that were sent first */
  lost(session: Session, nowMs: number, prng: Prng): Pending[] {
    this.session = undefined
    this.restUntilMs = nowMs + retryDelayMs(++this.failures, prng)
    const requests = [...session.takeRequests(), ...this.again, ...this.fresh]
    this.again.clear()
    this.fresh.clear()
    return requests
  }
}
