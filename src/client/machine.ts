/**
 * The client's state machine: requests in, outcomes out, and in between connections that come and go. It has no socket, no
 * clock and no promise of its own (`runtime.ts`), so a test can lose, delay and reorder everything by a seed.
 *
 * **Where a request goes** is decided anew for each attempt (`lanes.ts`): on the connection to its slot's primary, or on any
 * other one. When a connection is lost, the requests on it go to the front of the queue and are sent again *under the same
 * numbers* elsewhere. A client that nobody waits on does not dial: a dead cluster is not called for ever.
 *
 * **A request ends** by its answer, by its deadline, or by its caller; what the caller is then told is decided in
 * `outcome.ts`. Each of these goes through `settle`, exactly once.
 *
 * **One write a turn.** Submitting only queues. At the end of the turn of the event loop everything that fits the windows is
 * encoded and sent at once, with the floor as it is then.
 */
import { assert } from "../core/lib/assert.ts"
import { clientPingWaitingMs, clientWindowRequestsMax, refusalsMax } from "../core/lib/limits.ts"
import type { Prng } from "../core/lib/prng.ts"
import { sha3 } from "../platform/digest.ts"
import { code } from "../wire/errors.ts"
import type { Hello } from "../wire/hello.ts"
import { type Reply, replyKind } from "../wire/reply.ts"
import type { NodeTopology } from "../wire/status.ts"
import { type Address, addressOrUndefined } from "./address.ts"
import { Alarm } from "./alarm.ts"
import { Backlog } from "./backlog.ts"
import { Bounds } from "./bounds.ts"
import { Dispatcher } from "./dispatcher.ts"
import { type QdbError, qdbError, unreachable } from "./error.ts"
import { Home, type HomeOwner } from "./home.ts"
import type { Lane } from "./lane.ts"
import { Lanes } from "./lanes.ts"
import { Numbers } from "./numbers.ts"
import { cancelled, closedError, errorOfReply, expired, fullError, inDoubt, judge } from "./outcome.ts"
import { type Pending, pendingState } from "./pending.ts"
import { Routes } from "./routes.ts"
import type { ClientRuntime } from "./runtime.ts"
import { Scout, type ScoutOwner } from "./scout.ts"
import { Session, type SessionOwner } from "./session.ts"

export interface MachineOptions {
  readonly addresses: readonly Address[]
  /** 16 random bytes: who numbers the writes. */
  readonly clientId: Uint8Array
  readonly softwareVersion: string
  readonly dialTimeoutMs: number
  /** Whether to learn the topology, to go to primaries, and to other members when a node is lost. */
  readonly learns: boolean
}

/** How well the client knows its way. */
export interface RoutingFigures {
  /** Of the topology; 0: none. */
  readonly epoch: number
  /** Attempts of requests that concern one entry. */
  readonly sent: number
  /** Those that did not go to the primary, as far as it is known: another node has to forward them. */
  readonly astray: number
  /** How often a node said that there is a newer topology: it had to forward something. */
  readonly told: number
}

export class Machine implements SessionOwner, ScoutOwner, HomeOwner {
  readonly runtime: ClientRuntime
  readonly prng: Prng
  readonly clientId: Uint8Array
  readonly softwareVersion: string
  clusterId: string | null = null
  private readonly options: MachineOptions
  private readonly routes = new Routes(sha3)
  private readonly lanes = new Lanes(this.routes)
  private readonly home: Home
  private readonly scout = new Scout(this)
  private readonly numbers = new Numbers()
  private readonly backlog = new Backlog()
  private readonly dispatcher: Dispatcher
  private readonly bounds = new Bounds()
  private readonly alarm: Alarm
  private sequence = 0
  private told = 0
  /** Requests that have ended while they were in a queue, since the queues were last cleared of such. */
  private endedInQueue = 0
  private flushAsked = false
  /** No request ends before. */
  private deadlineMs = Infinity
  private closing = false
  private starting: { readonly opened: () => void; readonly failed: (error: QdbError) => void } | undefined
  private closeWaiters: (() => void)[] = []

  constructor(runtime: ClientRuntime, options: MachineOptions) {
    assert(options.addresses.length > 0, "a client has an address")
    this.runtime = runtime
    this.prng = runtime.prng
    this.options = options
    this.home = new Home(this, this.lanes, options.addresses)
    this.dispatcher = new Dispatcher(this.lanes, this.backlog, this.numbers, (lane) => this.dial(lane))
    this.alarm = new Alarm(runtime, (lateMs) => this.wake(lateMs))
    this.clientId = options.clientId
    this.softwareVersion = options.softwareVersion
  }

  /** The node that requests go to unless there is a better one. */
  get address(): Address | undefined {
    return this.lanes.home?.address
  }

