/**
 * The TCP listener: accepts sessions, exchanges hellos, cuts what arrives into frames for the driver, and keeps every bound
 * on a session: their number, their silence, their unsent replies, their requests in flight.
 *
 * It does not use Effect or promises per connection: a session is a plain object and its events plain calls.
 */
import type { Socket, SocketHandler, TCPSocketListener } from "bun"
import type { Now } from "../../core/lib/clock.ts"
import {
  connectionSilentMs,
  frameBytesMax,
  helloTimeoutMs,
  nodeSessionsMax,
  peerFrameBytesMax,
  sessionOutputBytesMax,
  sessionRequestsMax,
  sessionsOutputBytesMax,
  sessionStallMs,
  ungreetedSessionsMax,
} from "../../core/lib/limits.ts"
import type { View } from "../../core/view/view.ts"
import { code, errorOf } from "../../wire/errors.ts"
import { frameState } from "../../wire/frame.ts"
import {
  decodeFirstFrame,
  type Hello,
  negotiateVersion,
  type NodeIdentity,
  versionRefusal,
  wireVersionMax,
  wireVersionMin,
  writeHello,
} from "../../wire/hello.ts"
import { AcceptedLink, type PeerRefusal } from "../link/accepted.ts"
import { StartError } from "../start-error.ts"
import { pause, Session, type Traffic } from "./session.ts"

/** The node that is listened for. */
export interface ListenerNode {
  readonly clock: { read(): Now; readonly monotonicMs: number; readonly wallMs: number }
  readonly storage: { readonly identity: NodeIdentity }
  readonly view: View | undefined
  /** Another node greets this one. */
  greet(hello: Hello): AcceptedLink | PeerRefusal
  /** Takes a request's frame. */
  take(session: Session, bytes: Uint8Array, start: number, end: number): void
  hasRoom(session: Session): boolean
  hasRoomForRecords(session: Session): boolean
  waitsForRoom(session: Session): boolean
  markDirty(session: Session): void
  forget(session: Session): void
  /** Makes sure that the end of this turn comes. */
  schedule(): void
}

export interface ListenerOptions {
  readonly hostname: string
  readonly port: number
  readonly sessionsMax: number
  readonly idleTimeoutMs: number
  readonly softwareVersion: string
  readonly onNotice: (level: "debug" | "info" | "warning", text: string) => void
}

/** What befalls connections. */
export interface SocketEvents {
  open(socket: Socket<Session>): void
  /** The chunk is the receiver's: Bun gives each one memory of its own. */
  data(socket: Socket<Session>, chunk: Uint8Array): void
  drain(socket: Socket<Session>): void
  close(socket: Socket<Session>): void
  error(socket: Socket<Session>): void
}

export class Listener {
  readonly sessions = new Set<Session>()
  /** Since the start. */
  readonly figures = { accepted: 0, refused: 0, protocolErrors: 0, stalled: 0, idle: 0, overBound: 0 }
  readonly traffic: Traffic = { bytesIn: 0, bytesOut: 0 }
  /** Sessions of clients, of nodes, and those that have not said yet whose they are. */
  clients = 0
  nodes = 0
  private strangers = 0
  /** Memory that all sessions hold for what has arrived and what has not left. */
  heldBytes = 0
  private readonly options: ListenerOptions
  private driver: ListenerNode | undefined
  private server: TCPSocketListener<Session> | undefined

  constructor(options: ListenerOptions) {
    this.options = options
  }

  get port(): number {
    return this.server?.port ?? this.options.port
  }

  /**
   * Makes sure that the address can be had, before anything is made or read for a node that could not be reached.
   * @throws StartError, one clear line
   */
  probe(): void {
    this.listen({ open: (socket) => void socket.terminate(), data: () => undefined }).stop(true)
  }

  /** Begins to accept. @throws StartError, one clear line, if the address cannot be had */
  start(driver: ListenerNode): void {
    this.server = this.listen(this.attach(driver))
  }

  /** @returns what is to become of connections and of what arrives on them */
  attach(driver: ListenerNode): SocketEvents {
    this.driver = driver
    return {
      open: (socket) => this.open(socket),
      data: (socket, chunk) => this.receive(socket.data, chunk),
      drain: (socket) => this.drain(socket.data),
      close: (socket) => this.forget(socket.data),
      error: (socket) => this.forget(socket.data),
    }
  }

  private listen(socket: SocketHandler<Session>): TCPSocketListener<Session> {
    const { hostname, port } = this.options
    try {
      return Bun.listen<Session>({ hostname, port, socket })
    } catch (cause) {
      throw new StartError(`cannot listen on ${hostname}:${port}: ${listenReason(cause)}`)
    }
  }

