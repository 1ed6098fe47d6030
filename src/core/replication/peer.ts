/**
 * Another node, as the other end of replication: what goes to it at the end of the turn, and how much is on its way. One
 * append holds the records of all slots that both share, so that a turn costs one message per pair of nodes whatever it
 * wrote; so do the acknowledgements.
 */
import type { RecordView } from "../entry/record.ts"
import { appendBytesMax, forwardsRemembered, peerWindowBytes } from "../lib/limits.ts"
import type { Acknowledgement, DataBody, ReplicaState, Segment } from "../node/data-message.ts"
import type { Address, StorageId } from "../view/view.ts"
import type { Follower } from "./follower.ts"
import type { SlotLog } from "./slot-log.ts"

/** A segment in the making. */
type OpenSegment = { -readonly [K in keyof Segment]: Segment[K] }

const bufferBytesMin = 4096

export class Peer {
  readonly storageId: StorageId
  address: Address = ""
  /** The highest that was heard of: what an earlier process said is void. */
  boot = 0

  // As its primary
  /** Of the append in the making. */
  number = 1
  private segments: OpenSegment[] = []
  private records = new Uint8Array(bufferBytesMin)
  private view = new DataView(this.records.buffer)
  private used = 0
  /** Numbers and sizes of appends whose arrival it has not told, oldest first. */
  private readonly underWay: { readonly number: number; readonly bytes: number }[] = []
  private underWayBytes = 0
  /** Followers that were not sent all they lack, because too much is on its way. */
  readonly behind = new Set<Follower>()
  /** Followers whose commit point has moved since they were told, and some that are none any more. */
  untold: Follower[] = []
  /** Records sent since it was told all of those. */
  bytesSinceTold = 0
  /** A tail is being read for it. */
  isReading = false
  /** When something last came from it, on this node's monotonic clock. */
  heardAtMs = 0

  // As its replica
  receivedNumber = 0
  owesReply = false
  /** Slots with something new to acknowledge, and some that have another primary now. */
  private unacknowledged: SlotLog[] = []
  refused: ReplicaState[] = []

  /** Numbers of requests that its present process has forwarded here, of late. */
  private readonly forwarded = new Set<number>()

  private readonly windowBytes: number

  constructor(storageId: StorageId, windowBytes: number = peerWindowBytes) {
    this.storageId = storageId
    this.windowBytes = windowBytes
  }

  /**
   * Whether the forwarded request comes for the first time. Whose request was turned away was told that nothing of it was done: so
   * it must not be done when it comes again.
   */
  takesForward(id: number): boolean {
    const { forwarded } = this
    if (forwarded.has(id)) return false
    forwarded.add(id)
    if (forwarded.size > forwardsRemembered) forwarded.delete(forwarded.values().next().value as number)
    return true
  }

  /** A new process there: what was on its way to the old one is not. */
  restart(boot: number): void {
    this.boot = boot
    this.receivedNumber = 0
    this.forgetUnderWay()
    this.forwarded.clear()
  }

  forgetUnderWay(): void {
    if (this.underWay.length > 0) this.underWay.length = 0
    this.underWayBytes = 0
  }

  get hasRoom(): boolean {
    return this.underWayBytes + this.used < this.windowBytes
  }

  get isFull(): boolean {
    return this.used >= appendBytesMax
  }

  /** Whether the append in the making can take so long a record; one that is longer than an append goes alone, to fit a frame. */
  fits(length: number): boolean {
    return this.used + length <= appendBytesMax
  }

  /** The follower's segment of this append, begun if need be in front of `nextSequence`. */
  segmentOf(follower: Follower): OpenSegment {
    const { slot } = follower
    if (follower.appendNumber === this.number) return this.segments[follower.segment] as OpenSegment
    follower.appendNumber = this.number
    follower.segment = this.segments.length
    const previousSequence = follower.nextSequence - 1
    const segment: OpenSegment = {
      slot: slot.slot,
      slotEpoch: slot.slotEpoch,
      previousEpoch: slot.epochAt(previousSequence),
      previousSequence,
      commitSequence: slot.committedSequence,
      count: 0,
    }
    this.segments.push(segment)
    return segment
  }

  /** Adds the follower's next record. */
  add(follower: Follower, record: RecordView): void {
    this.segmentOf(follower).count++
    follower.nextSequence++
    const { length } = record
    if (this.used + length > this.records.length) this.grow(length)
    record.copyTo(this.records, this.view, this.used)
    this.used += length
    this.bytesSinceTold += length
  }

  private grow(length: number): void {
    let size = this.records.length * 2
    while (size < this.used + length) size *= 2
    const grown = new Uint8Array(size)
    grown.set(this.records.subarray(0, this.used))
    this.writeTo(grown)
  }

  private writeTo(buffer: Uint8Array<ArrayBuffer>): void {
    this.records = buffer
    this.view = new DataView(buffer.buffer)
  }

  /** Takes the append that was put together, if there is one. */
  takeAppend(): DataBody | undefined {
    if (this.segments.length === 0) return undefined
    const { number, segments } = this
    const records = this.records.slice(0, this.used)
    const bytes = this.used + segments.length * 64
    this.underWay.push({ number, bytes })
    this.underWayBytes += bytes
    this.number++
    this.segments = []
    this.used = 0
    if (this.records.length > 2 * appendBytesMax) this.writeTo(new Uint8Array(bufferBytesMin))
    return { kind: "append", number, segments, records }
  }

  /** It has all appends up to `number`, or they are lost. */
  arrived(number: number): void {
    let count = 0
    for (const sent of this.underWay) {
      if (sent.number > number) break
      this.underWayBytes -= sent.bytes
      count++
    }
    if (count > 0) this.underWay.splice(0, count)
  }

  /** The follower's commit point has moved. */
  tell(follower: Follower): void {
    if (follower.isUntold) return
    follower.isUntold = true
    this.untold.push(follower)
  }

  /** The slot, of which it is the primary, has something new to acknowledge. */
  acknowledge(slot: SlotLog): void {
    if (slot.owedTo === this) return
    slot.owedTo = this
    this.unacknowledged.push(slot)
  }

  /** Takes the reply to its appends, if one is owed. */
  takeReply(): DataBody | undefined {
    const { unacknowledged, refused } = this
    if (!this.owesReply && unacknowledged.length === 0 && refused.length === 0) return undefined
    const acknowledged: Acknowledgement[] = []
    for (const slot of unacknowledged) {
      if (slot.owedTo === this) slot.owedTo = undefined
      if (slot.primary !== this.storageId || slot.isIncomplete) continue
      const sequence = Math.min(slot.matchedSequence, slot.durableSequence)
      const { slotEpoch, committedSequence } = slot
      acknowledged.push({ slot: slot.slot, slotEpoch, sequence, committedSequence })
    }
    if (unacknowledged.length > 0) this.unacknowledged = []
    const { receivedNumber } = this
    this.refused = []
    this.owesReply = false
    return { kind: "appended", number: receivedNumber, acknowledged, refused }
  }
}
