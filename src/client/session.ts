/**
 * One connection as the client sees it, without the socket: the hello, the requests that are on it, their replies in
 * whatever order, pings while it is idle, and the silence that means it is dead.
 *
 * Request ids are an index into a table of the requests on this connection, and a generation above it: finding a request is
 * an array access, and the late reply to one that was given up (whose place another has now) is told apart and dropped.
 */
import { operation } from "../core/entry/operation.ts"
import { assert } from "../core/lib/assert.ts"
import {
  clientPingWaitingMs,
  clientSilentMs,
  clientWindowBytesMax,
  clientWindowRequestsMax,
  connectionSilentMs,
  frameBytesMax,
  helloFrameBytesMax,
  listPieceBytesMax,
  pingIntervalMs,
  requestTimeoutMsMax,
} from "../core/lib/limits.ts"
import { errorOf } from "../wire/errors.ts"
import { FrameReader, frameState } from "../wire/frame.ts"
import {
  decodeFirstFrame,
  type Hello,
  negotiateVersion,
  versionRefusal,
  wireVersionMax,
  wireVersionMin,
  writeHello,
} from "../wire/hello.ts"
import { decodeReply, errorMessage, Reply, replyKind } from "../wire/reply.ts"
import { RequestWriter } from "../wire/request-writer.ts"
import type { Address } from "./address.ts"
import { type Pending, pendingState } from "./pending.ts"
import type { ClientRuntime, Link, LinkEvents } from "./runtime.ts"

/** Request ids are generation * this + index. */
const indexSpan = 4096
const generationMax = 2 ** 20 - 1
/** The opcodes of requests that the session asks for itself have this in place of a caller. */
const pingIndex = indexSpan - 1

export interface SessionOwner {
  readonly runtime: ClientRuntime
  readonly clientId: Uint8Array
  readonly softwareVersion: string
  /** The cluster that the client began with; null before the first hello of a node that is in one. */
  readonly clusterId: string | null
  /** The epoch of the newest topology that the client has; 0: it has none. */
  readonly epoch: number
  /** Whether there is another node to go to. */
  readonly hasChoice: boolean
  sessionOpened(session: Session, hello: Hello): void
  /** A node says that the view has this epoch by now. */
  sessionTold(session: Session, epoch: number): void
  /** `reply` is good until this returns. */
  sessionAnswered(session: Session, request: Pending, reply: Reply): void
  /** The last event; the requests on it are to be taken with `takeRequests`. */
  sessionLost(session: Session, reason: string): void
}

export type SessionState = "dialing" | "greeting" | "open" | "lost"

export class Session implements LinkEvents {
  readonly address: Address
  state: SessionState = "dialing"
  /** Bytes of requests on the connection that are not answered. */
  private inFlightBytes = 0
  private inFlight = 0
  private readonly requests: (Pending | undefined)[] = []
  /** Indices of `requests` that are free, and below its length. */
  private readonly freeIndices: number[] = []
  private generation = 1
  private readonly owner: SessionOwner
  private readonly link: Link
  private readonly frames = new FrameReader(helloFrameBytesMax)
  private readonly reply = new Reply()
  private writer = new RequestWriter(256)
  private readonly dialDeadlineMs: number
  private lastSentMs: number
  private lastReceivedMs: number
  /** Since when something has been on the connection without a pause. */
  private waitingSinceMs = 0
  private pingedMs = -1

  constructor(owner: SessionOwner, address: Address, dialTimeoutMs: number) {
    this.owner = owner
    this.address = address
    this.lastSentMs = this.lastReceivedMs = owner.runtime.monotonicMs()
    this.dialDeadlineMs = this.lastSentMs + dialTimeoutMs
    this.link = owner.runtime.dial(address, this)
  }

  /** Whether one more request has its place, by number and by bytes. */
  hasRoomFor(bytes: number): boolean {
    if (this.inFlight >= clientWindowRequestsMax) return false
    return this.inFlight === 0 || this.inFlightBytes + bytes <= clientWindowBytesMax
  }

  /** Nothing on it waits for an answer. */
  get isIdle(): boolean {
    return this.inFlight === 0
  }

