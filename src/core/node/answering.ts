/**
 * Answers to whoever asked: a session of this node, or another node that forwarded the request. The latter's go out as
 * messages; what an answer refers to is copied into them.
 */
import type { EntryMemory } from "../entry/memory.ts"
import type { Requester } from "../replication/prepared.ts"
import type { Forwarded } from "./data-message.ts"
import { RemoteRequester } from "./forwards.ts"
import type { Output } from "./output.ts"

export class Answering implements Output {
  private readonly output: Output
  private readonly memory: EntryMemory
  private readonly sendBack: (to: RemoteRequester, answer: Forwarded) => void

  constructor(
    output: Output,
    memory: EntryMemory,
    sendBack: (to: RemoteRequester, answer: Forwarded) => void,
  ) {
    this.output = output
    this.memory = memory
    this.sendBack = sendBack
  }

  ok(requester: Requester, requestId: number): void {
    if (requester instanceof RemoteRequester) this.reply(requester, 0, undefined, undefined)
    else this.output.ok(requester, requestId)
  }

  resident(requester: Requester, requestId: number, handle: number): void {
    if (!(requester instanceof RemoteRequester)) {
      this.output.resident(requester, requestId, handle)
      return
    }
    const content = new Uint8Array(this.memory.contentLength(handle))
    this.memory.copyContent(handle, content, 0)
    this.reply(requester, 0, content, undefined)
  }

  content(requester: Requester, requestId: number, bytes: Uint8Array, start: number, length: number): void {
    if (requester instanceof RemoteRequester)
      this.reply(requester, 0, bytes.slice(start, start + length), undefined)
    else this.output.content(requester, requestId, bytes, start, length)
  }

  expiry(requester: Requester, requestId: number, expiresAtMs: number): void {
    if (requester instanceof RemoteRequester) this.reply(requester, 0, undefined, expiresAtMs)
    else this.output.expiry(requester, requestId, expiresAtMs)
  }

  error(requester: Requester, requestId: number, code: number): void {
    if (requester instanceof RemoteRequester) this.reply(requester, code, undefined, undefined)
    else this.output.error(requester, requestId, code)
  }

  errorContent(
    requester: Requester,
    requestId: number,
    code: number,
    bytes: Uint8Array,
    start: number,
    length: number,
  ): void {
    if (requester instanceof RemoteRequester)
      this.reply(requester, code, bytes.slice(start, start + length), undefined)
    else this.output.errorContent(requester, requestId, code, bytes, start, length)
  }

  load(slot: number, alias: string): void {
    this.output.load(slot, alias)
  }

  private reply(
    to: RemoteRequester,
    code: number,
    content: Uint8Array | undefined,
    expiresAtMs: number | undefined,
  ): void {
    this.sendBack(to, { kind: "forwarded", id: to.id, boot: to.boot, code, content, expiresAtMs })
  }
}