  get epoch(): number {
    return this.routes.epoch
  }

  get hasChoice(): boolean {
    return !this.home.addresses.isSingle
  }

  get figures(): RoutingFigures {
    const { sent, astray } = this.dispatcher
    return { epoch: this.epoch, sent, astray, told: this.told }
  }

  /** Those of the caller: the client's own question is none of them. */
  get pendingRequests(): number {
    return this.bounds.count - (this.scout.isAsking ? 1 : 0)
  }

  get isWanted(): boolean {
    return this.bounds.count > 0
  }

  /** Connects for the first time: tries each address once, and says how that ended. */
  start(opened: () => void, failed: (error: QdbError) => void): void {
    this.starting = { opened, failed }
    this.home.seek()
  }

  /** Takes a request over; it is told its outcome, possibly before this returns. */
  submit(request: Pending): void {
    const refusal = this.closing ? closedError() : this.bounds.isFull(request.bytes) ? fullError() : undefined
    if (refusal === undefined) return this.ask(request)
    request.state = pendingState.settled
    request.fail(refusal)
  }

  /** The same for the client's own questions, which no bound refuses. */
  ask(request: Pending): void {
    request.sequence = this.sequence++
    request.deadlineMs = this.runtime.monotonicMs() + request.timeoutMs
    this.bounds.begun(request)
    this.backlog.add(request)
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
    this.bounds.whenRoom(done)
  }

  /** Takes no more requests, and calls `done` when all have ended. */
  close(done: () => void): void {
    this.closing = true
    this.closeWaiters.push(done)
    const question = this.scout.stop()
    if (question !== undefined) this.cancel(question, "the client is closed")
    if (!this.isWanted) this.finishClose()
  }

  /** Ends everything now. */
  abort(reason: unknown): void {
    this.closing = true
    this.scout.stop()
    for (const request of this.allRequests()) this.cancel(request, reason)
    this.starting?.failed(qdbError("cancelled", { definite: true, cause: reason }))
    this.starting = undefined
    this.finishClose()
  }

  sessionOpened(session: Session, { clusterId, node }: Hello): void {
    const lane = this.laneOf(session)
    const nowMs = this.runtime.monotonicMs()
    this.clusterId ??= clusterId
    lane.opened(node)
    this.lanes.bind()
    this.home.opened(lane)
    this.starting?.opened()
    this.starting = undefined
    this.wakeBy(session.tick(nowMs, 0))
    this.askFlush()
  }

  sessionTold(session: Session, epoch: number): void {
    if (!this.options.learns || epoch <= this.routes.epoch) return
    this.told++
    this.scout.want(this.runtime.monotonicMs(), this.laneOf(session))
  }

  sessionAnswered(session: Session, request: Pending, reply: Reply): void {
    this.home.addresses.answered()
    if (reply.kind !== replyKind.error) return this.succeed(request, reply)
    const error = errorOfReply(reply)
    const final = judge(request, error)
    if (final !== undefined) {
      this.settle(request)
      return request.fail(final)
    }
    const lane = this.laneOf(session)
    const nowMs = this.runtime.monotonicMs()
    request.refusals++
    request.refusalsHere++
    this.wakeBy(this.backlog.delay(request, nowMs, this.prng))
    if (this.options.learns && request.isKeyed) this.scout.want(nowMs, undefined, lane)
    if (lane === this.lanes.home && this.isWorthLeaving(request, error))
      this.home.leave(`it keeps answering ${error.name}`, nowMs)
  }

  sessionLost(session: Session, reason: string): void {
    const lane = this.laneOf(session)
    const nowMs = this.runtime.monotonicMs()
    const requests = lane.lost(session, nowMs, this.prng)
    for (const request of requests) this.takeBack(request, reason)
    const isHomeless = this.home.lost(lane, reason, nowMs)
    if (this.starting !== undefined) return this.tryNext()
    if (isHomeless) this.home.seekWhenWanted()
    if (this.options.learns && this.isWanted) this.scout.want(nowMs, undefined, lane)
    this.askFlush()
  }

  /** The scout's answer. */
  learn(topology: NodeTopology): boolean {
    if (!this.routes.learn(topology)) return false
    this.home.addresses.learn(topology.members.flatMap(({ endpoint }) => addressOrUndefined(endpoint) ?? []))
    this.lanes.bind()
    return true
  }

  anyOpen(except: Lane | undefined): Lane | undefined {
    return this.lanes.anyOpen(except)
  }

  wakeBy(atMs: number): void {
    this.alarm.by(atMs)
  }