  /** Writes the request into this turn's output; `flush` sends it. */
  send(request: Pending, floor: number, nowMs: number): void {
    assert(
      this.state === "open" && request.state !== pendingState.settled,
      "an open session sends open requests",
    )
    const index = this.freeIndices.pop() ?? this.requests.length
    assert(index < pingIndex, "the window is smaller than the table of requests")
    this.generation = this.generation === generationMax ? 1 : this.generation + 1
    request.requestId = this.generation * indexSpan + index
    request.state = pendingState.sent
    request.wasSent = true
    this.requests[index] = request
    if (this.inFlight++ === 0) this.waitingSinceMs = nowMs
    this.inFlightBytes += request.bytes
    this.encode(request, floor, Math.ceil(request.deadlineMs - nowMs))
  }

  /** Sends what this turn has written. */
  flush(nowMs: number): void {
    if (this.writer.position === 0 || this.state === "lost") return
    this.lastSentMs = nowMs
    const { bytes, position } = this.writer
    // The bytes belong to the link now. The next turn probably writes about as much.
    this.writer = new RequestWriter(Math.min(Math.max(256, position * 2), 256 * 1024))
    this.link.write(bytes.subarray(0, position))
  }

  /** Gives a request up: its reply, if one comes, is dropped. */
  forget(request: Pending): void {
    const index = request.requestId % indexSpan
    if (this.requests[index] === request) this.release(request, index)
  }

  /** Takes all requests off the session, in the order in which they were submitted. */
  takeRequests(): Pending[] {
    const taken = this.requests.filter((r) => r !== undefined)
    this.requests.length = this.freeIndices.length = 0
    this.inFlight = this.inFlightBytes = 0
    return taken.sort((a, b) => a.sequence - b.sequence)
  }

  /** The requests that are on the connection. */
  *sentRequests(): IterableIterator<Pending> {
    for (const request of this.requests) if (request !== undefined) yield request
  }

  /** Ends it from this side. `sessionLost` follows only where a reason is given. */
  close(reason?: string): void {
    if (this.state === "lost") return
    this.link.close()
    if (reason === undefined) this.state = "lost"
    else this.lose(reason)
  }

  /**
   * Looks at the clock: pings where nothing was sent for a while, and gives up where nothing was heard.
   * @param late milliseconds by which this call comes too late: what was received meanwhile may lie unread in the socket
   * @returns when to look again
   */
  tick(nowMs: number, late: number): number {
    if (this.state === "dialing" || this.state === "greeting") {
      if (nowMs >= this.dialDeadlineMs) {
        this.close(this.state === "dialing" ? "no connection in time" : "no answer to the hello in time")
        return Infinity
      }
      return this.dialDeadlineMs
    }
    if (this.state === "lost") return Infinity
    const heardMs =
      this.inFlight > 0 ? Math.max(this.lastReceivedMs, this.waitingSinceMs) : this.lastReceivedMs
    const silentMs = this.inFlight > 0 && this.owner.hasChoice ? clientSilentMs : connectionSilentMs
    const silentUntilMs = Math.max(heardMs + silentMs, late > 1000 ? nowMs + 1000 : 0)
    if (nowMs >= silentUntilMs) {
      this.close(`nothing heard for ${silentMs / 1000} s`)
      return Infinity
    }
    if (nowMs >= this.nextPingMs(heardMs)) {
      this.pingedMs = nowMs
      this.writer.plainRequest(operation.ping, this.generation * indexSpan + pingIndex, 0, connectionSilentMs)
      this.flush(nowMs)
    }
    return Math.min(this.nextPingMs(heardMs), silentUntilMs)
  }

  /** So long idle, or so long waited for a node that was not pinged since it was heard. */
  private nextPingMs(heardMs: number): number {
    const idleMs = this.lastSentMs + pingIntervalMs
    const isWaiting = this.inFlight > 0 && this.pingedMs < heardMs
    return isWaiting ? Math.min(idleMs, heardMs + clientPingWaitingMs) : idleMs
  }

  linkOpened(): void {
    if (this.state !== "dialing") return
    this.state = "greeting"
    writeHello(this.writer, {
      versionMin: wireVersionMin,
      versionMax: wireVersionMax,
      role: "client",
      softwareVersion: this.owner.softwareVersion,
      clusterId: this.owner.clusterId,
      node: null,
      auth: null,
      clockMs: this.owner.runtime.wallMs(),
    })
    this.flush(this.owner.runtime.monotonicMs())
  }