  private open(socket: Socket<Session>): void {
    const { driver } = this
    if (driver === undefined) return void socket.terminate()
    socket.setNoDelay(true)
    const session = new Session(socket, this.traffic, driver.clock.read().monotonicMs)
    socket.data = session
    this.figures.accepted++
    this.sessions.add(session)
    // Whether it is one client too many is known once it has said that it is a client.
    if (++this.strangers > this.options.sessionsMax + ungreetedSessionsMax) this.drop(session)
  }

  private receive(session: Session, chunk: Uint8Array): void {
    const { driver } = this
    if (driver === undefined || session.closed || session.closing) return
    const now = driver.clock.read()
    // Silent for so long, the connection may hold requests of any age: none of them is read (cluster.md, "Exactly once").
    if (session.greeted && now.monotonicMs - session.receivedMs > connectionSilentMs)
      return this.drop(session)
    session.receivedMs = now.monotonicMs
    this.traffic.bytesIn += chunk.length
    session.reader.push(chunk)
    this.read(session, driver)
    session.reader.hold()
    this.account(session)
  }

  /** Brings the sum of all sessions up to date; over its bound, the one that holds most goes. */
  private account(session: Session): void {
    const held = session.closed ? 0 : session.heldBytes
    this.heldBytes += held - session.accountedBytes
    session.accountedBytes = held
    if (this.heldBytes <= sessionsOutputBytesMax) return
    let largest = session
    for (const other of this.sessions) if (other.accountedBytes > largest.accountedBytes) largest = other
    this.figures.overBound++
    const { remoteAddress } = largest.socket
    this.options.onNotice(
      "warning",
      `sessions hold ${this.heldBytes} bytes: closing ${remoteAddress}, which holds most`,
    )
    this.drop(largest)
  }

  /** Hands every frame that is there to the driver, until the session has to wait. */
  private read(session: Session, driver: ListenerNode): void {
    const { reader } = session
    while (!session.closing && !this.mustWait(session, driver)) {
      const state = reader.next()
      if (state === frameState.starved) break
      if (state === frameState.tooLong)
        this.refuse(session, code.protocol_error, "The frame is longer than allowed.")
      else if (session.peer !== undefined) this.takePeer(session, session.peer, driver)
      else if (session.greeted) driver.take(session, reader.bytes, reader.start, reader.end)
      else this.greet(session, driver, reader.bytes, reader.start, reader.end)
    }
    if (session.closing) this.figures.protocolErrors++
    driver.schedule()
  }

  /** Whether the session must not be read from now; then its socket is paused until `resume`. */
  private mustWait(session: Session, driver: ListenerNode): boolean {
    // Once half of what all may hold is held, whoever leaves answers unread waits until they are read. What this turn answers has
    // not been sent yet, and says nothing of who will read it.
    const isShort = this.heldBytes > sessionsOutputBytesMax / 2
    if (session.unsentBytes > sessionOutputBytesMax || (isShort && session.leavesUnread))
      session.paused |= pause.output
    if (session.inFlight >= sessionRequestsMax) session.paused |= pause.requests
    if (session.paused === pause.none && this.hasRoom(session, driver)) return false
    session.socket.pause()
    return true
  }

  private hasRoom(session: Session, driver: ListenerNode): boolean {
    const { peer } = session
    if (peer === undefined) return driver.hasRoom(session)
    return !peer.carriesRecords || driver.hasRoomForRecords(session)
  }

  /** Called after the session's answers were sent, or when storage has room again: goes on reading if nothing holds it. */
  resume(session: Session): void {
    const { driver } = this
    if (driver === undefined || session.closed) return
    this.account(session)
    // Accounting closes whoever holds most, which may be this one.
    if (session.closed) return
    if (session.closing) {
      if (session.unsentBytes === 0 && session.inFlight === 0) session.socket.end()
      return
    }
    if (session.paused === pause.none) return
    if (session.unsentBytes <= sessionOutputBytesMax / 2) session.paused &= ~pause.output
    if (session.inFlight < sessionRequestsMax / 2) session.paused &= ~pause.requests
    if (!driver.waitsForRoom(session)) session.paused &= ~pause.room
    if (session.paused !== pause.none) return
    this.read(session, driver)
    session.reader.hold()
    if (session.paused === pause.none) session.socket.resume()
  }

