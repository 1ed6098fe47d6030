/**
 * The ring between the thread that owns sockets and the one that commits: records lie one behind another in shared
 * memory, written in place by the core and read by the committer without a copy in between. `publish` hands over, once per
 * turn, whatever the turn appended.
 *
 * Each record is contiguous: where one does not fit before the ring's end, padding fills the rest. A record that is long,
 * or that finds no room, gets a buffer of its own, and a stub of 16 bytes in the ring keeps its place in the order:
 * `0 u32 16, 4 u8 kind 255, 8 u32 id, 12 u32 length`. So `reserve` never fails; `hasRoom` is asked before an event is
 * handed to the core, and keeps what overflows to what one event can cause.
 *
 * Positions count the bytes of records alone. Padding and stubs exist in the ring only.
 */
import { recordKind } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { logOwnBuffersBytesMax, logRingRecordBytesMax } from "../../core/lib/limits.ts"
import type { RecordSink } from "../../core/replication/sink.ts"

export const elsewhere = 255
export const stubBytes = 16
/** Kept free for stubs: 4096 of them. */
const stubReserveBytes = 64 * 1024

export class LogRing implements RecordSink {
  bytes: Uint8Array
  view: DataView
  /** Log position behind the last reserved record. */
  position: number
  readonly shared: SharedArrayBuffer
  /** Bytes that have gone through the ring. */
  head = 0
  private tail = 0
  private readonly size: number
  private readonly ringBytes: Uint8Array
  private readonly ringView: DataView
  private readonly handOver: (id: number, buffer: SharedArrayBuffer) => void
  private nextId = 1
  private ownBytes = 0
  private ownBytesEver = 0
  /** Published places, oldest first: position, head, and bytes of own buffers up to there. */
  private readonly marks: { position: number; head: number; own: number }[] = []
  private firstMark = 0

  /** @param handOver gives the committer a record's own buffer */
  constructor(size: number, position: number, handOver: (id: number, buffer: SharedArrayBuffer) => void) {
    this.size = size
    this.shared = new SharedArrayBuffer(size)
    this.ringBytes = new Uint8Array(this.shared)
    this.ringView = new DataView(this.shared)
    this.bytes = this.ringBytes
    this.view = this.ringView
    this.position = position
    this.handOver = handOver
  }

  reserve(length: number): number {
    assert(length >= 8 && (length & 7) === 0, "a record's length is a multiple of 8")
    const at = this.head % this.size
    const padding = at + length > this.size ? this.size - at : 0
    const free = this.size - (this.head - this.tail) - stubReserveBytes
    if (length > logRingRecordBytesMax || padding + length > free) return this.reserveOwn(length)
    if (padding > 0) this.pad(at, padding)
    this.bytes = this.ringBytes
    this.view = this.ringView
    const offset = this.head % this.size
    this.head += length
    this.position += length
    return offset
  }

  private pad(at: number, length: number): void {
    this.ringView.setUint32(at, length, true)
    this.ringView.setUint8(at + 4, recordKind.padding)
    this.head += length
  }

  private reserveOwn(length: number): number {
    let at = this.head % this.size
    if (at + stubBytes > this.size) {
      this.pad(at, this.size - at)
      at = 0
    }
    this.head += stubBytes
    assert(this.head - this.tail <= this.size, "the ring has room for a stub")
    const id = this.nextId++
    this.ringView.setUint32(at, stubBytes, true)
    this.ringView.setUint8(at + 4, elsewhere)
    this.ringView.setUint32(at + 8, id, true)
    this.ringView.setUint32(at + 12, length, true)
    const buffer = new SharedArrayBuffer(length)
    this.bytes = new Uint8Array(buffer)
    this.view = new DataView(buffer)
    this.position += length
    this.ownBytes += length
    this.ownBytesEver += length
    this.handOver(id, buffer)
    return 0
  }

  /** Notes where the turn ended. @returns whether it appended anything */
  mark(): boolean {
    const last = this.marks[this.marks.length - 1]
    if (last === undefined ? this.head === this.tail : last.head === this.head) return false
    this.marks.push({ position: this.position, head: this.head, own: this.ownBytesEver })
    return true
  }

  release(position: number): void {
    const { marks } = this
    let mark = marks[this.firstMark]
    while (mark !== undefined && mark.position <= position) {
      this.tail = mark.head
      this.ownBytes = this.ownBytesEver - mark.own
      mark = marks[++this.firstMark]
    }
    if (mark === undefined || this.firstMark > 1024) {
      marks.splice(0, this.firstMark)
      this.firstMark = 0
    }
  }

  /** Whether events that bring about `bytes` bytes of records may be handed to the core. */
  hasRoom(bytes: number): boolean {
    if (this.ownBytes > 0 && this.ownBytes + bytes > logOwnBuffersBytesMax) return false
    const free = this.size - (this.head - this.tail) - stubReserveBytes - logRingRecordBytesMax
    return bytes > logRingRecordBytesMax ? free > 0 : free >= bytes
  }
}