  linkReceived(bytes: Uint8Array): void {
    if (this.state === "lost") return
    this.lastReceivedMs = this.owner.runtime.monotonicMs()
    this.frames.push(bytes)
    for (;;) {
      const found = this.frames.next()
      if (found === frameState.starved) return
      if (found === frameState.tooLong) return this.close("it sent a longer frame than allowed")
      if (this.state === "greeting") this.greet(this.frames.bytes, this.frames.start, this.frames.end)
      else this.receiveReply(this.frames.bytes, this.frames.start, this.frames.end)
      // Not TypeScript's view of it: what was called may have closed the session.
      if ((this.state as SessionState) === "lost") return
    }
  }

  linkClosed(reason: string): void {
    this.lose(reason)
  }

  private greet(bytes: Uint8Array, start: number, end: number): void {
    const first = decodeFirstFrame(bytes, start, end)
    if (first.kind === "malformed") return this.close(`no hello of qdb: ${first.reason}`)
    if (first.kind === "refusal") return this.close(`${errorOf(first.code).name}: ${first.message}`)
    const { hello } = first
    if (negotiateVersion(hello.versionMin, hello.versionMax) === 0) {
      return this.close(`unsupported_version: ${versionRefusal(hello.versionMin, hello.versionMax)}`)
    }
    const { clusterId } = this.owner
    if (clusterId !== null && hello.clusterId !== null && hello.clusterId !== clusterId) {
      return this.close(`wrong_cluster: it belongs to cluster ${hello.clusterId}, not to ${clusterId}`)
    }
    this.state = "open"
    this.frames.limit(frameBytesMax)
    this.owner.sessionOpened(this, hello)
  }

  private receiveReply(bytes: Uint8Array, start: number, end: number): void {
    const { reply } = this
    if (decodeReply(bytes, start, end, reply) !== 0) return this.close("it sent a reply that is none")
    const index = reply.requestId % indexSpan
    const request = this.requests[index]
    if (request?.requestId === reply.requestId) {
      this.release(request, index)
      this.owner.sessionAnswered(this, request, reply)
    } else if (reply.requestId === 0 && reply.kind === replyKind.error) {
      // An error that answers no request is about the connection, and the last thing said on it.
      this.close(`${errorOf(reply.code).name}: ${errorMessage(reply)}`)
    } else if (reply.requestId === 0 && reply.kind === replyKind.integer) {
      this.owner.sessionTold(this, reply.integer)
    }
  }

  private release(request: Pending, index: number): void {
    this.requests[index] = undefined
    this.freeIndices.push(index)
    this.inFlight--
    this.inFlightBytes -= request.bytes
  }

  private lose(reason: string): void {
    if (this.state === "lost") return
    this.state = "lost"
    this.owner.sessionLost(this, reason)
  }

  private encode(request: Pending, floor: number, leftMs: number): void {
    const { writer } = this
    const { epoch } = this.owner
    const { opcode, requestId, alias } = request
    const timeLeftMs = Math.min(Math.max(leftMs, 1), requestTimeoutMsMax)
    if (request.write) {
      const { number, content, comparand, expiresMs } = request
      const { clientId } = this.owner
      writer.writeRequest(
        opcode,
        requestId,
        epoch,
        timeLeftMs,
        clientId,
        number,
        floor,
        alias,
        content,
        comparand,
        expiresMs,
      )
    } else if (opcode === operation.slots_list) {
      const { cursorSlot, cursorAfter, quantity } = request
      const view = request.epoch ?? epoch
      writer.prefixRequest(requestId, view, timeLeftMs, alias, cursorSlot, cursorAfter, quantity, opcode)
    } else if (opcode === operation.prefix_get) {
      const { cursorSlot, cursorAfter } = request
      writer.prefixRequest(requestId, epoch, timeLeftMs, alias, cursorSlot, cursorAfter, listPieceBytesMax)
    } else if (opcode === operation.cluster_plan) {
      writer.planRequest(requestId, epoch, timeLeftMs, request.quantity, alias)
    } else if (opcode === operation.cluster_remove_node) {
      writer.removeNodeRequest(requestId, epoch, timeLeftMs, alias, request.quantity)
    } else if (opcode === operation.cluster_set) {
      writer.setRequest(requestId, epoch, timeLeftMs, alias, request.content)
    } else if (request.isKeyed || opcode === operation.stop_node || opcode === operation.cluster_recover) {
      writer.aliasRequest(opcode, requestId, epoch, timeLeftMs, alias)
    } else writer.plainRequest(opcode, requestId, epoch, timeLeftMs)
  }
}
