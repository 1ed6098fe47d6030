/**
 * A frame that is still arriving, its header included.
 *
 * Its first `framePieceBytes` lie in one buffer that doubles as they arrive; what follows comes into pieces of that size, which
 * are joined once, when the last byte is there. A buffer that goes on doubling copies megabytes in the middle of some turn,
 * into memory that the system has yet to find, and does so for strangers who never end their frame (docs/performance.md).
 *
 * Either way no more than twice of what has arrived is held, or `frameBufferBytesMin`, however much was announced.
 */
import { assert } from "../core/lib/assert.ts"
import { frameBufferBytesMin, frameBufferKeptBytesMax, framePieceBytes } from "../core/lib/limits.ts"

const nothing = new Uint8Array(0)

export class PartialFrame {
  /** Bytes that have arrived. */
  length = 0
  /** Bytes of memory, in all. */
  heldBytes = 0
  /** The first bytes, among them the header once that is there. */
  head: Uint8Array<ArrayBuffer> = nothing
  /** What follows a full head; all but the last are full. */
  private tail: Array<Uint8Array<ArrayBuffer>> = []

  /**
   * Takes bytes of a chunk, whose memory is the caller's again afterwards.
   * @param total the frame's length with its header, or the header's as long as that is all that is known
   */
  append(chunk: Uint8Array, start: number, end: number, total: number): void {
    assert(this.length + end - start <= total, "a frame is no longer than it said")
    for (let at = start; at < end;) {
      const inHead = this.length < framePieceBytes
      const piece = inHead ? this.headFor(this.length + end - at, total) : this.tailFor(total)
      const offset = inHead ? this.length : this.length % framePieceBytes
      const count = Math.min(end - at, piece.length - offset)
      piece.set(chunk.subarray(at, at + count), offset)
      this.length += count
      at += count
    }
  }

  private headFor(needed: number, total: number): Uint8Array {
    const { head } = this
    if (needed <= head.length || head.length === framePieceBytes) return head
    const bytes = Math.max(frameBufferBytesMin, Math.min(2 * needed, total))
    const grown = new Uint8Array(Math.min(framePieceBytes, bytes))
    grown.set(head.subarray(0, this.length))
    this.release(head)
    this.head = grown
    this.heldBytes += grown.length
    return grown
  }

  private tailFor(total: number): Uint8Array {
    if (this.length % framePieceBytes > 0) return this.tail.at(-1) as Uint8Array
    const piece = new Uint8Array(Math.min(framePieceBytes, total - this.length))
    this.tail.push(piece)
    this.heldBytes += piece.length
    return piece
  }

  /** Ends the frame. @returns its bytes, from 0 on, which stay until the next `append` or `shrink` */
  take(): Uint8Array {
    if (this.tail.length > 0) this.join()
    this.length = 0
    return this.head
  }

  private join(): void {
    const whole = new Uint8Array(this.length)
    let at = 0
    for (const piece of [this.head, ...this.tail]) {
      whole.set(piece, at)
      at += piece.length
    }
    assert(at === whole.length, "pieces have the length of their frame")
    this.clear()
    this.head = whole
    this.heldBytes = whole.length
  }

  /** Between frames: a connection keeps no more than `frameBufferKeptBytesMax`. */
  shrink(): void {
    if (this.head.length > frameBufferKeptBytesMax) this.clear()
  }

  /** Drops what has arrived, and its memory. */
  clear(): void {
    this.release(this.head)
    for (const piece of this.tail) this.release(piece)
    this.head = nothing
    this.tail = []
    this.length = 0
    assert(this.heldBytes === 0, "what is held is in the head and in the tail")
  }

  /**
   * Gives a buffer back now and not at some later collection: a stranger can make us hold hundreds of megabytes of these, and
   * the collector does not see how large they are.
   */
  private release(piece: Uint8Array<ArrayBuffer>): void {
    this.heldBytes -= piece.length
    if (piece.length > frameBufferKeptBytesMax) piece.buffer.transfer(0)
  }
}