  homeFound(lane: Lane): void {
    const nowMs = this.runtime.monotonicMs()
    if (this.options.learns) this.scout.want(nowMs, lane)
    this.scout.wake(nowMs)
    this.askFlush()
  }

  private laneOf(session: Session): Lane {
    const lane = this.lanes.at(session.address)
    assert(lane.session === session, "the session of a lane has events")
    return lane
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
    const wasOnIt = request.state === pendingState.sent
    if (wasOnIt && request.mayHaveHadEffect) {
      request.fateUnknown = true
      request.lastError = qdbError("connection_lost", { message: `The connection was lost: ${reason}.` })
    }
    if (wasOnIt && request.onlyOnce) {
      request.state = pendingState.waiting
      this.settle(request)
      request.fail(inDoubt(request))
    } else if (request.state !== pendingState.settled) this.backlog.addAgain(request)
  }

  /** A node that stops, or refuses one request again and again, may be cut off from the others: another may do better. */
  private isWorthLeaving(request: Pending, error: QdbError): boolean {
    if (!this.hasChoice) return false
    if (error.code === code.shutting_down) return true
    if (request.refusalsHere < refusalsMax) return false
    request.refusalsHere = 0
    return true
  }

  /** The one place where a request ends: whoever calls it tells the caller. */
  private settle(request: Pending): void {
    assert(request.state !== pendingState.settled, "a request ends once")
    if (request.state === pendingState.sent) request.lane?.session?.forget(request)
    else this.countEnded()
    request.state = pendingState.settled
    request.ended?.()
    if (request.number > 0) this.numbers.answered(request.number)
    this.bounds.ended(request)
    if (this.closing && !this.isWanted) this.finishClose()
    else if (this.dispatcher.isBlocked || !this.backlog.isEmpty) this.askFlush()
  }

  /** Requests that end in a queue stay there until it comes to them; if it does not, they must not pile up. */
  private countEnded(): void {
    if (++this.endedInQueue <= Math.max(clientWindowRequestsMax, this.bounds.count)) return
    this.endedInQueue = 0
    this.backlog.clean()
    for (const lane of this.lanes) lane.clean()
  }

  private finishClose(): void {
    this.alarm.stop()
    this.lanes.closeAll()
    const waiters = this.closeWaiters
    this.closeWaiters = []
    for (const waiter of waiters) waiter()
  }

  dial(lane: Lane): void {
    assert(lane.session === undefined, "one connection a lane")
    lane.session = new Session(this, lane.address, this.options.dialTimeoutMs)
    this.wakeBy(lane.session.tick(this.runtime.monotonicMs(), 0))
  }

  /** While it starts each address is tried once. */
  private tryNext(): void {
    if (!this.home.addresses.isRoundOver) return this.home.seek()
    this.closing = true
    this.starting?.failed(unreachable(this.home.addresses.failures))
    this.starting = undefined
    this.finishClose()
  }

  private askFlush(): void {
    if (this.flushAsked) return
    this.flushAsked = true
    this.runtime.atTurnEnd(this.flush)
  }

  private readonly flush = (): void => {
    this.flushAsked = false
    const { home } = this.lanes
    if (home === undefined) return this.home.seekWhenWanted()
    const nowMs = this.runtime.monotonicMs()
    if (this.dispatcher.dispatch(home, nowMs)) this.wakeBy(nowMs + clientPingWaitingMs)
  }

  private wake(lateMs: number): void {
    const nowMs = this.runtime.monotonicMs()
    if (nowMs >= this.deadlineMs) this.expire(nowMs)
    this.wakeBy(this.backlog.wake(nowMs))
    if (!this.backlog.isEmpty) this.askFlush()
    if (nowMs >= this.home.dialAtMs) this.home.seek()
    for (const lane of this.lanes) this.wakeBy(lane.session?.tick(nowMs, lateMs) ?? Infinity)
    this.lanes.closeIdle(nowMs)
    this.scout.wake(nowMs)
    this.wakeBy(this.scout.nextMs)
    this.wakeBy(this.deadlineMs)
    this.wakeBy(this.home.dialAtMs)
  }

  private expire(nowMs: number): void {
    this.deadlineMs = Infinity
    for (const request of this.allRequests()) {
      if (request.deadlineMs > nowMs) {
        this.deadlineMs = Math.min(this.deadlineMs, request.deadlineMs)
        continue
      }
      const error = expired(request, this.address === undefined ? this.home.addresses.failures : [])
      this.settle(request)
      request.fail(error)
    }
  }

  /** All that are not settled, wherever they are; a copy, so that they can be settled on the way. */
  private allRequests(): Pending[] {
    const all = [...this.backlog]
    for (const lane of this.lanes) all.push(...lane.requests())
    return all.filter((r) => r.state !== pendingState.settled)
  }
}
