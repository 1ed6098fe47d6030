/**
 * The node's side of the output: replies, whole frames each.
 *
 * A content is copied once, from the memory table into the frame: `beginContentReply` writes all around it and answers
 * where it belongs. The texts of the catalogue's errors are encoded once, when the module is loaded.
 */
import { assert } from "../core/lib/assert.ts"
import { errorTable, errorOf } from "./errors.ts"
import { type Value, Writer } from "./writer.ts"

/** Room for a reply's frame header, array header, code and request id, and for what follows in one more integer. */
const headBytesMax = 4 + 1 + 5 + 5 + 9

/** The elements `name, message, retry` of each catalogued error, by code. */
const errorTails: readonly Uint8Array[] = makeErrorTails()

export class ReplyWriter extends Writer {
  private listFrame = 0
  private listHeader = 0
  private listCount = -1

  /** `[0, requestId]` */
  okReply(requestId: number): void {
    const frame = this.head(2, 0, requestId)
    this.endFrame(frame)
  }

  /** `[0, 0, epoch]`: no reply, but a notice that the view has this epoch by now */
  epochNotice(epoch: number): void {
    this.integerReply(0, epoch)
  }

  /** `[0, requestId, value]`, for an expiry: an integer from 0 to 2^53 - 1 */
  integerReply(requestId: number, value: number): void {
    const frame = this.head(3, 0, requestId)
    this.unsigned(value)
    this.endFrame(frame)
  }

  /**
   * `[0, requestId, content]` but for the content's bytes.
   * @returns the offset in `bytes` where the caller must write `length` bytes, before anything else is written
   */
  beginContentReply(requestId: number, length: number): number {
    const frame = this.head(3, 0, requestId)
    return this.reserveContent(frame, length)
  }

  /** `[0, requestId, content]` with the content from `bytes[start, end)` */
  contentReply(requestId: number, bytes: Uint8Array, start: number, end: number): void {
    const frame = this.head(3, 0, requestId)
    this.byteRange(bytes, start, end)
    this.endFrame(frame)
  }

  /** `[code, requestId, name, message, retry]`; `message` instead of the catalogue's, to say more */
  errorReply(errorCode: number, requestId: number, message?: string): void {
    const frame = this.head(5, errorCode, requestId)
    this.errorTail(errorCode, message)
    this.endFrame(frame)
  }

  /**
   * An error that carries the stored content as its sixth element, as `unmatched_content` of `cas` does.
   * @returns the offset in `bytes` where the caller must write `length` bytes, before anything else is written
   */
  beginErrorContentReply(errorCode: number, requestId: number, length: number): number {
    const frame = this.head(6, errorCode, requestId)
    this.errorTail(errorCode)
    return this.reserveContent(frame, length)
  }

  /** `[0, requestId, document]` */
  documentReply(requestId: number, document: Value): void {
    const frame = this.head(3, 0, requestId)
    this.value(document)
    this.endFrame(frame)
  }

  /** Begins `[0, requestId, [alias…], nextSlot, nextAfter]`: one piece of a list whose length is not known yet. */
  beginListReply(requestId: number): void {
    assert(this.listCount < 0, "one list is written at a time")
    this.listFrame = this.head(5, 0, requestId)
    this.listHeader = this.position
    this.listCount = 0
    this.ensure(5)
    this.position += 5
  }

  /** Bytes of the list's aliases so far, with their headers. */
  get listBytes(): number {
    return this.position - this.listHeader - 5
  }

  listAlias(bytes: Uint8Array, start: number, end: number): void {
    assert(this.listCount >= 0, "a list has begun")
    this.byteRange(bytes, start, end)
    this.listCount++
  }

  /** Ends the piece. The cursor says where the next one begins. */
  endListReplyWithCursor(nextSlot: number, nextAfter: Uint8Array, start: number, end: number): void {
    this.closeList()
    this.unsigned(nextSlot)
    this.byteRange(nextAfter, start, end)
    this.endFrame(this.listFrame)
  }

  /** Ends the last piece. */
  endListReply(): void {
    this.closeList()
    this.nil()
    this.nil()
    this.endFrame(this.listFrame)
  }

  /** The count is known now: writes its header and moves the aliases up to it. */
  private closeList(): void {
    assert(this.listCount >= 0, "a list has begun")
    const end = this.position
    this.position = this.listHeader
    this.arrayHeader(this.listCount)
    this.bytes.copyWithin(this.position, this.listHeader + 5, end)
    this.position += end - this.listHeader - 5
    this.listCount = -1
  }

  private head(count: number, errorCode: number, requestId: number): number {
    this.ensure(headBytesMax)
    const frame = this.position
    this.bytes[frame + 4] = 0x90 | count
    this.position = frame + 5
    this.unsigned(errorCode)
    this.unsigned(requestId)
    return frame
  }

  private errorTail(errorCode: number, message?: string): void {
    const tail = message === undefined ? errorTails[errorCode] : undefined
    if (tail !== undefined) return this.encoded(tail)
    const entry = errorOf(errorCode)
    this.string(entry.name)
    this.string(message ?? entry.message)
    this.boolean(entry.retryable)
  }

  private reserveContent(frame: number, length: number): number {
    this.bytesHeader(length)
    const offset = this.position
    this.position = offset + length
    this.endFrame(frame)
    return offset
  }
}

function makeErrorTails(): Uint8Array[] {
  const tails: Uint8Array[] = []
  for (const entry of errorTable) {
    const writer = new Writer(256)
    writer.string(entry.name)
    writer.string(entry.message)
    writer.boolean(entry.retryable)
    tails[entry.code] = writer.copy()
  }
  return tails
}
