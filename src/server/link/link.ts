/**
 * One connection to one address, dialled by this node and used in one direction: messages go out on it, and only hellos,
 * pongs and refusals come back. What the other has to say comes on a connection that it has dialled. So nothing has to be
 * known about who is at an address before dialling it, two nodes that dial each other at once need no rule, and each
 * end decides alone when to give a connection up.
 *
 * A link dials when there is something to send, keeps a bounded queue while it does, and throws the queue away when that
 * fails: a heartbeat of three seconds ago helps nobody. It pings, because a connection whose other end is gone
 * without a word takes what is written for minutes. A name is resolved at each connect.
 */
import type { Socket } from "bun"
import {
  frameBytesMax,
  linkBulkSilentMs,
  linkControlSilentMs,
  linkDialMs,
  linkIdleMs,
  linkPingMs,
  linkRetryMsMax,
  linkRetryMsMin,
  tickMs,
} from "../../core/lib/limits.ts"
import { parseAddress } from "../../config/address.ts"
import { code } from "../../wire/errors.ts"
import { FrameReader, frameState } from "../../wire/frame.ts"
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
import { decodePeerFrame, writePing, writeProof } from "../../wire/peer/frame.ts"
import { Writer } from "../../wire/writer.ts"
import { Outbox } from "./outbox.ts"
import { type ClusterSecret, nonce, splitAuth } from "./secret.ts"

/** Heartbeats and votes never wait behind records. */
export type Channel = "control" | "bulk"

export interface LinkOptions {
  readonly address: string
  readonly channel: Channel
  readonly queueBytesMax: number
  readonly softwareVersion: string
  readonly identity: NodeIdentity
  readonly clusterId: () => string | null
  readonly secret: ClusterSecret | undefined
  /** 0 to 1, for back-off. */
  readonly random: () => number
  readonly onNotice: (level: "debug" | "info" | "warning" | "error", text: string) => void
  readonly onTraffic: (bytesIn: number, bytesOut: number) => void
}

/** A tick that comes later than this after the one before finds that the node was not awake. */
const tickLateMs = 2 * tickMs

type State = "idle" | "dialling" | "greeting" | "open" | "closed"

export class Link {
  readonly options: LinkOptions
  private state: State = "idle"
  private readonly outbox: Outbox
  private reader = new FrameReader()
  private socket: Socket<undefined> | undefined
  private ownNonce: Uint8Array = new Uint8Array(0)
  /** Counts connects, so that what belongs to an earlier one is told. */
  private attempt = 0
  private deadlineMs = Infinity
  private retryAtMs = 0
  private retryMs = linkRetryMsMin
  private usedMs: number
  private pingAtMs = 0
  private pingNumber = 0
  private unansweredSinceMs = Infinity
  private tickedMs: number
  /** Of the last failure, so that a person is told once. */
  private complaint = ""

  constructor(options: LinkOptions, nowMs: number) {
    this.options = options
    this.outbox = new Outbox(options.queueBytesMax)
    this.usedMs = nowMs
    this.tickedMs = nowMs
  }

  get isOpen(): boolean {
    return this.state === "open"
  }

  get unsentBytes(): number {
    return this.outbox.unsentBytes
  }

  /** Queues what `write` writes. @returns false where it was dropped */
  add(write: (writer: Writer) => void, nowMs: number): boolean {
    if (this.state === "closed") return false
    if (this.state === "idle") {
      if (nowMs < this.retryAtMs) return false
      this.dial(nowMs)
    }
    this.usedMs = nowMs
    return this.outbox.add(write)
  }

  /** One write for all that was queued in this turn. */
  flush(nowMs: number): void {
    if (this.state !== "open" || this.socket === undefined) return
    const before = this.outbox.unsentBytes
    if (!this.outbox.send(this.socket)) this.fail("the connection was lost", nowMs)
    else this.options.onTraffic(0, before - this.outbox.unsentBytes)
  }

  /** Throws away what has not left, and the connection where it may have left in part. */
  forget(nowMs: number): void {
    if (this.outbox.isCutOff) this.fail("what waited was thrown away", nowMs)
    else this.outbox.clear()
  }

  /** Keeps the deadlines. @returns false once the link is of no use: it has been idle for long */
  tick(nowMs: number): boolean {
    if (this.state === "closed") return false
    // After a long turn of the event loop answers may be here that nobody has read: time counts while this node was awake.
    const lateMs = Math.max(0, nowMs - this.tickedMs - tickLateMs)
    this.tickedMs = nowMs
    this.deadlineMs += lateMs
    this.unansweredSinceMs += lateMs
    if (nowMs > this.deadlineMs) this.fail("no answer in time", nowMs)
    if (this.state === "open") {
      const silentMs = this.options.channel === "control" ? linkControlSilentMs : linkBulkSilentMs
      if (nowMs - this.unansweredSinceMs > silentMs) this.fail("it does not answer any more", nowMs)
      else if (nowMs >= this.pingAtMs && this.unansweredSinceMs === Infinity) this.ping(nowMs)
    }
    if (nowMs - this.usedMs <= linkIdleMs) return true
    this.close()
    return false
  }

  close(): void {
    this.state = "closed"
    this.attempt++
    this.outbox.clear()
    this.socket?.end()
    this.socket = undefined
  }

  private ping(nowMs: number): void {
    this.pingAtMs = nowMs + linkPingMs
    this.outbox.add((writer) => writePing(writer, ++this.pingNumber))
    this.unansweredSinceMs = nowMs
    this.flush(nowMs)
  }

