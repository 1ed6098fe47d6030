/**
 * The client's state machine: requests in, outcomes out, and in between connections that come and go. It has no socket, no
 * clock and no promise of its own (`runtime.ts`), so a test can lose, delay and reorder everything by a seed.
 *
 * **One connection at a time.** Any node serves any client (it forwards what is another's), so one connection is enough, and
 * losing it concerns all requests alike. When it is lost, the requests on it go to the front of the queue and are sent again
 * *under the same numbers* on the next one, to the same node or another. With one address it pauses between attempts, with
 * more it tries each before it pauses. A client that nobody waits on does not dial: a dead cluster is not called for ever.
 *
 * **A request ends** by its answer, by its deadline, or by its caller; what the caller is then told is decided in
 * `outcome.ts`. Each of these goes through `settle`, exactly once.
 *
 * **One write a turn.** Submitting only queues. At the end of the turn of the event loop everything that fits the window is
 * encoded and sent at once, with the floor as it is then.
 */
import { assert } from "../core/lib/assert.ts"
import {
  clientPendingBytesMax,
  clientPendingMax,
  clientWindowRequestsMax,
  refusalsMax,
} from "../core/lib/limits.ts"
import { code } from "../wire/errors.ts"
import { type Reply, replyKind } from "../wire/reply.ts"
import type { Address } from "./address.ts"
import { AddressBook } from "./address-book.ts"
import { retryDelayMs } from "./backoff.ts"
import { type QdbError, qdbError, unreachable } from "./error.ts"
import { Numbers } from "./numbers.ts"
import { cancelled, closedError, errorOfReply, expired, fullError, inDoubt, judge } from "./outcome.ts"
import { type Pending, pendingState } from "./pending.ts"
import { Queue } from "./queue.ts"
import type { ClientRuntime } from "./runtime.ts"
import { Session, type SessionOwner } from "./session.ts"

export interface MachineOptions {
  readonly addresses: readonly Address[]
  /** 16 random bytes: who numbers the writes. */
  readonly clientId: Uint8Array
  readonly softwareVersion: string
  readonly dialTimeoutMs: number
}

export class Machine implements SessionOwner {
  readonly runtime: ClientRuntime
  readonly clientId: Uint8Array
  readonly softwareVersion: string
  clusterId: string | null = null
  private readonly options: MachineOptions
  private readonly addresses: AddressBook
  /** Called whenever a connection was opened. */
  onOpened: () => void = () => undefined
  /** Called when no more requests are taken. */
  onClosing: () => void = () => undefined
  private readonly numbers = new Numbers()
  private session: Session | undefined
  /** Requests that were on a connection that was lost, or were refused: they go first. */
  private readonly again = new Queue<Pending>()
  private readonly fresh = new Queue<Pending>()
  private delayed: Pending[] = []
  private pendingCount = 0
  private pendingBytes = 0
  private sequence = 0
  /** Requests that have ended while they were in a queue, since the queues were last cleared of such. */
  private endedInQueue = 0
  private dialAtMs = Infinity
  private flushAsked = false
  private takeTimerBack: (() => void) | undefined
  private wakeAtMs = Infinity
  /** No request ends before. */
  private deadlineMs = Infinity
  private closing = false
  private starting: { readonly opened: () => void; readonly failed: (error: QdbError) => void } | undefined
  private roomWaiters: (() => void)[] = []
  private closeWaiters: (() => void)[] = []

  constructor(runtime: ClientRuntime, options: MachineOptions) {
    assert(options.addresses.length > 0, "a client has an address")
    this.runtime = runtime
    this.options = options
    this.addresses = new AddressBook(options.addresses)
    this.clientId = options.clientId
    this.softwareVersion = options.softwareVersion
  }

  /** The node that the client is connected to. */
  get address(): Address | undefined {
    return this.session?.state === "open" ? this.session.address : undefined
  }

  get pendingRequests(): number {
    return this.pendingCount
  }

  /** Connects for the first time: tries each address once, and says how that ended. */
  start(opened: () => void, failed: (error: QdbError) => void): void {
    this.starting = { opened, failed }
    this.dial()
  }

  /** Adds addresses of the same cluster to those that were given. */
  learn(learned: readonly Address[]): void {
    this.addresses.learn(learned)
  }

  /** Takes a request over; it is told its outcome, possibly before this returns. */
  submit(request: Pending): void {
    const refusal = this.closing ? closedError() : this.isFull(request.bytes) ? fullError() : undefined
    if (refusal !== undefined) {
      request.state = pendingState.settled
      return request.fail(refusal)
    }
    request.sequence = this.sequence++
    request.deadlineMs = this.runtime.monotonicMs() + request.timeoutMs
    this.pendingCount++
    this.pendingBytes += request.bytes
    this.fresh.push(request)
    if (request.deadlineMs < this.deadlineMs) {
      this.deadlineMs = request.deadlineMs
      this.wakeBy(request.deadlineMs)
    }
    this.askFlush()
  }

