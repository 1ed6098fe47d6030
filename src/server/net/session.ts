/**
 * One client connection as the daemon keeps it: what has arrived and is not yet a frame, what is answered and not yet
 * sent, and how much it has in flight. Plain state; `listener.ts` moves it.
 *
 * Memory is bounded three ways: a frame's buffer grows only as bytes arrive, a session with `sessionOutputBytesMax` unsent
 * is not read from, and its reply buffer is lent from a pool only while something is unsent, so that ten thousand idle
 * sessions cost their sockets and little else.
 */
import type { Socket } from "bun"
import { FrameReader } from "../../wire/frame.ts"
import { ReplyWriter } from "../../wire/reply-writer.ts"
import type { AcceptedLink } from "../link/accepted.ts"

/** Why a session is not read from. */
export const pause = { none: 0, output: 1, room: 2, requests: 4 } as const

/** Bytes of all sessions together, since the start. */
export interface Traffic {
  bytesIn: number
  bytesOut: number
}

const pool: ReplyWriter[] = []
const pooledMax = 256

export class Session {
  readonly socket: Socket<Session>
  readonly reader = new FrameReader()
  /** The hello was exchanged. */
  greeted = false
  /** Another node dialled it: it carries messages between nodes. */
  peer: AcceptedLink | undefined
  /** No further request is taken; closed once everything is sent. */
  closing = false
  closed = false
  /** Listed for the flush at the end of this turn. */
  dirty = false
  /** The newest epoch that the client was told of. */
  toldEpoch = 0
  /** Requests taken and not yet answered. */
  inFlight = 0
  /** Bits of `pause`. */
  paused: number = pause.none
  /** Monotonic instants. */
  receivedMs: number
  requestedMs: number
  progressMs: number
  /** The system did not take all that was last handed to it: the peer leaves answers unread. */
  leavesUnread = false
  /** What of `heldBytes` the listener has counted. */
  accountedBytes = 0
  private writer: ReplyWriter | undefined
  private sent = 0

  private readonly traffic: Traffic

  constructor(socket: Socket<Session>, traffic: Traffic, nowMs: number) {
    this.socket = socket
    this.traffic = traffic
    this.receivedMs = this.requestedMs = this.progressMs = nowMs
  }

  /** Where replies go. */
  get out(): ReplyWriter {
    if (this.writer === undefined) {
      this.writer = pool.pop() ?? new ReplyWriter()
      this.sent = 0
    }
    return this.writer
  }

  /** Bytes answered and not yet taken by the system. */
  get unsentBytes(): number {
    return this.writer === undefined ? 0 : this.writer.position - this.sent
  }

  /** Bytes of memory held for what has arrived and what has not left. */
  get heldBytes(): number {
    return this.reader.heldBytes + (this.writer?.bytes.length ?? 0)
  }

  /** Hands to the system what it takes. @returns false once the connection is gone */
  send(nowMs: number): boolean {
    const { writer } = this
    if (writer === undefined) return true
    const unsent = writer.position - this.sent
    if (unsent > 0) {
      const taken = this.socket.write(writer.bytes, this.sent, unsent)
      if (taken < 0) return false
      if (taken > 0) this.progressMs = nowMs
      this.sent += taken
      this.traffic.bytesOut += taken
    } else this.progressMs = nowMs
    this.leavesUnread = this.sent < writer.position
    if (!this.leavesUnread) this.giveBack(writer)
    return true
  }

  /** Drops what is unread and unsent: the connection is gone. */
  discard(): void {
    this.reader.close()
    if (this.writer !== undefined) this.giveBack(this.writer)
  }

  private giveBack(writer: ReplyWriter): void {
    writer.clear()
    this.writer = undefined
    this.sent = 0
    if (pool.length < pooledMax) pool.push(writer)
  }
}
