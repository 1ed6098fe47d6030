/**
 * The slots of one node and its one log: what primary, backup and catch-up have in common, and the only place where records
 * are appended, become durable, commit and are applied.
 *
 * What commits is applied at once, and what is applied was durable here first. A slot commits in its own order; its answers
 * go out as its records commit (`Outcomes`).
 *
 * The state is plain data and classes without hidden state, so that it can be copied; what is on its way to other nodes is
 * in `peers`.
 */
import { absent, type EntryMemory } from "../entry/memory.ts"
import { recordKind, RecordView } from "../entry/record.ts"
import { assert } from "../lib/assert.ts"
import type { Now } from "../lib/clock.ts"
import { tellCommittedBytes } from "../lib/limits.ts"
import type { DataBody, DataMessage } from "../node/data-message.ts"
import type { NodeHost, NodeIdentity } from "../node/host.ts"
import { noView, type StorageId, type View } from "../view/view.ts"
import { applyRecord } from "./apply.ts"
import { Clients, type Text } from "./clients.ts"
import type { ClientRow } from "./client-row.ts"
import type { Follower } from "./follower.ts"
import { tellTaken, type PieceMark } from "./install.ts"
import { LogQueue } from "./log-queue.ts"
import { Pace } from "./pace.ts"
import { Pinned } from "./pinned.ts"
import { Peer } from "./peer.ts"
import type { Prepared } from "./prepared.ts"
import { commitPoint, streamFresh, tellCommitted } from "./primary.ts"
import { RecordWriter } from "./record-writer.ts"
import type { RecordSink } from "./sink.ts"
import { SlotLog } from "./slot-log.ts"
import { readTail, type TailReading } from "./tail.ts"

export interface ReplicationOptions {
  readonly memory: EntryMemory
  readonly log: RecordSink
  readonly text: Text
  readonly slotCount: number
}

/** Who waits for records. */
export interface Outcomes {
  /** A record that somebody waits for is committed and applied. */
  committed(prepared: Prepared, now: Now): void
  /** This node cannot tell any more what becomes of a record that somebody waits for. */
  inDoubt(prepared: Prepared, now: Now): void
}

export class Replication {
  readonly memory: EntryMemory
  readonly log: RecordSink
  readonly writer: RecordWriter
  readonly queue = new LogQueue()
  readonly pinned = new Pinned()
  readonly pace = new Pace()
  readonly clients: Clients
  readonly slots: SlotLog[] = []
  readonly textOf: Text
  outcomes: Outcomes | undefined

  // Of a node in a cluster
  self: NodeIdentity | undefined
  host: NodeHost | undefined
  view: View = noView
  readonly peers = new Map<StorageId, Peer>()
  /** Slots that this node serves. */
  servingCount = 0
  /** Slots that this node leads and others follow (`led.ts`). */
  led: readonly SlotLog[] = []
  appendSerial = 0
  readonly sendings = new Set<Follower>()
  /** Reads of the log under way, by token. */
  readonly tails = new Map<number, TailReading>()
  private lastToken = 0
  readonly marks: PieceMark[] = []
  /** When primaries next state what they have flushed. */
  compareAtMs = 0
  /** Replicas of this node that were found to be damaged, and of these the ones that differed from their primary's. */
  damaged = 0
  differing = 0
  /** For tests: of a peer's window, where it is not the limits' own. */
  windowBytes: number | undefined
  /** For tests: what has come to pass. */
  seen: (what: string) => void = () => undefined

  /** A cursor over what was received or is to be sent; good until the next call. */
  readonly received = new RecordView()
  private readonly record = new RecordView()
  private touched: SlotLog[] = []

  constructor(options: ReplicationOptions) {
    this.memory = options.memory
    this.log = options.log
    this.textOf = options.text
    this.writer = new RecordWriter(options.log)
    this.clients = new Clients(options.text)
    this.resize(options.slotCount)
  }

  /** A node that has not yet seen a view of its cluster learns how many slots that has. */
  resize(slotCount: number): void {
    assert(
      this.slots.every((slot) => slot.sequence === 0),
      "the number of slots is fixed before there are entries",
    )
    this.slots.length = 0
    for (let slot = 0; slot < slotCount; slot++) this.slots.push(new SlotLog(slot, 0))
  }

  /** A node that is in no cluster serves all slots by itself. */
  serveAlone(slotEpoch: number): void {
    for (const slot of this.slots) {
      slot.role = "primary"
      slot.slotEpoch = slotEpoch
      slot.serving = true
    }
    this.servingCount = this.slots.length
  }

  slot(index: number): SlotLog {
    const slot = this.slots[index]
    assert(slot !== undefined, "a slot below the slot count")
    return slot
  }

  say(level: "info" | "warning" | "error", text: string): void {
    this.host?.log(level, text)
  }

  takeToken(): number {
    return ++this.lastToken
  }