  /** Ends a request for its caller, who waits no more. */
  cancel(request: Pending, reason: unknown): void {
    if (request.state === pendingState.settled) return
    const error = cancelled(request, reason)
    this.settle(request)
    request.fail(error)
  }

  /** Calls `done` when one more request would be taken (at once, if so). */
  whenRoom(done: () => void): void {
    if (this.isFull(0)) this.roomWaiters.push(done)
    else done()
  }

  /** Takes no more requests, and calls `done` when all have ended. */
  close(done: () => void): void {
    this.closing = true
    this.onClosing()
    this.closeWaiters.push(done)
    if (this.pendingCount === 0) this.finishClose()
  }

  /** Ends everything now. */
  abort(reason: unknown): void {
    this.closing = true
    for (const request of this.allRequests()) this.cancel(request, reason)
    this.starting?.failed(qdbError("cancelled", { definite: true, cause: reason }))
    this.starting = undefined
    this.finishClose()
  }

  sessionOpened(session: Session, clusterId: string | null): void {
    assert(session === this.session, "the one session opens")
    this.clusterId ??= clusterId
    this.addresses.opened()
    this.starting?.opened()
    this.starting = undefined
    this.onOpened()
    this.wakeBy(session.tick(this.runtime.monotonicMs(), 0))
    this.askFlush()
  }

  sessionAnswered(session: Session, request: Pending, reply: Reply): void {
    this.addresses.answered()
    if (reply.kind !== replyKind.error) return this.succeed(request, reply)
    const error = errorOfReply(reply)
    const final = judge(request, error)
    if (final !== undefined) {
      this.settle(request)
      return request.fail(final)
    }
    this.delay(request)
    if (this.isWorthLeaving(request, error)) session.close(`it keeps answering ${error.name}`)
  }

  sessionLost(session: Session, reason: string): void {
    assert(session === this.session, "the one session is lost")
    this.session = undefined
    this.addresses.failed(reason, this.runtime.monotonicMs())
    for (const request of session.takeRequests()) this.takeBack(request, reason)
    if (this.starting === undefined) return this.redial()
    if (!this.addresses.isRoundOver) return this.dial()
    this.closing = true
    this.starting.failed(unreachable(this.addresses.failures))
    this.starting = undefined
    this.finishClose()
  }

  private isFull(bytes: number): boolean {
    if (this.pendingCount >= clientPendingMax) return true
    return this.pendingCount > 0 && this.pendingBytes + bytes > clientPendingBytesMax
  }

  private succeed(request: Pending, reply: Reply): void {
    this.settle(request)
    try {
      request.succeed(reply)
    } catch (cause) {
      // The node said that it succeeded, and then something that is no result of this operation.
      const definite = !request.mayHaveHadEffect
      request.fail(
        qdbError("protocol_error", { message: "A reply has another shape than it should.", definite, cause }),
      )
    }
  }

  /** A request whose connection was lost: to be sent again, unless that could do harm. */
  private takeBack(request: Pending, reason: string): void {
    request.state = pendingState.waiting
    if (request.mayHaveHadEffect) {
      request.fateUnknown = true
      request.lastError = qdbError("connection_lost", { message: `The connection was lost: ${reason}.` })
    }
    if (request.onlyOnce) {
      this.settle(request)
      request.fail(inDoubt(request))
    } else this.again.push(request)
  }

  private delay(request: Pending): void {
    request.refusals++
    request.refusalsHere++
    request.state = pendingState.delayed
    request.notBeforeMs = this.runtime.monotonicMs() + retryDelayMs(request.refusals, this.runtime.prng)
    this.delayed.push(request)
    this.wakeBy(request.notBeforeMs)
  }

  /** A node that stops, or refuses one request again and again, may be cut off from the others: another may do better. */
  private isWorthLeaving(request: Pending, error: QdbError): boolean {
    if (this.addresses.isSingle) return false
    if (error.code === code.shutting_down) return true
    if (request.refusalsHere < refusalsMax) return false
    request.refusalsHere = 0
    return true
  }

  /** The one place where a request ends: whoever calls it tells the caller. */
  private settle(request: Pending): void {
    assert(request.state !== pendingState.settled, "a request ends once")
    if (request.state === pendingState.sent) this.session?.forget(request)
    else this.countEnded()
    request.state = pendingState.settled
    request.ended?.()
    if (request.number > 0) this.numbers.answered(request.number)
    this.pendingCount--
    this.pendingBytes -= request.bytes
    if (this.roomWaiters.length > 0 && !this.isFull(0)) {
      const waiters = this.roomWaiters
      this.roomWaiters = []
      for (const waiter of waiters) waiter()
    }
    if (this.closing && this.pendingCount === 0) this.finishClose()
    else if (this.again.length > 0 || this.fresh.length > 0) this.askFlush()
  }

