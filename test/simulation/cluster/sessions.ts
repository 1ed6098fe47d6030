/**
 * Where a simulated node's clients come in: the product's sessions, frames, hello and answers over the world's connections,
 * with the duties of its listener and its driver (`server/net/listener.ts`, `server/node/driver.ts`). Beside connections it
 * takes datagrams (`Ask`): requests that the network loses, doubles and delays, each on its own, as no connection would.
 */
import type { Socket } from "bun"
import { Request } from "../../../src/core/entry/request.ts"
import { connectionSilentMs, frameBytesMax, helloTimeoutMs } from "../../../src/core/lib/limits.ts"
import type { Now } from "../../../src/core/lib/clock.ts"
import { AcceptedLink, type PeerRefusal } from "../../../src/server/link/accepted.ts"
import { Session, type Traffic } from "../../../src/server/net/session.ts"
import { code } from "../../../src/wire/errors.ts"
import { frameState } from "../../../src/wire/frame.ts"
import { decodeFirstFrame, type Hello, writeHello } from "../../../src/wire/hello.ts"
import { decodeRequest } from "../../../src/wire/request.ts"
import type { Ask } from "../data/message.ts"
import type { Host } from "../machine.ts"
import type { StreamEvent, StreamHandle } from "../streams.ts"
import type { ClusterContents } from "./contents.ts"
import { frameOf, repliesIn } from "./message.ts"

/** What sessions need of their node. */
export interface SessionNode {
  readonly contentBytesMax: number
  hello(now: Now): Hello
  /** Another process says that it is a node. */
  greet(hello: Hello): AcceptedLink | PeerRefusal
  /** What it said afterwards was not believed. */
  refusing(): void
  request(request: Request, session: Session, now: Now): void
  error(session: Session, requestId: number, errorCode: number): void
}

export class Sessions {
  private readonly host: Host<ClusterContents>
  private readonly node: SessionNode
  private readonly traffic: Traffic = { bytesIn: 0, bytesOut: 0 }
  private readonly streams = new Map<StreamHandle, Session>()
  /** By address. */
  private readonly strays = new Map<string, Session>()
  private readonly request = new Request()
  /** Those with something to say. */
  private readonly dirty: Session[]
  private readonly ends = new WeakMap<Session, StreamHandle>()
  private sweepAtMs = 0

  /** @param dirty where the answers list their sessions, too */
  constructor(host: Host<ClusterContents>, node: SessionNode, dirty: Session[]) {
    this.host = host
    this.node = node
    this.dirty = dirty
  }

  event(end: StreamHandle, event: StreamEvent, now: Now): void {
    const session = this.streams.get(end)
    if (event.what === "accepted") this.open(end, now)
    else if (session === undefined) return
    else if (event.what === "bytes") this.receive(session, event.bytes, now)
    else this.forget(session)
  }

  stray(ask: Ask, now: Now): void {
    let session = this.strays.get(ask.from)
    if (session === undefined) {
      session = this.make((bytes) => {
        for (const reply of repliesIn(bytes)) this.host.send(ask.from, reply, "reply")
      }, now)
      session.greeted = true
      this.strays.set(ask.from, session)
    }
    session.receivedMs = now.monotonicMs
    this.receive(session, frameOf(ask), now)
  }

  /** @param hold whether answers may still leave @returns whether any was thrown away */
  flush(hold: boolean, now: Now): boolean {
    let isThrownAway = false
    if (this.dirty.length === 0) return isThrownAway
    for (const session of this.dirty.splice(0)) {
      session.dirty = false
      if (session.closed) continue
      if (!hold && session.peer === undefined) {
        isThrownAway = true
        this.drop(session)
        continue
      }
      session.send(now.monotonicMs)
      if (session.closing && session.inFlight === 0) this.drop(session)
    }
    return isThrownAway
  }

  tick(now: Now): void {
    if (now.monotonicMs < this.sweepAtMs) return
    this.sweepAtMs = now.monotonicMs + 1_000
    for (const session of this.streams.values()) {
      const silentMs = now.monotonicMs - session.receivedMs
      if (silentMs > (session.greeted ? connectionSilentMs : helloTimeoutMs)) this.drop(session)
    }
  }

  private open(end: StreamHandle, now: Now): void {
    const session = this.make((bytes) => this.host.write(end, bytes, "reply"), now)
    this.streams.set(end, session)
    this.ends.set(session, end)
  }

  private make(write: (bytes: Uint8Array) => void, now: Now): Session {
    const socket = {
      write(bytes: Uint8Array, start: number, length: number): number {
        write(bytes.slice(start, start + length))
        return length
      },
    }
    return new Session(socket as unknown as Socket<Session>, this.traffic, now.monotonicMs)
  }

  private receive(session: Session, bytes: Uint8Array, now: Now): void {
    if (session.closed || session.closing) return
    if (session.greeted && now.monotonicMs - session.receivedMs > connectionSilentMs)
      return this.drop(session)
    session.receivedMs = now.monotonicMs
    const { reader } = session
    reader.push(bytes)
    while (!session.closing) {
      const found = reader.next()
      if (found === frameState.starved) break
      if (found === frameState.tooLong) this.refuse(session, code.protocol_error)
      else this.take(session, reader.bytes, reader.start, reader.end, now)
    }
    reader.hold()
  }

  private take(session: Session, bytes: Uint8Array, start: number, end: number, now: Now): void {
    if (!session.greeted) return this.greet(session, bytes, start, end, now)
    if (session.peer !== undefined) {
      const refusal = session.peer.take(session, bytes, start, end)
      if (refusal === undefined) return
      this.node.refusing()
      return this.refuse(session, refusal.code)
    }
    const { request, node } = this
    const failed = decodeRequest(bytes, start, end, request, node.contentBytesMax)
    session.inFlight++
    request.frameStart = start
    request.frameEnd = end
    if (failed === 0) return node.request(request, session, now)
    node.error(session, request.requestId, failed)
    if (failed === code.protocol_error) session.closing = true
  }

  private greet(session: Session, bytes: Uint8Array, start: number, end: number, now: Now): void {
    const first = decodeFirstFrame(bytes, start, end)
    if (first.kind !== "hello") return this.refuse(session, code.protocol_error)
    if (first.hello.role === "node") {
      const link = this.node.greet(first.hello)
      if (!(link instanceof AcceptedLink)) return this.refuse(session, link.code)
      session.peer = link
    }
    session.greeted = true
    session.reader.limit(frameBytesMax)
    writeHello(session.out, { ...this.node.hello(now), auth: session.peer?.auth ?? null })
    this.say(session)
  }

  private refuse(session: Session, errorCode: number): void {
    session.out.errorReply(errorCode, 0)
    session.closing = true
    this.say(session)
  }

  private say(session: Session): void {
    if (session.dirty) return
    session.dirty = true
    this.dirty.push(session)
  }

  private drop(session: Session): void {
    const end = this.ends.get(session)
    if (end !== undefined) this.host.close(end)
    this.forget(session)
  }

  private forget(session: Session): void {
    session.closed = true
    session.discard()
    const end = this.ends.get(session)
    if (end !== undefined) this.streams.delete(end)
    else for (const [address, stray] of this.strays) if (stray === session) this.strays.delete(address)
  }
}