  // The log

  /** A record that this node, as a primary, has numbered and written. */
  append(slot: SlotLog, prepared: Prepared): void {
    slot.push(prepared)
    this.queue.push(prepared)
    if (slot.followers.length > 0) this.queue.unsent ??= prepared
  }

  /** A record of another node's log, that follows this one's. */
  take(slot: SlotLog, record: RecordView, now: Now): void {
    this.place(
      slot,
      record,
      Math.max(slot.committedSequence, Math.min(slot.toldSequence, record.sequence)),
      now,
    )
  }

  /** @param known to be committed, when the record is written */
  private place(slot: SlotLog, record: RecordView, known: number, now: Now): void {
    const { sequence } = record
    assert(sequence === slot.sequence + 1, "a slot's log has no gaps")
    const row = record.number === 0 ? undefined : this.rowOf(record, now)
    const prepared = this.writer.copy(slot, row, record, sequence - known)
    slot.sequence = sequence
    slot.numbered(record.slotEpoch, sequence)
    slot.now(record.slotClockMs)
    slot.push(prepared)
    this.queue.push(prepared)
  }

  /** The row of the client whose write the record is. */
  rowOf(record: RecordView, now: Now): ClientRow {
    const { bytes, clientOffset } = record
    const row =
      this.clients.at(bytes, clientOffset, now.monotonicMs) ??
      this.clients.row(this.textOf(bytes, clientOffset, clientOffset + 16), now.monotonicMs)
    row.usedMs = now.monotonicMs
    row.raiseFloor(record.floor)
    row.prepare(record.number, record.slot)
    return row
  }

  /** Voids the log of the slot behind `sequence`. */
  cut(slot: SlotLog, sequence: number): void {
    const note = this.writer.cut(slot.slot, sequence)
    this.queue.push(note)
    this.seen("cut-back of a log")
    this.voidAll(slot.cut(sequence), note.position)
  }

  /** A record of this log that was cut gets a new place in it, behind its slot's last. */
  replace({ bytes, offset }: Prepared, slot: SlotLog, now: Now): void {
    this.place(slot, this.record.at(bytes, offset), slot.committedSequence, now)
  }

  /**
   * Voids all of the slot; it is incomplete. Where no snapshot follows, `sequence` is -1, and results stay until one does, so that a write
   * that comes a second time is known. A snapshot brings its own: one that was kept of a history given up since (`forsaken.ts`)
   * would answer a retry whose effect is not there.
   */
  reset(slot: SlotLog, slotEpoch: number, sequence: number, clockMs: number): void {
    const note = this.writer.reset(slot.slot, slotEpoch, sequence, clockMs)
    this.queue.push(note)
    this.voidAll(slot.first, note.position)
    slot.restart(0, -1)
    slot.resetPosition = note.position
    slot.isDamaged = false
    slot.installing = undefined
    this.memory.dropSlot?.(slot.slot, note.position)
    if (sequence >= 0) this.clients.dropSlot(slot.slot)
  }

  /** What this node holds of the slot is of no use any more. */
  discard(slot: SlotLog): void {
    this.reset(slot, 0, -1, 0)
  }

  private voidAll(first: Prepared | undefined, notePosition: number): void {
    for (let prepared = first; prepared !== undefined; prepared = prepared.nextInSlot) {
      this.queue.void(prepared, notePosition)
      prepared.row?.unprepare(prepared.number)
      assert(prepared.requester === undefined, "who waited was told before the record was cut")
    }
  }

  /** The log is durable up to `position`. */
  persisted(position: number, now: Now): void {
    const { queue } = this
    let prepared = queue.takeDurable(position)
    for (; prepared !== undefined; prepared = queue.takeDurable(position)) {
      const { slot } = prepared
      if (slot === undefined) this.noteDurable(prepared, now)
      else if (prepared.voidAt === 0) {
        if (prepared.sequence > slot.durableSequence) slot.durableSequence = prepared.sequence
        if (slot.serving && slot.followers.length === 0) this.commitUpTo(slot, prepared.sequence, now)
        else this.touch(slot)
      }
    }
    if (this.touched.length > 0) this.advanceTouched(now)
    if (this.marks.length > 0) tellTaken(this, position)
    this.moveMarks()
  }

  private touch(slot: SlotLog): void {
    if (slot.isTouched) return
    slot.isTouched = true
    this.touched.push(slot)
  }

  private advanceTouched(now: Now): void {
    const { touched } = this
    this.touched = []
    for (const slot of touched) {
      slot.isTouched = false
      this.advance(slot, now)
      if (slot.role === "backup" || slot.role === "learner") this.peer(slot.primary).acknowledge(slot)
    }
  }

