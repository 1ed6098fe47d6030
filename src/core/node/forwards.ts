/**
 * Requests that belong to another node: sent on to the primary of their slot, and their answers brought back.
 *
 * A request is forwarded twice at the most and never sent again by this node: it is the client's to retry, under the same
 * number. So where no answer comes in time, or the slot's primary changes meanwhile, a write ends as `in_doubt` and a read
 * as `unstable_cluster`, and both come back.
 *
 * A process numbers its requests from 1, like the process before it. So an answer names the boot in which was asked: one that
 * comes after a restart belongs to a request that nobody remembers, and not to the new one of that number.
 */
import { code } from "../../wire/errors.ts"
import { isWrite } from "../entry/operation.ts"
import type { Request } from "../entry/request.ts"
import type { Now } from "../lib/clock.ts"
import { forwardMs, forwardsMax } from "../lib/limits.ts"
import type { Requester } from "../replication/prepared.ts"
import type { StorageId } from "../view/view.ts"
import type { DataBody, Forwarded } from "./data-message.ts"
import type { Output } from "./output.ts"

interface Pending {
  readonly requester: Requester
  readonly requestId: number
  readonly opcode: number
  readonly target: StorageId
  readonly giveUpAtMs: number
}

/** Who asked is another node: its storage and boot, and what it called the request. */
export class RemoteRequester {
  readonly storageId: StorageId
  readonly boot: number
  readonly id: number
  readonly hops: number

  constructor(storageId: StorageId, boot: number, id: number, hops: number) {
    this.storageId = storageId
    this.boot = boot
    this.id = id
    this.hops = hops
  }
}

export class Forwards {
  /** Oldest first. */
  private readonly pending = new Map<number, Pending>()
  private lastId = 0
  private readonly countMax: number
  /** Requests of this node's own clients, and of these the ones of clients that know a view. */
  taken = 0
  takenRouted = 0

  constructor(countMax: number = forwardsMax) {
    this.countMax = countMax
  }

  get count(): number {
    return this.pending.size
  }

  /** @returns the message to send, or undefined where too many are open */
  take(request: Request, requester: Requester, target: StorageId, now: Now): DataBody | undefined {
    if (this.pending.size >= this.countMax) return undefined
    const id = ++this.lastId
    const timeLeftMs = Math.floor(request.timeLeftMs - (now.monotonicMs - request.arrivedMs))
    const waitMs = Math.min(forwardMs, timeLeftMs)
    const { requestId, opcode, bytes, frameStart, frameEnd } = request
    const giveUpAtMs = now.monotonicMs + waitMs
    this.pending.set(id, { requester, requestId, opcode, target, giveUpAtMs })
    const hops = requester instanceof RemoteRequester ? requester.hops + 1 : 1
    if (hops === 1) {
      this.taken++
      if (request.epoch > 0) this.takenRouted++
    }
    return { kind: "forward", id, hops, timeLeftMs, frame: bytes.slice(frameStart, frameEnd) }
  }

  /** An answer has come to this process, whose boot is `boot`. */
  answered(from: StorageId, answer: Forwarded, boot: number, output: Output): void {
    if (answer.boot !== boot) return
    const pending = this.pending.get(answer.id)
    if (pending === undefined || pending.target !== from) return
    this.pending.delete(answer.id)
    const { requester, requestId } = pending
    const { content, expiresAtMs } = answer
    if (answer.code === 0) {
      if (content !== undefined) output.content(requester, requestId, content, 0, content.length)
      else if (expiresAtMs !== undefined) output.expiry(requester, requestId, expiresAtMs)
      else output.ok(requester, requestId)
    } else if (content === undefined) output.error(requester, requestId, answer.code)
    else output.errorContent(requester, requestId, answer.code, content, 0, content.length)
  }

  /** Gives up what waits for too long. */
  tick(now: Now, output: Output): void {
    for (const [id, pending] of this.pending) {
      if (now.monotonicMs < pending.giveUpAtMs) continue
      this.giveUp(id, pending, output)
    }
  }

  /** A new view: what `lost` says is not coming back is given up. */
  giveUpWhere(lost: (target: StorageId) => boolean, output: Output): void {
    for (const [id, pending] of this.pending) if (lost(pending.target)) this.giveUp(id, pending, output)
  }

  private giveUp(id: number, { requester, requestId, opcode }: Pending, output: Output): void {
    this.pending.delete(id)
    output.error(requester, requestId, isWrite(opcode) ? code.in_doubt : code.unstable_cluster)
  }
}