  private greet(session: Session, driver: ListenerNode, bytes: Uint8Array, start: number, end: number): void {
    const first = decodeFirstFrame(bytes, start, end)
    if (first.kind !== "hello") {
      const reason = first.kind === "malformed" ? first.reason : first.message
      return this.refuse(session, code.protocol_error, reason)
    }
    const { versionMin, versionMax, role } = first.hello
    if (negotiateVersion(versionMin, versionMax) === 0)
      return this.refuse(session, code.unsupported_version, versionRefusal(versionMin, versionMax))
    if (role === "client") {
      if (this.clients >= this.options.sessionsMax) {
        this.figures.refused++
        return this.refuse(session, code.too_many_sessions, errorOf(code.too_many_sessions).message)
      }
      this.clients++
    } else {
      if (this.nodes >= nodeSessionsMax)
        return this.refuse(session, code.too_many_sessions, errorOf(code.too_many_sessions).message)
      const link = driver.greet(first.hello)
      if (!(link instanceof AcceptedLink)) {
        const from = session.socket.remoteAddress
        this.options.onNotice("warning", `refuses a node at ${from}: ${link.message}`)
        return this.refuse(session, link.code, link.message)
      }
      session.peer = link
      this.nodes++
    }
    this.strangers--
    session.greeted = true
    session.reader.limit(session.peer === undefined ? frameBytesMax : peerFrameBytesMax)
    const { nodeId, storageId, boot } = driver.storage.identity
    writeHello(session.out, {
      versionMin: wireVersionMin,
      versionMax: wireVersionMax,
      role: "node",
      softwareVersion: this.options.softwareVersion,
      clusterId: driver.view?.clusterId ?? null,
      node: { nodeId, storageId, boot },
      auth: session.peer?.auth ?? null,
      clockMs: Math.round(driver.clock.wallMs),
    })
    this.markDirty(session, driver)
  }

  private takePeer(session: Session, link: AcceptedLink, driver: ListenerNode): void {
    const { bytes, start, end } = session.reader
    const refusal = link.take(session, bytes, start, end)
    if (refusal !== undefined) {
      const from = `node ${link.from.nodeId} at ${session.socket.remoteAddress}`
      this.options.onNotice("warning", `closes a connection of ${from}: ${refusal.message}`)
      return this.refuse(session, refusal.code, refusal.message)
    }
    if (session.unsentBytes > 0) this.markDirty(session, driver)
  }

  private refuse(session: Session, errorCode: number, message: string): void {
    this.options.onNotice("debug", `${session.socket.remoteAddress}: refused: ${message}`)
    session.out.errorReply(errorCode, 0, message)
    session.closing = true
    if (this.driver !== undefined) this.markDirty(session, this.driver)
  }

  private markDirty(session: Session, driver: ListenerNode): void {
    if (session.dirty) return
    session.dirty = true
    driver.markDirty(session)
  }

  private drain(session: Session): void {
    if (session.closed || this.driver === undefined) return
    if (session.send(this.driver.clock.read().monotonicMs)) this.resume(session)
    else this.drop(session)
  }

  /** Closes the connection at once; what is unsent is lost. */
  drop(session: Session): void {
    session.socket.terminate()
    this.forget(session)
  }

  private forget(session: Session | undefined): void {
    if (session === undefined || session.closed) return
    session.closed = true
    if (!session.greeted) this.strangers--
    else if (session.peer === undefined) this.clients--
    else this.nodes--
    session.discard()
    this.account(session)
    this.sessions.delete(session)
    this.driver?.forget(session)
  }

  /** Once a second: closes sessions that are silent, idle, or do not read their answers. */
  sweep(nowMs: number): void {
    for (const session of this.sessions) {
      const silentMs = nowMs - session.receivedMs
      if (!session.greeted) {
        if (silentMs > helloTimeoutMs) this.drop(session)
      } else if (session.unsentBytes > 0 && nowMs - session.progressMs > sessionStallMs) {
        this.figures.stalled++
        this.drop(session)
      } else if (silentMs > connectionSilentMs && session.paused === pause.none) this.drop(session)
      else if (session.peer !== undefined) continue
      else if (nowMs - session.requestedMs > this.options.idleTimeoutMs && session.inFlight === 0) {
        this.figures.idle++
        this.drop(session)
      }
    }
  }

  /** Stops accepting; open sessions go on. */
  stopAccepting(): void {
    this.server?.stop()
  }

  /** Ends all sessions after what they were answered has left. */
  close(): void {
    for (const session of this.sessions) {
      session.send(session.progressMs)
      session.socket.end()
    }
    this.server?.stop(true)
  }
}

function listenReason(cause: unknown): string {
  const error = cause as { code?: string; message?: string }
  if (error.code === "EADDRINUSE") return "the port is taken; is another qdbd running?"
  if (error.code === "EADDRNOTAVAIL") return "this machine does not have that address"
  if (error.code === "EACCES") return "permission denied (ports below 1024 need privileges)"
  return error.message ?? String(cause)
}
