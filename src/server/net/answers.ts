/** The core's answers, written into the buffers of the sessions that asked. Nothing is sent before the turn's end. */
import type { EntryMemory } from "../../core/entry/memory.ts"
import type { Output } from "../../core/node/output.ts"
import type { ReplyWriter } from "../../wire/reply-writer.ts"
import type { Session } from "./session.ts"

export class Answers implements Output {
  private readonly memory: EntryMemory
  private readonly startLoad: (slot: number, alias: string) => void
  /** Called once per session and turn with something to send. */
  private readonly onDirty: (session: Session) => void
  failures = 0
  /** Requests that were taken and are answered, also where nobody waits for the answer any more. */
  answered = 0

  constructor(
    memory: EntryMemory,
    startLoad: (slot: number, alias: string) => void,
    onDirty: (session: Session) => void,
  ) {
    this.memory = memory
    this.startLoad = startLoad
    this.onDirty = onDirty
  }

  ok(requester: object, requestId: number): void {
    this.writer(requester)?.okReply(requestId)
  }

  resident(requester: object, requestId: number, handle: number): void {
    const writer = this.writer(requester)
    if (writer === undefined) return
    const length = this.memory.contentLength(handle)
    const offset = writer.beginContentReply(requestId, length)
    this.memory.copyContent(handle, writer.bytes, offset)
  }

  content(requester: object, requestId: number, bytes: Uint8Array, start: number, length: number): void {
    this.writer(requester)?.contentReply(requestId, bytes, start, start + length)
  }

  expiry(requester: object, requestId: number, expiresAtMs: number): void {
    this.writer(requester)?.integerReply(requestId, expiresAtMs)
  }

  error(requester: object, requestId: number, code: number, message?: string): void {
    this.failures++
    this.writer(requester)?.errorReply(code, requestId, message)
  }

  errorContent(
    requester: object,
    requestId: number,
    code: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    this.failures++
    const writer = this.writer(requester)
    if (writer === undefined) return
    const offset = writer.beginErrorContentReply(code, requestId, length)
    writer.bytes.set(bytes.subarray(start, start + length), offset)
  }

  load(slot: number, alias: string): void {
    this.startLoad(slot, alias)
  }

  /** A notice that answers nothing: once for each epoch. */
  outdated(requester: object, epoch: number): void {
    const session = requester as Session
    if (session.closed || session.toldEpoch >= epoch) return
    session.toldEpoch = epoch
    session.out.epochNotice(epoch)
    if (session.dirty) return
    session.dirty = true
    this.onDirty(session)
  }

  /** Counts the request as answered. @returns undefined where the session has gone meanwhile */
  writer(requester: object): ReplyWriter | undefined {
    const session = requester as Session
    session.inFlight--
    this.answered++
    if (session.closed) return undefined
    if (!session.dirty) {
      session.dirty = true
      this.onDirty(session)
    }
    return session.out
  }
}
