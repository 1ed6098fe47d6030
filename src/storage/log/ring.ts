/**
 * The ring between the thread that owns sockets and the one that commits: records lie one behind another in shared
 * memory, written in place by the core and read by the committer without a copy in between. `publish` hands over, once per
 * turn, whatever the turn appended.
 *
 * It is a ring of segments that need not follow one another: when one is full, the next is the one that was released last.
 * A ring in the order of addresses writes to all of its megabytes in turn, of which none is in the processor's cache when
 * its turn comes; here a load that has little under way stays within two or three segments, and they stay in the cache.
 *
 * Each record is contiguous: where one does not fit into a segment's rest, a *link* of 16 bytes stands there and tells where
 * the next record is: `0 u32 16, 4 u8 kind 0 (padding), 8 u32 offset`. One that is longer than a segment takes neighbours. A
 * record that is very long, or that finds no room, gets a buffer of its own, and a *stub* of 16 bytes in the ring keeps its
 * place in the order: `0 u32 16, 4 u8 kind 255, 8 u32 id, 12 u32 length`. So `reserve` never fails; `hasRoom` is asked before
 * an event is handed to the core, and keeps what overflows to what one event can cause.
 *
 * Positions count the bytes of records alone. Links and stubs exist in the ring only.
 */
import { recordKind } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { logOwnBuffersBytesMax, logRoomBytes, logSegmentBytes } from "../../core/lib/limits.ts"
import type { RecordSink } from "../../core/replication/sink.ts"

export const elsewhere = 255
export const stubBytes = 16
const linkBytes = 16
/** Kept free for stubs: thousands of them. */
const stubSegments = 1

/** Segments in use: one, or neighbours that a long record lies in. */
interface Run {
  readonly offset: number
  readonly count: number
}
interface FullRun extends Run {
  readonly head: number
}

export class LogRing implements RecordSink {
  bytes: Uint8Array
  view: DataView
  /** Log position behind the last reserved record. */
  position: number
  readonly shared: SharedArrayBuffer
  /** Bytes of records and stubs that have gone through the ring. */
  head = 0
  private readonly segmentBytes: number
  private readonly ringBytes: Uint8Array
  private readonly ringView: DataView
  private readonly handOver: (id: number, buffer: SharedArrayBuffer) => void
  /** Where the next record goes, and where its segment's link would stand. */
  private place = 0
  private placeEnd: number
  private run: Run = { offset: 0, count: 1 }
  /** Offsets of free segments; the last was released last. */
  private readonly free: number[] = []
  /** Segments that are full, oldest first, each with the head behind its last record. */
  private readonly full: FullRun[] = []
  private nextId = 1
  private ownBytes = 0
  private ownBytesEver = 0
  /** Published places, oldest first: position, head, and bytes of own buffers up to there. */
  private readonly marks: { position: number; head: number; own: number }[] = []
  private firstMark = 0
  private released = 0

  /**
   * @param size a multiple of `segmentBytes`
   * @param handOver gives the committer a record's own buffer
   */
  constructor(
    size: number,
    position: number,
    handOver: (id: number, buffer: SharedArrayBuffer) => void,
    segmentBytes: number = logSegmentBytes,
  ) {
    this.segmentBytes = segmentBytes
    this.shared = new SharedArrayBuffer(size)
    this.ringBytes = new Uint8Array(this.shared)
    this.ringView = new DataView(this.shared)
    this.bytes = this.ringBytes
    this.view = this.ringView
    this.position = position
    this.handOver = handOver
    this.placeEnd = segmentBytes - linkBytes
    for (let offset = size - segmentBytes; offset > 0; offset -= segmentBytes) this.free.push(offset)
  }

  reserve(length: number): number {
    assert(length >= 8 && (length & 7) === 0, "a record's length is a multiple of 8")
    if (this.place + length > this.placeEnd && !this.makeRoom(length)) return this.reserveOwn(length)
    this.bytes = this.ringBytes
    this.view = this.ringView
    this.position += length
    return this.take(length)
  }

  private take(length: number): number {
    const offset = this.place
    this.place = offset + length
    this.head += length
    return offset
  }

  /** Goes on where a record of this length has room. @returns false if that is nowhere */
  private makeRoom(length: number): boolean {
    const count = Math.ceil((length + linkBytes) / this.segmentBytes)
    if (length > logRoomBytes || this.free.length < count + stubSegments) return false
    const offset = count === 1 ? this.free.pop() : this.takeNeighbours(count)
    if (offset === undefined) return false
    this.enter({ offset, count })
    return true
  }

  private takeNeighbours(count: number): number | undefined {
    const { free, segmentBytes } = this
    const sorted = free.toSorted((a, b) => a - b)
    const at = sorted.findIndex((offset, i) => sorted[i + count - 1] === offset + (count - 1) * segmentBytes)
    const first = sorted[at]
    if (first === undefined) return undefined
    const end = first + count * segmentBytes
    const rest = free.filter((offset) => offset < first || offset >= end)
    free.splice(0, free.length, ...rest)
    return first
  }

  private enter(run: Run): void {
    const { place, ringView } = this
    ringView.setUint32(place, linkBytes, true)
    ringView.setUint8(place + 4, recordKind.padding)
    ringView.setUint32(place + 8, run.offset, true)
    this.full.push({ ...this.run, head: this.head })
    this.run = run
    this.place = run.offset
    this.placeEnd = run.offset + run.count * this.segmentBytes - linkBytes
  }

  private reserveOwn(length: number): number {
    if (this.place + stubBytes > this.placeEnd) {
      const offset = this.free.pop()
      assert(offset !== undefined, "the ring has room for a stub")
      this.enter({ offset, count: 1 })
    }
    const at = this.take(stubBytes)
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
    if (this.head === (last === undefined ? this.released : last.head)) return false
    this.marks.push({ position: this.position, head: this.head, own: this.ownBytesEver })
    return true
  }

  release(position: number): void {
    const { marks, full, free } = this
    let mark = marks[this.firstMark]
    while (mark !== undefined && mark.position <= position) {
      this.released = mark.head
      this.ownBytes = this.ownBytesEver - mark.own
      mark = marks[++this.firstMark]
    }
    if (mark === undefined || this.firstMark > 1024) {
      marks.splice(0, this.firstMark)
      this.firstMark = 0
    }
    // Only when something behind its link is released: before that the committer may not have followed the link.
    while (full[0] !== undefined && full[0].head < this.released) {
      const { offset, count } = full.shift() as FullRun
      for (let i = count - 1; i >= 0; i--) free.push(offset + i * this.segmentBytes)
    }
  }

  /** Whether events that bring about `bytes` bytes of records may be handed to the core. */
  hasRoom(bytes: number): boolean {
    if (this.ownBytes > 0 && this.ownBytes + bytes > logOwnBuffersBytesMax) return false
    const segments = this.free.length - stubSegments
    // Of what is longer the ring holds a stub. A record takes at most one segment more than it fills; of two short ones that
    // follow one another, the second may not fit behind the first: so at least half of all is used.
    const inRing = bytes > logRoomBytes ? 0 : bytes
    return segments > 0 && (segments * this.segmentBytes) / 2 >= inRing + this.segmentBytes
  }
}