  private dial(nowMs: number): void {
    const attempt = ++this.attempt
    this.state = "dialling"
    const parsed = parseAddress(this.options.address, 0)
    if (!parsed.ok) return this.refuse(parsed.wrong, nowMs)
    const { host, port } = parsed.value
    this.deadlineMs = nowMs + linkDialMs
    this.reader = new FrameReader()
    const isCurrent = (socket: Socket<undefined>) => {
      if (attempt === this.attempt) return true
      socket.terminate()
      return false
    }
    const lost = (text: string) => {
      if (attempt === this.attempt) this.fail(text, performance.now())
    }
    Bun.connect<undefined>({
      hostname: host,
      port,
      socket: {
        open: (socket) => {
          if (isCurrent(socket)) this.greet(socket)
        },
        data: (socket, chunk) => {
          if (isCurrent(socket)) this.receive(chunk, performance.now())
        },
        drain: (socket) => {
          if (isCurrent(socket)) this.flush(performance.now())
        },
        close: () => lost("the connection was closed"),
        error: (_socket, error) => lost(error.message),
        connectError: () => undefined,
      },
    }).catch((error: NodeJS.ErrnoException) => lost(reason(error)))
  }

  private greet(socket: Socket<undefined>): void {
    const { options } = this
    this.socket = socket
    socket.setNoDelay(true)
    this.state = "greeting"
    this.ownNonce = nonce()
    const writer = new Writer()
    writeHello(writer, {
      versionMin: wireVersionMin,
      versionMax: wireVersionMax,
      role: "node",
      softwareVersion: options.softwareVersion,
      clusterId: options.clusterId(),
      node: options.identity,
      auth: options.secret === undefined ? null : this.ownNonce,
      clockMs: Date.now(),
    })
    socket.write(writer.bytes, 0, writer.position)
  }

  private receive(chunk: Uint8Array, nowMs: number): void {
    this.options.onTraffic(chunk.length, 0)
    const { reader } = this
    reader.push(chunk)
    for (;;) {
      const state = reader.next()
      if (state === frameState.starved) break
      if (state === frameState.tooLong) return this.fail("it sent a frame longer than allowed", nowMs)
      const { bytes, start, end } = reader
      if (this.state === "greeting") this.answered(bytes, start, end, nowMs)
      else if (!this.heard(bytes, start, end)) return this.fail("it sent what is no answer", nowMs)
      if (this.state !== "open") return
    }
    reader.hold()
  }

  /** A pong is all that comes back on an open link. */
  private heard(bytes: Uint8Array, start: number, end: number): boolean {
    const frame = decodePeerFrame(bytes, start, end)
    if (frame.kind !== "pong") return false
    if (frame.number === this.pingNumber) this.unansweredSinceMs = Infinity
    return true
  }

  private answered(bytes: Uint8Array, start: number, end: number, nowMs: number): void {
    const first = decodeFirstFrame(bytes, start, end)
    if (first.kind === "malformed") return this.refuse(first.reason, nowMs)
    if (first.kind === "refusal") {
      const isOurs = first.code === code.authentication_failed || first.code === code.unsupported_version
      return isOurs ? this.refuse(first.message, nowMs) : this.fail(first.message, nowMs)
    }
    const { hello } = first
    if (negotiateVersion(hello.versionMin, hello.versionMax) === 0)
      return this.refuse(versionRefusal(hello.versionMin, hello.versionMax), nowMs)
    if (hello.node === null) return this.refuse("it does not say which node it is", nowMs)
    const wrong = this.authenticate(hello, hello.node)
    if (wrong !== undefined) return this.refuse(wrong, nowMs)
    this.state = "open"
    this.deadlineMs = Infinity
    this.retryMs = linkRetryMsMin
    this.complaint = ""
    this.unansweredSinceMs = Infinity
    this.pingAtMs = nowMs + linkPingMs
    this.reader.limit(frameBytesMax)
    this.options.onNotice("debug", `${this.options.channel} link to ${this.options.address} is open`)
    this.flush(nowMs)
  }

  /** Checks the other's proof and sends one's own, ahead of everything. @returns what is wrong */
  private authenticate(hello: Hello, listener: NodeIdentity): string | undefined {
    const { secret, identity } = this.options
    if (secret === undefined) return undefined
    const theirs = splitAuth(hello.auth)
    if (theirs === undefined) return "it has no cluster secret, and this node has one"
    const handshake = {
      diallerNonce: this.ownNonce,
      listenerNonce: theirs.nonce,
      dialler: identity,
      listener,
    }
    if (!secret.holds("listener", handshake, theirs.proof)) return "its cluster secret is another"
    const writer = new Writer()
    writeProof(writer, secret.proof("dialler", handshake))
    this.socket?.write(writer.bytes, 0, writer.position)
    return undefined
  }

  /** What trying again will not mend by itself: people are told, once. */
  private refuse(text: string, nowMs: number): void {
    const { address, onNotice } = this.options
    if (text !== this.complaint) onNotice("error", `cannot talk to ${address}: ${text}`)
    this.fail(text, nowMs)
    this.complaint = text
  }

  private fail(text: string, nowMs: number): void {
    const { address, channel, onNotice, random } = this.options
    if (this.state === "idle" || this.state === "closed") return
    if (this.state === "open") onNotice("info", `lost the ${channel} link to ${address}: ${text}`)
    else onNotice("debug", `${channel} link to ${address}: ${text}`)
    this.state = "idle"
    this.attempt++
    this.deadlineMs = Infinity
    this.outbox.clear()
    this.socket?.terminate()
    this.socket = undefined
    this.retryAtMs = nowMs + this.retryMs * (1 - random() / 2)
    this.retryMs = Math.min(2 * this.retryMs, linkRetryMsMax)
  }
}

function reason(error: NodeJS.ErrnoException): string {
  if (error.code === "ECONNREFUSED") return "nobody listens there"
  return error.message
}
