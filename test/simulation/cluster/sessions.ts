/**
 * Where a simulated node's clients come in: the product's listener (`server/net/listener.ts`) with its sessions, hellos, bounds
 * and deadlines, over the world's connections; here are its sockets, and a driver's duties towards it. Beside connections it
 * takes datagrams (`Ask`): requests that the network loses, doubles and delays, each on its own, as no connection would.
 */
import type { Socket } from "bun"
import { Request } from "../../../src/core/entry/request.ts"
import type { Now } from "../../../src/core/lib/clock.ts"
import type { View } from "../../../src/core/view/view.ts"
import type { AcceptedLink, PeerRefusal } from "../../../src/server/link/accepted.ts"
import { Listener, type ListenerNode, type SocketEvents } from "../../../src/server/net/listener.ts"
import { pause, type Session } from "../../../src/server/net/session.ts"
import { code } from "../../../src/wire/errors.ts"
import { type Hello, type NodeIdentity, wireVersionMax, writeHello } from "../../../src/wire/hello.ts"
import { decodeRequest } from "../../../src/wire/request.ts"
import { Writer } from "../../../src/wire/writer.ts"
import type { Ask } from "../data/message.ts"
import type { Host } from "../machine.ts"
import type { StreamEvent, StreamHandle } from "../streams.ts"
import type { ClusterContents } from "./contents.ts"
import { frameOf, repliesIn } from "./message.ts"

/** What sessions need of their node. */
export interface SessionNode {
  readonly identity: NodeIdentity
  readonly ownView: View | undefined
  readonly contentBytesMax: number
  /** Another process says that it is a node. */
  greet(hello: Hello): AcceptedLink | PeerRefusal
  /** What it said afterwards was not believed. */
  refusing(): void
  request(request: Request, session: Session, now: Now): void
  error(session: Session, requestId: number, errorCode: number): void
  /** Whether the log has room for another record. */
  hasRoom(): boolean
  /** For coverage. */
  seen(what: string): void
}

/** More than any run has. */
const sessionsMax = 100
const idleTimeoutMs = 300_000

/** What a session does with its socket. */
class SimulatedSocket {
  data!: Session
  readonly remoteAddress = "simulated"
  /** @returns how many bytes were taken */
  readonly write: (bytes: Uint8Array, start: number, length: number) => number
  readonly pause: () => void
  readonly resume: () => void
  readonly terminate: () => void
  readonly end: () => void

  constructor(
    take: (bytes: Uint8Array) => number,
    hold: (isHeld: boolean) => void,
    close: (socket: SimulatedSocket) => void,
  ) {
    this.write = (bytes, start, length) => take(bytes.subarray(start, start + length))
    this.pause = () => hold(true)
    this.resume = () => hold(false)
    this.terminate = this.end = () => close(this)
  }

  setNoDelay(): void {}

  get socket(): Socket<Session> {
    return this as unknown as Socket<Session>
  }
}

export class Sessions implements ListenerNode {
  readonly clock = { monotonicMs: 0, wallMs: 0, read: () => this.clock }
  readonly storage: { readonly identity: NodeIdentity }
  private readonly host: Host<ClusterContents>
  private readonly node: SessionNode
  private readonly listener: Listener
  private readonly events: SocketEvents
  private readonly streams = new Map<StreamHandle, SimulatedSocket>()
  /** By address. */
  private readonly strays = new Map<string, SimulatedSocket>()
  private readonly waitingForRoom = new Set<Session>()
  private readonly request = new Request()
  /** Those with something to say. */
  private readonly dirty: Session[]
  private sweepAtMs = 0

  /** @param dirty where the answers list their sessions, too */
  constructor(host: Host<ClusterContents>, node: SessionNode, dirty: Session[]) {
    this.host = host
    this.node = node
    this.dirty = dirty
    this.storage = node
    this.listener = new Listener({
      hostname: "",
      port: 0,
      sessionsMax,
      idleTimeoutMs,
      softwareVersion: "simulated",
      onNotice: () => undefined,
    })
    this.events = this.listener.attach(this)
  }

  // What befalls connections

  event(end: StreamHandle, event: StreamEvent, now: Now): void {
    this.read(now)
    if (event.what === "accepted") return this.open(end)
    const socket = this.streams.get(end)
    if (socket === undefined) return
    if (event.what === "bytes") this.receive(socket, event.bytes)
    else if (event.what === "drained") this.events.drain(socket.socket)
    else {
      this.streams.delete(end)
      this.events.close(socket.socket)
    }
  }

  stray(ask: Ask, now: Now): void {
    this.read(now)
    this.receive(this.strays.get(ask.from) ?? this.openStray(ask.from), frameOf(ask))
  }

