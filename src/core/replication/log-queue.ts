/**
 * All that is in this node's log and not yet done with, in the order of the log: records of all slots, and the node's own
 * notes. Slots commit each in its own order and at its own pace, but the disk knows one log; so three marks move along
 * this list:
 *
 * - *durable*: the log's own word, up to which records can be acknowledged;
 * - *released*: the core reads no more from the places of records up to here (they are done, or were copied out);
 * - *settled*: all up to here is applied or void. What is void is known to be so only by the note that says it (`cut`,
 *   `reset`), which stands further on: so the mark passes a void record only together with its note.
 */
import { RecordView } from "../entry/record.ts"
import { assert } from "../lib/assert.ts"
import type { Prepared } from "./prepared.ts"
import { PreparedChanges } from "./prepared-changes.ts"

export class LogQueue {
  /** Not yet done. */
  count = 0
  settledPosition = 0
  releasedPosition = 0
  private durablePosition = 0
  /** A void record in front of `settling` waits for its note, which ends here. */
  private noteAt = 0
  private last: Prepared | undefined
  /** First that is not durable; not released; not settled. */
  private waiting: Prepared | undefined
  private releasing: Prepared | undefined
  private settling: Prepared | undefined
  /** First that this turn appended, where there is somebody to send it to. */
  unsent: Prepared | undefined
  readonly changes = new PreparedChanges()
  /** Of records that were copied out of the ring and are not done. */
  private copiedBytes = 0
  private readonly record = new RecordView()

  /** The oldest that holds the settled position back. */
  get oldest(): Prepared | undefined {
    return this.settling
  }

  /** The oldest that keeps its place in the ring. */
  get pinned(): Prepared | undefined {
    return this.releasing
  }

  /**
   * What is durable and not done gets bytes of its own, so that its place can be used again, as long as all such bytes stay
   * below `bytesMax`. @returns how many were copied
   */
  copyOut(bytesMax: number): number {
    let count = 0
    let next = this.releasing
    for (; next !== undefined && next.position <= this.durablePosition; next = next.next) {
      if (next.isDone || next.isCopied) continue
      const { length } = this.record.at(next.bytes, next.offset)
      if (this.copiedBytes + length > bytesMax) break
      next.bytes = next.bytes.slice(next.offset, next.offset + length)
      next.offset = 0
      next.isCopied = true
      next.copiedBytes = length
      this.copiedBytes += length
      count++
    }
    return count
  }

  push(prepared: Prepared): void {
    const { last } = this
    if (last !== undefined) {
      assert(prepared.position > last.position, "records follow one another in the log")
      last.next = prepared
    }
    this.last = prepared
    this.waiting ??= prepared
    this.releasing ??= prepared
    this.settling ??= prepared
    this.count++
  }

  /** What recovery found: durable, and not known to be committed. All in front of `before` is applied or in this list. */
  pushRecovered(prepared: Prepared, before: number): void {
    if (this.settling === undefined) this.settledPosition = before
    this.push(prepared)
  }

  /** Takes the oldest that has not been durable before and ends at or before `position`. */
  takeDurable(position: number): Prepared | undefined {
    const { waiting } = this
    if (waiting === undefined || waiting.position > position) return undefined
    this.waiting = waiting.next
    this.durablePosition = waiting.position
    return waiting
  }

  /** Applied. */
  done(prepared: Prepared): void {
    prepared.isDone = true
    this.count--
    this.copiedBytes -= prepared.copiedBytes
    this.changes.remove(prepared)
  }

  /** Made void by the note that ends at `position`. */
  void(prepared: Prepared, position: number): void {
    this.done(prepared)
    prepared.voidAt = position
  }

  /** Moves the marks as far as they can go. */
  move(): void {
    let next = this.settling
    while (next !== undefined && next.isDone && next.position <= this.durablePosition) {
      if (next.voidAt > this.noteAt) this.noteAt = next.voidAt
      if (next.position >= this.noteAt) this.settledPosition = next.position
      next = next.next
    }
    this.settling = next
    next = this.releasing
    while (next !== undefined && next.position <= this.durablePosition && (next.isDone || next.isCopied)) {
      this.releasedPosition = next.position
      next = next.next
    }
    this.releasing = next
    if (this.settling === undefined && next === undefined && this.unsent === undefined) this.last = undefined
  }
}