  /** Requests that end in a queue stay there until it comes to them; if it does not, they must not pile up. */
  private countEnded(): void {
    if (++this.endedInQueue <= Math.max(clientWindowRequestsMax, this.pendingCount)) return
    this.endedInQueue = 0
    const open = (request: Pending) => request.state !== pendingState.settled
    this.again.keep(open)
    this.fresh.keep(open)
    this.delayed = this.delayed.filter(open)
  }

  private finishClose(): void {
    this.takeTimerBack?.()
    this.takeTimerBack = undefined
    this.dialAtMs = this.wakeAtMs = Infinity
    this.session?.close()
    this.session = undefined
    const waiters = this.closeWaiters
    this.closeWaiters = []
    for (const waiter of waiters) waiter()
  }

  private dial(): void {
    assert(this.session === undefined, "one connection at a time")
    this.dialAtMs = Infinity
    this.session = new Session(this, this.addresses.present, this.options.dialTimeoutMs)
    this.wakeBy(this.session.tick(this.runtime.monotonicMs(), 0))
  }

  /** Dials when somebody waits: at once, or after a pause where every address failed since anything was answered. */
  private redial(): void {
    if (this.session !== undefined || this.pendingCount === 0 || this.dialAtMs < Infinity) return
    this.dialAtMs = this.addresses.nextDialMs(this.runtime.prng)
    this.wakeBy(this.dialAtMs)
  }

  private askFlush(): void {
    if (this.flushAsked) return
    this.flushAsked = true
    this.runtime.atTurnEnd(this.flush)
  }

  private readonly flush = (): void => {
    this.flushAsked = false
    const { session } = this
    if (session === undefined) return this.redial()
    if (session.state !== "open") return
    const nowMs = this.runtime.monotonicMs()
    // The floor does not change while requests are sent, only when they are answered.
    const { floor } = this.numbers
    while (this.sendNext(session, this.again, floor, nowMs)) continue
    if (this.again.length === 0) while (this.sendNext(session, this.fresh, floor, nowMs)) continue
    session.flush(nowMs)
  }

  /** @returns whether to go on with this queue */
  private sendNext(session: Session, queue: Queue<Pending>, floor: number, nowMs: number): boolean {
    const request = queue.peek()
    if (request === undefined) return false
    if (request.state !== pendingState.settled) {
      if (!session.hasRoomFor(request.bytes)) return false
      if (request.write && request.number === 0) {
        if (!this.numbers.available) return false
        request.number = this.numbers.take()
      }
      session.send(request, floor, nowMs)
    }
    queue.shift()
    return true
  }

  /** Sees to it that `wake` is called by then. */
  private wakeBy(atMs: number): void {
    if (atMs >= this.wakeAtMs) return
    this.takeTimerBack?.()
    this.wakeAtMs = atMs
    this.takeTimerBack = this.runtime.timer(Math.max(0, atMs - this.runtime.monotonicMs()), this.wake)
  }

  private readonly wake = (): void => {
    const nowMs = this.runtime.monotonicMs()
    const late = nowMs - this.wakeAtMs
    this.takeTimerBack = undefined
    this.wakeAtMs = Infinity
    if (nowMs >= this.deadlineMs) this.expire(nowMs)
    this.wakeDelayed(nowMs)
    if (nowMs >= this.dialAtMs) this.dial()
    if (this.session !== undefined) this.wakeBy(this.session.tick(nowMs, late))
    this.wakeBy(this.deadlineMs)
    this.wakeBy(this.dialAtMs)
  }

  private expire(nowMs: number): void {
    this.deadlineMs = Infinity
    for (const request of this.allRequests()) {
      if (request.deadlineMs > nowMs) {
        this.deadlineMs = Math.min(this.deadlineMs, request.deadlineMs)
        continue
      }
      const error = expired(request, this.address === undefined ? this.addresses.failures : [])
      this.settle(request)
      request.fail(error)
    }
  }

  private wakeDelayed(nowMs: number): void {
    if (this.delayed.length === 0) return
    const still: Pending[] = []
    for (const request of this.delayed) {
      if (request.state !== pendingState.delayed) continue
      if (request.notBeforeMs <= nowMs) {
        request.state = pendingState.waiting
        this.again.push(request)
      } else {
        still.push(request)
        this.wakeBy(request.notBeforeMs)
      }
    }
    this.delayed = still
    if (this.again.length > 0) this.askFlush()
  }

  /** All that are not settled, wherever they are; a copy, so that they can be settled on the way. */
  private allRequests(): Pending[] {
    const all = [...this.again, ...this.fresh, ...this.delayed, ...(this.session?.sentRequests() ?? [])]
    return all.filter((r) => r.state !== pendingState.settled)
  }
}
