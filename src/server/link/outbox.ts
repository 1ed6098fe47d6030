/**
 * What a link has to send and has not sent: frames one behind another, and how much of them the system has taken. Bounded:
 * a message that does not fit is refused, and its sender, who reckons with lost messages, comes again later.
 */
import type { Socket } from "bun"
import { Writer } from "../../wire/writer.ts"

/** What is sent is cut off once it is more than this, and more than half. */
const cutBytesMin = 64 * 1024

export class Outbox {
  private readonly writer = new Writer()
  private readonly bytesMax: number
  private sent = 0
  /** The system has taken a part of what is there, and perhaps of one frame. */
  isCutOff = false

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get unsentBytes(): number {
    return this.writer.position - this.sent
  }

  /** Lets `write` put frames behind what is there. @returns false where that would be too much: then nothing was added */
  add(write: (writer: Writer) => void): boolean {
    const { writer } = this
    this.cut()
    const before = writer.position
    write(writer)
    // One message may be larger than the bound, if it is alone.
    if (before === this.sent || this.unsentBytes <= this.bytesMax) return true
    writer.position = before
    return false
  }

  /** Hands to the system what it takes. @returns false once the connection is gone */
  send<T>(socket: Socket<T>): boolean {
    const unsent = this.unsentBytes
    if (unsent === 0) return true
    const taken = socket.write(this.writer.bytes, this.sent, unsent)
    if (taken < 0) return false
    this.sent += taken
    if (this.unsentBytes === 0) this.clear()
    else this.isCutOff = true
    return true
  }

  clear(): void {
    this.writer.clear()
    this.sent = 0
    this.isCutOff = false
  }

  private cut(): void {
    const { writer, sent } = this
    if (sent < cutBytesMin || sent < writer.position / 2) return
    writer.bytes.copyWithin(0, sent, writer.position)
    writer.position -= sent
    this.sent = 0
  }
}