  private read({ monotonicMs, wallMs }: Now): void {
    this.clock.monotonicMs = monotonicMs
    this.clock.wallMs = wallMs
  }

  private receive(socket: SimulatedSocket, bytes: Uint8Array): void {
    this.events.data(socket.socket, bytes)
    const { peer, closing, paused } = socket.data
    if (peer !== undefined && closing) this.node.refusing()
    if ((paused & pause.output) !== 0) this.node.seen("session held back: answers unread")
    if ((paused & pause.room) !== 0) this.node.seen("session held back: no room in the log")
  }

  private open(end: StreamHandle): void {
    const { host } = this
    const socket = new SimulatedSocket(
      (bytes) => {
        const taken = host.write(end, bytes, "reply")
        if (taken < bytes.length) this.node.seen("answers wait to be read")
        return taken
      },
      (isHeld) => (isHeld ? host.hold(end) : host.release(end)),
      ({ socket }) => {
        if (!this.streams.delete(end)) return
        host.close(end)
        this.events.close(socket)
      },
    )
    this.streams.set(end, socket)
    this.events.open(socket.socket)
  }

  /** Whoever sends datagrams has a connection here, too, which none of them needs. */
  private openStray(address: string): SimulatedSocket {
    const socket = new SimulatedSocket(
      (bytes) => {
        for (const reply of repliesIn(bytes.slice())) this.host.send(address, reply, "reply")
        return bytes.length
      },
      () => undefined,
      ({ socket }) => {
        if (this.strays.delete(address)) this.events.close(socket)
      },
    )
    this.strays.set(address, socket)
    this.events.open(socket.socket)
    const hello = new Writer(256)
    writeHello(hello, {
      versionMin: wireVersionMax,
      versionMax: wireVersionMax,
      role: "client",
      softwareVersion: "stray",
      clusterId: null,
      node: null,
      auth: null,
      clockMs: 0,
    })
    this.events.data(socket.socket, hello.bytes.subarray(0, hello.position))
    return socket
  }

  // The node's turns

  /** All answers of the turn, in one write each. @param hold whether they may still leave @returns whether any was thrown away */
  flush(hold: boolean, now: Now): boolean {
    this.read(now)
    let isThrownAway = false
    if (this.dirty.length === 0) return isThrownAway
    for (const session of this.dirty.splice(0)) {
      session.dirty = false
      if (session.closed) continue
      if (!hold && session.peer === undefined) {
        isThrownAway = true
        this.listener.drop(session)
      } else if (session.send(now.monotonicMs)) this.listener.resume(session)
      else this.listener.drop(session)
    }
    return isThrownAway
  }

  /** Something is to be said that a session's going on to read has brought about. */
  get isDirty(): boolean {
    return this.dirty.length > 0
  }

  tick(now: Now): void {
    this.read(now)
    if (this.waitingForRoom.size > 0 && this.node.hasRoom()) {
      const waiting = [...this.waitingForRoom]
      this.waitingForRoom.clear()
      for (const session of waiting) this.listener.resume(session)
    }
    if (now.monotonicMs < this.sweepAtMs) return
    this.sweepAtMs = now.monotonicMs + 1_000
    const { stalled } = this.listener.figures
    this.listener.sweep(now.monotonicMs)
    if (this.listener.figures.stalled > stalled) this.node.seen("session closed: answers unread for long")
  }

  // What the listener asks of its node

  get view(): View | undefined {
    return this.node.ownView
  }

  greet(hello: Hello): AcceptedLink | PeerRefusal {
    return this.node.greet(hello)
  }

  take(session: Session, bytes: Uint8Array, start: number, end: number): void {
    const { request, node, clock } = this
    const failed = decodeRequest(bytes, start, end, request, node.contentBytesMax)
    session.inFlight++
    session.requestedMs = clock.monotonicMs
    request.frameStart = start
    request.frameEnd = end
    if (failed === 0) return node.request(request, session, { ...clock })
    node.error(session, request.requestId, failed)
    if (failed === code.protocol_error) session.closing = true
  }

  hasRoom(session: Session): boolean {
    if (this.node.hasRoom()) return true
    session.paused |= pause.room
    this.waitingForRoom.add(session)
    return false
  }

  hasRoomForRecords(session: Session): boolean {
    return this.hasRoom(session)
  }

  waitsForRoom(session: Session): boolean {
    return this.waitingForRoom.has(session)
  }

  markDirty(session: Session): void {
    this.dirty.push(session)
  }

  forget(session: Session): void {
    this.waitingForRoom.delete(session)
  }

  /** A step ends with its turn. */
  schedule(): void {}
}