  private moveMarks(): void {
    const { queue } = this
    const { releasedPosition, settledPosition } = queue
    queue.move()
    if (queue.releasedPosition > releasedPosition) this.log.release(queue.releasedPosition)
    if (queue.settledPosition > settledPosition) this.host?.settle(queue.settledPosition)
  }

  private noteDurable(note: Prepared, now: Now): void {
    this.queue.done(note)
    const record = this.record.at(note.bytes, note.offset)
    const { kind } = record
    if (kind < recordKind.install) return
    const slot = this.slot(record.slot)
    // Of a snapshot that was given up since, or of none: the slot begins anew, and did so at once.
    if (note.position < slot.resetPosition || slot.installing === undefined) return
    this.applyNote(record, slot, note.position, now)
  }

  /** Applies a note of a snapshot. */
  applyNote(record: RecordView, slot: SlotLog, position: number, now: Now): void {
    switch (record.kind) {
      case recordKind.install:
        applyRecord(this.memory, record, undefined, false, position, absent)
        return
      case recordKind.installResult: {
        const { bytes, clientOffset, number, floor } = record
        const row = this.clients.row(this.textOf(bytes, clientOffset, clientOffset + 16), now.monotonicMs)
        row.usedMs = now.monotonicMs
        row.raiseFloor(floor)
        if (number !== 0) applyRecord(this.memory, record, row, false, position, absent)
        return
      }
      case recordKind.installed:
        slot.restart(record.slotEpoch, record.sequence)
        slot.now(record.slotClockMs)
        slot.installing = undefined
        return
      default:
    }
  }

  // Committing

  /** Commits what can be. */
  advance(slot: SlotLog, now: Now): void {
    if (slot.role === "primary") {
      this.commitUpTo(slot, commitPoint(slot), now)
      if (!slot.serving && !slot.released && slot.committedSequence >= slot.takeoverSequence) {
        slot.serving = true
        this.servingCount++
      }
    } else if (slot.role !== "none") {
      const { toldSequence, matchedSequence, durableSequence } = slot
      this.commitUpTo(slot, Math.min(toldSequence, matchedSequence, durableSequence), now)
    }
  }

  /** The slot is handed over: this node serves it no more in this epoch. What is under way may still commit. */
  release(index: number): void {
    const slot = this.slot(index)
    slot.released = true
    if (!slot.serving) return
    slot.serving = false
    this.servingCount--
  }

  commitUpTo(slot: SlotLog, sequence: number, now: Now): void {
    if (slot.committedSequence >= sequence) return
    while (slot.committedSequence < sequence) this.commitNext(slot, now)
    for (const follower of slot.followers) follower.peer.tell(follower)
  }

  private commitNext(slot: SlotLog, now: Now): void {
    const prepared = slot.commit()
    this.queue.done(prepared)
    const record = this.record.at(prepared.bytes, prepared.offset)
    const known = prepared.memoryVersion === this.memory.version ? prepared.handle : absent
    applyRecord(this.memory, record, prepared.row, true, prepared.position, known)
    if (prepared.requester !== undefined || prepared.waiters !== undefined)
      this.outcomes?.committed(prepared, now)
  }

  // Other nodes

  peer(storageId: StorageId): Peer {
    let peer = this.peers.get(storageId)
    if (peer === undefined) this.peers.set(storageId, (peer = new Peer(storageId, this.windowBytes)))
    return peer
  }

  /** @returns the follower that speaks, if this node is the primary of the slot in that slot epoch */
  followerOf(message: DataMessage, index: number, slotEpoch: number): Follower | undefined {
    const slot = this.slots[index]
    if (slot === undefined || slot.role !== "primary" || slot.slotEpoch !== slotEpoch) return undefined
    const { storageId, boot } = message.from
    for (const follower of slot.followers)
      if (follower.boot === boot && follower.peer.storageId === storageId) return follower
    return undefined
  }

  send(peer: Peer, body: DataBody): void {
    const { self, host } = this
    if (self === undefined || host === undefined || peer.address === "") return
    const { clusterId, epoch } = this.view
    const from = { storageId: self.storageId, boot: self.boot }
    host.sendData(peer.address, { clusterId, from, to: peer.storageId, epoch, body })
  }

  sendAppend(peer: Peer): void {
    const append = peer.takeAppend()
    if (append !== undefined) this.send(peer, append)
  }

  /** What this turn brought about goes out. */
  endTurn(): void {
    // What others have acknowledged, or told as committed, moves them, too, and nothing else may come for long.
    this.moveMarks()
    streamFresh(this)
    for (const peer of this.peers.values()) {
      // A commit point goes with the slot's next record, or with the next tick; sooner where much waits to be applied.
      if (peer.bytesSinceTold > tellCommittedBytes) tellCommitted(peer)
      this.sendAppend(peer)
      if (peer.behind.size > 0) readTail(this, peer)
      const reply = peer.takeReply()
      if (reply !== undefined) this.send(peer, reply)
    }
  }
}
