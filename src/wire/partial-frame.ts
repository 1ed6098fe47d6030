/**
 * A frame that is still arriving, its header included.
 *
 * Its first `framePieceBytes` lie in one buffer that doubles as they arrive; what follows lies in pieces, which are joined once, when the
 * last byte is there. A buffer that goes on doubling copies megabytes in the middle of some turn, into memory that the system
 * has yet to find, and does so for strangers who never end their frame (docs/performance.md).
 *
 * A large chunk becomes a piece as it is, without a copy; what comes in small ones is gathered, so that a frame that arrives byte by byte
 * does not cost an object for each.
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
  head: Uint8Array = nothing
  /** What follows a full head, in order; each is full. */
  private tail: Array<Uint8Array> = []
  /** What follows the tail: chunks too small to be kept. */
  private gathered: Uint8Array = nothing
  private gatheredBytes = 0

  /**
   * Takes bytes of a chunk; where they are its last ones, the chunk is this frame's afterwards.
   * @param total the frame's length with its header, or the header's as long as that is all that is known
   */
  append(chunk: Uint8Array, start: number, end: number, total: number): void {
    assert(this.length + end - start <= total, "a frame is no longer than it said")
    const missing = Math.max(0, framePieceBytes - this.length)
    const split = Math.min(end, start + missing)
    if (split > start) this.fillHead(chunk, start, split, total)
    if (end === split) return
    if (isWorthKeeping(chunk, split, end)) this.keep(chunk.subarray(split, end))
    else this.gather(chunk, split, end, total)
  }

  private fillHead(chunk: Uint8Array, start: number, end: number, total: number): void {
    const needed = this.length + end - start
    if (needed > this.head.length) this.growHead(needed, total)
    this.head.set(chunk.subarray(start, end), this.length)
    this.length = needed
  }

  private growHead(needed: number, total: number): void {
    const { head } = this
    const bytes = Math.max(frameBufferBytesMin, Math.min(2 * needed, total))
    const grown = new Uint8Array(Math.min(framePieceBytes, bytes))
    grown.set(head.subarray(0, this.length))
    this.release(head)
    this.head = grown
    this.heldBytes += grown.length
  }

  private keep(piece: Uint8Array): void {
    this.endGathered()
    this.tail.push(piece)
    this.heldBytes += piece.buffer.byteLength
    this.length += piece.length
  }

  private gather(chunk: Uint8Array, start: number, end: number, total: number): void {
    for (let at = start; at < end;) {
      if (this.gatheredBytes === this.gathered.length) {
        this.endGathered()
        this.gathered = new Uint8Array(Math.min(framePieceBytes, total - this.length))
        this.heldBytes += this.gathered.length
      }
      const count = Math.min(end - at, this.gathered.length - this.gatheredBytes)
      this.gathered.set(chunk.subarray(at, at + count), this.gatheredBytes)
      this.gatheredBytes += count
      this.length += count
      at += count
    }
  }

  private endGathered(): void {
    if (this.gatheredBytes > 0) this.tail.push(this.gathered.subarray(0, this.gatheredBytes))
    this.gathered = nothing
    this.gatheredBytes = 0
  }

  /** Ends the frame. @returns its bytes, from 0 on, which stay until the next `append` or `shrink` */
  take(): Uint8Array {
    this.endGathered()
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
    this.endGathered()
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
  private release({ buffer }: Uint8Array): void {
    this.heldBytes -= buffer.byteLength
    if (buffer.byteLength > frameBufferKeptBytesMax && buffer instanceof ArrayBuffer) buffer.transfer(0)
  }
}

/**
 * Whether the bytes are many, and no less than half of the memory that would be held for them. They are copied where something else lies in
 * that memory, which is given back with the frame: what follows in the chunk, or what a chunk that is a view shares its buffer with.
 */
function isWorthKeeping(chunk: Uint8Array, start: number, end: number): boolean {
  const bytes = end - start
  const { buffer, length } = chunk
  return end === length && length === buffer.byteLength && bytes >= framePieceBytes && 2 * bytes >= length
}
