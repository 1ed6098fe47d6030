/**
 * One direction of a proxied connection: bytes go in, and come out later, or not before the pipe is opened again. What is
 * held is never dropped in the middle: TCP delivers a prefix of what was sent, so a broken network shows as silence, or
 * as the end of the connection.
 */
import type { Socket } from "node:net"

/** Above this the source is not read: a sender meets back-pressure, as it would on a slow link. */
const heldBytesMax = 1024 * 1024

export interface LinkQuality {
  readonly delayMs: number
  readonly jitterMs: number
}

interface Chunk {
  readonly bytes: Uint8Array
  readonly dueMs: number
}

export class Pipe {
  quality: LinkQuality = { delayMs: 0, jitterMs: 0 }
  private readonly source: Socket
  private readonly target: Socket
  private readonly draw: (bound: number) => number
  private readonly chunks: Chunk[] = []
  private heldBytes = 0
  private isCut = false
  private ended = false
  private dueMs = 0
  private timer: NodeJS.Timeout | undefined

  /** @param draw an integer in [0, bound) */
  constructor(source: Socket, target: Socket, draw: (bound: number) => number) {
    this.source = source
    this.target = target
    this.draw = draw
    source.on("data", (bytes: Uint8Array) => this.take(bytes))
    source.on("end", () => {
      this.ended = true
      this.release()
    })
    target.on("drain", () => this.release())
  }

  /** Lets nothing through until `open`. */
  cut(): void {
    this.isCut = true
  }

  open(): void {
    this.isCut = false
    this.release()
  }

  close(): void {
    clearTimeout(this.timer)
    this.chunks.length = 0
    this.isCut = true
  }

  /** Takes up bytes that came from the source. */
  take(bytes: Uint8Array): void {
    const { delayMs, jitterMs } = this.quality
    const now = performance.now()
    // A stream keeps its order, so a slow chunk holds up those behind it.
    this.dueMs = Math.max(this.dueMs, now + delayMs + (jitterMs === 0 ? 0 : this.draw(jitterMs)))
    this.chunks.push({ bytes, dueMs: this.dueMs })
    this.heldBytes += bytes.length
    if (this.heldBytes > heldBytesMax) this.source.pause()
    this.release()
  }

  private release(): void {
    clearTimeout(this.timer)
    while (!this.isCut && !this.target.writableNeedDrain) {
      const chunk = this.chunks[0]
      if (chunk === undefined) break
      const waitMs = chunk.dueMs - performance.now()
      if (waitMs > 0) {
        this.timer = setTimeout(() => this.release(), waitMs)
        return
      }
      this.chunks.shift()
      this.heldBytes -= chunk.bytes.length
      this.target.write(chunk.bytes)
    }
    if (this.heldBytes <= heldBytesMax && this.source.isPaused()) this.source.resume()
    if (this.ended && !this.isCut && this.chunks.length === 0) this.target.end()
  }
}
