/**
 * Frames out of a byte stream: an unsigned 32-bit little-endian length, then that many bytes.
 *
 * The stream is hostile until decoded, and it is the hot path: one chunk may hold thousands of small frames. So the reader
 * is a cursor, not a callback or a list: the caller pushes a chunk and asks for `next()` until the reader is starved, and a
 * frame is a range of `bytes`. A frame that lies within one chunk is never copied and nothing is allocated for it.
 *
 * Only a frame that a chunk's end cuts in two is put together (`partial-frame.ts`). Its memory grows with the bytes that have
 * *arrived*, at most twice as much, and never by the announced length: a stranger who announces 64 MiB and sends ten bytes
 * costs us some hundred.
 * A length above the bound fails at once, before anything is kept. The bound is small until the hello is in (`limit`).
 *
 * Rejected: a ring that each chunk is copied into (a copy of every byte, to save one of few), and a list of chunks (frames
 * in pieces, which every decoder would then have to know).
 */
import { assert } from "../core/lib/assert.ts"
import { helloFrameBytesMax } from "../core/lib/limits.ts"
import { PartialFrame } from "./partial-frame.ts"

/** What `FrameReader.next` answers. */
export const frameState = {
  /** No whole frame is left: push the next chunk. */
  starved: 0,
  /** A frame lies in `bytes` from `start` to `end`, until the next call of `next` or `push`. */
  whole: 1,
  /** The peer announced a longer frame than allowed. Nothing more is read: close the connection. */
  tooLong: 2,
} as const

export type FrameState = (typeof frameState)[keyof typeof frameState]

const headerBytes = 4
const nothing = new Uint8Array(0)

export class FrameReader {
  /** Where the frame that `next` found lies. */
  bytes: Uint8Array = nothing
  start = 0
  end = 0
  private frameBytesMax: number
  private chunk: Uint8Array = nothing
  private position = 0
  private chunkEnd = 0
  /** A frame that began in an earlier chunk. */
  private readonly partial = new PartialFrame()
  private failed = false

  /** @param frameBytesMax the longest frame accepted, without its header */
  constructor(frameBytesMax: number = helloFrameBytesMax) {
    this.frameBytesMax = frameBytesMax
  }

  /** Sets another bound for the frames to come; for after the hello. */
  limit(frameBytesMax: number): void {
    this.frameBytesMax = frameBytesMax
  }

  /** Bytes of memory held for this stream: the partial frame's buffer and what is unread of the chunk. */
  get heldBytes(): number {
    return this.partial.heldBytes + (this.chunkEnd - this.position)
  }

  /**
   * Hands in the stream's next bytes; the chunk is this reader's from now on, and who still looks at it may find it detached. They are
   * read in place until `next` answers `starved`. A chunk before it that was not read to its end is kept: the two are joined,
   * by a copy.
   */
  push(chunk: Uint8Array, start: number = 0, end: number = chunk.length): void {
    assert(start >= 0 && start <= end && end <= chunk.length, "a chunk's range lies inside it")
    const unread = this.chunkEnd - this.position
    if (unread > 0) {
      const joined = new Uint8Array(unread + end - start)
      joined.set(this.chunk.subarray(this.position, this.chunkEnd))
      joined.set(chunk.subarray(start, end), unread)
      this.chunk = joined
      this.position = 0
      this.chunkEnd = joined.length
      return
    }
    this.chunk = chunk
    this.position = start
    this.chunkEnd = end
  }

  /** Copies what is unread of the chunk, for a caller that pauses here: a large chunk does not stay for the little that is unread of it. */
  hold(): void {
    if (this.position === this.chunkEnd) return
    this.chunk = this.chunk.slice(this.position, this.chunkEnd)
    this.position = 0
    this.chunkEnd = this.chunk.length
  }

  /** Looks for the next frame; see `frameState`. */
  next(): FrameState {
    if (this.failed) return frameState.tooLong
    if (this.partial.length > 0) return this.continuePartial()
    if (this.partial.heldBytes > 0) this.partial.shrink()
    const at = this.position
    const available = this.chunkEnd - at
    let total = headerBytes
    if (available >= headerBytes) {
      const length = lengthAt(this.chunk, at)
      if (length > this.frameBytesMax) return this.fail()
      if (available - headerBytes >= length) {
        this.bytes = this.chunk
        this.start = at + headerBytes
        this.end = this.position = at + headerBytes + length
        return frameState.whole
      }
      total += length
    }
    if (available > 0) this.keep(available, total)
    return this.starve()
  }

  /** Nothing more is read: every later `next` answers `tooLong`, and no memory is held. */
  close(): void {
    this.failed = true
    this.partial.clear()
    this.position = this.chunkEnd
    this.starve()
  }

  /** A frame began in an earlier chunk: takes what is missing, and no more, from this one. */
  private continuePartial(): FrameState {
    const { partial } = this
    if (partial.length < headerBytes) {
      this.keep(headerBytes - partial.length, headerBytes)
      if (partial.length < headerBytes) return this.starve()
    }
    const length = lengthAt(partial.head, 0)
    if (length > this.frameBytesMax) return this.fail()
    const total = headerBytes + length
    this.keep(total - partial.length, total)
    if (partial.length < total) return this.starve()
    this.bytes = partial.take()
    this.start = headerBytes
    this.end = total
    return frameState.whole
  }

  /** Moves up to `count` bytes of the chunk to the partial frame. */
  private keep(count: number, total: number): void {
    const end = Math.min(this.position + count, this.chunkEnd)
    this.partial.append(this.chunk, this.position, end, total)
    this.position = end
  }

  private starve(): FrameState {
    assert(this.position === this.chunkEnd, "a starved reader has read its chunk")
    this.chunk = this.bytes = nothing
    this.position = this.chunkEnd = this.start = this.end = 0
    return frameState.starved
  }

  private fail(): FrameState {
    this.close()
    return frameState.tooLong
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  )
}
