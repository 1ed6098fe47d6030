/** How many requests a client has unanswered, and how large; one too many is refused. */
import { clientPendingBytesMax, clientPendingMax } from "../core/lib/limits.ts"
import type { Pending } from "./pending.ts"

export class Bounds {
  count = 0
  private bytes = 0
  private waiters: (() => void)[] = []

  /** Whether a request of so many bytes would be one too many. A single one of any size fits. */
  isFull(bytes: number): boolean {
    if (this.count >= clientPendingMax) return true
    return this.count > 0 && this.bytes + bytes > clientPendingBytesMax
  }

  begun(request: Pending): void {
    this.count++
    this.bytes += request.bytes
  }

  ended(request: Pending): void {
    this.count--
    this.bytes -= request.bytes
    if (this.waiters.length === 0 || this.isFull(0)) return
    const { waiters } = this
    this.waiters = []
    for (const waiter of waiters) waiter()
  }

  /** Calls `done` when one more request would be taken (at once, if so). */
  whenRoom(done: () => void): void {
    if (this.isFull(0)) this.waiters.push(done)
    else done()
  }
}
