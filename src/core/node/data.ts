/**
 * The data path of a node: every request for an entry comes in here, and its effects go out (`Output`, `RecordSink`).
 *
 * A write is evaluated against what is committed plus what is prepared, numbered, and put into the log; when it commits
 * (`Replication`) it is applied to the table in memory and answered, in the order of its slot. A read is answered at once
 * from committed entries. Whatever is not in memory is asked for (`Output.load`) and the request is evaluated again from
 * the start when it is there, so that waiting never holds a decision that has grown old.
 *
 * Both only where this node serves the slot and has a lease; a request for another slot goes to `misdirected`. A node in no
 * cluster (`slotEpoch` given) serves all slots without one.
 */
import { code } from "../../wire/errors.ts"
import { CurrentEntry } from "../entry/current.ts"
import { evaluate, Outcome } from "../entry/evaluate.ts"
import { absent, type EntryMemory, unknown } from "../entry/memory.ts"
import { operation } from "../entry/operation.ts"
import { recordEffect, RecordView } from "../entry/record.ts"
import type { Request } from "../entry/request.ts"
import type { Now } from "../lib/clock.ts"
import { reservedAliasPrefix, resultContentBytesMax } from "../lib/limits.ts"
import { type ClientRow, never } from "../replication/client-row.ts"
import { markDamaged, successorOf } from "../replication/damage.ts"
import type { Clients, Text } from "../replication/clients.ts"
import type { Prepared, Requester } from "../replication/prepared.ts"
import { Replication } from "../replication/replication.ts"
import type { RecordSink } from "../replication/sink.ts"
import type { SlotLog } from "../replication/slot-log.ts"
import { type Digest, slotOfDigest } from "../ring/slot.ts"
import { Counters } from "./counters.ts"
import { Loads, type Waiting } from "./loads.ts"
import { WriteOutcomes } from "./outcomes.ts"
import type { Output } from "./output.ts"

export interface DataOptions {
  readonly memory: EntryMemory
  readonly log: RecordSink
  readonly output: Output
  readonly digest: Digest
  /** latin1 of bytes[start, end): the platform's, since its native one is three times as fast. */
  readonly text: Text
  readonly slotCount: number
  readonly contentBytesMax: number
  /** Serve all slots alone, numbering new records in this epoch. */
  readonly slotEpoch?: number
  /** True while the disk or its quota is full. */
  readonly diskFull: () => boolean
}

const reserved = Array.from(reservedAliasPrefix, (letter) => letter.charCodeAt(0))
/** Clients looked at per tick, of whom some may have gone; also what one record holds. */
const clientsSweptPerTick = 1024

/** What becomes of a request for a slot that this node does not serve now; `slot` is undefined where none is served. */
export type Misdirected = (request: Request, requester: Requester, slot: SlotLog, now: Now) => void

export class DataPath {
  readonly replication: Replication
  readonly counters = new Counters()
  /** Of this node's lease, on its monotonic clock. */
  leaseUntilMs = -Infinity
  misdirected: Misdirected = (request, requester) => this.fail(request, requester, code.unstable_cluster)
  private readonly options: DataOptions
  private readonly memory: EntryMemory
  private readonly output: Output
  private readonly loads = new Loads()
  private readonly current = new CurrentEntry()
  private readonly outcome = new Outcome()
  private readonly outcomes: WriteOutcomes
  private readonly record = new RecordView()
  /** While requests are resumed whose alias a load has not found. */
  private absentOnDisk = false

  constructor(options: DataOptions) {
    this.options = options
    this.memory = options.memory
    this.output = options.output
    this.replication = new Replication(options)
    this.outcomes = new WriteOutcomes(options.output, this.counters, (request, requester, now) =>
      this.evaluate(request, requester, now),
    )
    this.replication.outcomes = this.outcomes
    if (options.slotEpoch === undefined) return
    this.replication.serveAlone(options.slotEpoch)
    this.leaseUntilMs = Infinity
  }

  get slots(): readonly SlotLog[] {
    return this.replication.slots
  }

  get clients(): Clients {
    return this.replication.clients
  }

  /** Writes in the log and not yet committed. */
  get preparedCount(): number {
    return this.replication.queue.count
  }

  get loadingCount(): number {
    return this.loads.count
  }

  private slotOf(bytes: Uint8Array, start: number, end: number): number {
    return slotOfDigest(this.options.digest(bytes.subarray(start, end)), this.slots.length)
  }

  /** Where all slots are served here, nobody need know which one an alias that is not resident belongs to. */
  private slotOfRead(request: Request, handle: number): SlotLog | undefined {
    const { replication } = this
    if (handle >= 0) return replication.slot(this.memory.slotOf(handle))
    if (replication.servingCount === replication.slots.length) return undefined
    return replication.slot(this.slotOf(request.bytes, request.aliasStart, request.aliasEnd))
  }

  private mayServe(slot: SlotLog | undefined, now: Now): boolean {
    return (slot === undefined || slot.serving) && now.monotonicMs < this.leaseUntilMs
  }

  // Requests

  /** One get, get_expiry or write. `request` is good only during the call. */
  request(request: Request, requester: Requester, now: Now): void {
    this.counters.take(request.opcode, request.contentEnd - request.contentStart)
    request.arrivedMs = now.monotonicMs
    this.evaluate(request, requester, now)
  }

  /** For the first time, or again after what it waited for. */
  private evaluate(request: Request, requester: Requester, now: Now): void {
    if (this.slots.length === 0) this.fail(request, requester, code.unstable_cluster)
    else if (request.number === 0) this.read(request, requester, now)
    else this.write(request, requester, now)
  }

  /** Refuses or fails a request without a record. */
  fail(request: Request, requester: Requester, errorCode: number): void {
    this.counters.fail(request.opcode)
    this.output.error(requester, request.requestId, errorCode)
  }

  /**
   * This node does not serve it, and knows nobody who does. That says that nothing of the request was done, and so must not be
   * said of a write that this node has in its log: messages between nodes come twice, and the second time it may serve no more.
   */
  failUnserved(request: Request, requester: Requester, errorCode: number): void {
    this.fail(request, requester, this.clients.hasSeen(request) ? code.in_doubt : errorCode)
  }

  private read(request: Request, requester: Requester, now: Now): void {
    const handle = this.find(request.bytes, request.aliasStart, request.aliasEnd)
    const slot = this.slotOfRead(request, handle)
    if (!this.mayServe(slot, now)) return this.turnAway(request, requester, slot, now)
    if (handle === unknown) return this.wait(request, requester)
    if (handle === absent || slot === undefined) {
      this.fail(request, requester, code.alias_not_found)
      return this.answeredRead(request, now)
    }
    const expiresAtMs = this.memory.expiresAtMs(handle)
    if (expiresAtMs !== 0 && expiresAtMs <= slot.now(now.wallMs))
      return this.readExpired(request, slot, requester)
    if (request.opcode === operation.get) {
      this.counters.send(operation.get, this.memory.contentLength(handle))
      this.output.resident(requester, request.requestId, handle)
    } else this.output.expiry(requester, request.requestId, expiresAtMs)
    this.answeredRead(request, now)
  }

  private answeredRead(request: Request, now: Now): void {
    const { opcode, bytes, aliasStart, aliasEnd } = request
    this.counters.answered(opcode, now.monotonicMs - request.arrivedMs, bytes, aliasStart, aliasEnd)
  }

  /** "Absent" because of a clock is answered only when the removal is committed, so that no later clock brings it back. */
  private readExpired(request: Request, slot: SlotLog, requester: Requester): void {
    const { bytes, aliasStart, aliasEnd } = request
    const { changes } = this.replication.queue
    const prepared =
      changes.latest(this.memory.aliasHash, bytes, aliasStart, aliasEnd) ??
      this.removeExpired(slot, bytes, aliasStart, aliasEnd)
    const { requestId, arrivedMs, timeLeftMs } = request
    const read = request.copy()
    prepared.wait({ requester, requestId, read, deadlineMs: arrivedMs + timeLeftMs })
  }

  /** Not here, or not now. */
  private turnAway(request: Request, requester: Requester, slot: SlotLog | undefined, now: Now): void {
    if (slot === undefined) this.fail(request, requester, code.unstable_cluster)
    else this.misdirected(request, requester, slot, now)
  }

  /** Behind a `find` of the alias, of which nothing is prepared. */
  private removeExpired(slot: SlotLog, bytes: Uint8Array, start: number, end: number): Prepared {
    const { replication } = this
    const prepared = replication.writer.removeExpired(slot, bytes, start, end)
    replication.append(slot, prepared)
    replication.queue.changes.add(prepared, this.memory.aliasHash, undefined)
    this.counters.expiredRemoved++
    return prepared
  }

  private write(request: Request, requester: Requester, now: Now): void {
    const { bytes, aliasStart, aliasEnd } = request
    const { replication } = this
    const { changes } = replication.queue
    const resident = this.find(bytes, aliasStart, aliasEnd)
    const hash = this.memory.aliasHash
    const prepared = changes.latest(hash, bytes, aliasStart, aliasEnd)
    const handle = prepared === undefined ? resident : absent
    const slot = this.slotOfWrite(request, prepared, handle)
    if (!this.mayServe(slot, now)) return this.turnAway(request, requester, slot, now)
    const row = this.clients.at(bytes, request.clientStart, now.monotonicMs)
    if (row === undefined) return this.fail(request, requester, code.overloaded)
    row.usedMs = now.monotonicMs
    if (request.number < row.floor) return this.fail(request, requester, code.stale_request)
    row.raiseFloor(request.floor)
    const known = row.find(request.number)
    if (known !== never) return this.outcomes.again(slot, row, request, known, requester)
    const refused = this.refusal(request, row)
    if (refused !== 0) return this.fail(request, requester, refused)
    // Only `update` is blind: every other write wants to know the entry.
    if (handle === unknown && request.opcode !== operation.update) return this.wait(request, requester)
    const nowMs = slot.now(now.wallMs)
    this.readCurrent(prepared, handle, nowMs)
    evaluate(request, this.current, nowMs, this.outcome)
    // A blind update whose expiry has passed still has to remove what the disk may hold.
    if (handle === unknown && this.outcome.effect === recordEffect.none)
      this.outcome.effect = recordEffect.remove
    if (this.outcome.effect === recordEffect.store && this.options.diskFull())
      return this.fail(request, requester, code.disk_full)
    const written = replication.writer.write(slot, row, request, this.current, this.outcome, requester, nowMs)
    written.handle = handle
    written.memoryVersion = this.memory.version
    row.prepare(request.number, slot.slot)
    replication.append(slot, written)
    if (this.outcome.effect !== recordEffect.none) changes.add(written, hash, prepared)
  }

  private slotOfWrite(request: Request, prepared: Prepared | undefined, handle: number): SlotLog {
    if (prepared?.slot !== undefined) return prepared.slot
    const slot =
      handle >= 0
        ? this.memory.slotOf(handle)
        : this.slotOf(request.bytes, request.aliasStart, request.aliasEnd)
    return this.replication.slot(slot)
  }

  /** Reasons to refuse a write before anything of it is logged. */
  private refusal(request: Request, row: ClientRow): number {
    if (request.contentEnd - request.contentStart > this.options.contentBytesMax) return code.entry_too_large
    if (!row.accepts(request.number)) return code.overloaded
    if (answersContent(request.opcode) && this.clients.contentBytes > resultContentBytesMax)
      return code.overloaded
    const { bytes, aliasStart, aliasEnd } = request
    if (aliasEnd - aliasStart < reserved.length) return 0
    for (let i = 0; i < reserved.length; i++) if (bytes[aliasStart + i] !== reserved[i]) return 0
    return code.reserved_alias
  }

  private readCurrent(prepared: Prepared | undefined, handle: number, nowMs: number): void {
    const { current } = this
    if (prepared === undefined) {
      if (handle >= 0) current.setResident(this.memory, handle, nowMs)
      else current.setAbsent()
      return
    }
    const record = this.record.at(prepared.bytes, prepared.offset)
    if (record.effect === recordEffect.store)
      current.setPrepared(record.bytes, record.contentOffset, record.contentLength, record.expiresAtMs, nowMs)
    else current.setAbsent()
  }

  // Committing

  /** The log is durable up to `position`. */
  persisted(position: number, now: Now): void {
    this.replication.persisted(position, now)
  }

  /** Who has waited until his deadline learns that the outcome is not known. */
  expireWaiters(now: Now): void {
    this.outcomes.expire(this.replication.queue, now)
  }

  // Entries that are not in memory

  private wait(request: Request, requester: Requester): void {
    const { bytes, aliasStart, aliasEnd } = request
    this.counters.pageIns[request.opcode] = (this.counters.pageIns[request.opcode] as number) + 1
    const deadlineMs = request.arrivedMs + request.timeLeftMs
    this.load(bytes, aliasStart, aliasEnd, {
      kind: "request",
      request: request.copy(),
      requester,
      deadlineMs,
    })
  }

  private load(bytes: Uint8Array, start: number, end: number, waiting: Waiting): void {
    const alias = this.options.text(bytes, start, end)
    if (!this.loads.add(alias, waiting)) return
    this.output.load(this.slotOf(bytes, start, end), alias)
  }

  /**
   * A load has ended: the entry is resident now, or certainly absent, or its bytes on disk do not match their checksum
   * (`failed`). Storage has made sure that what it read was not outdated by a change applied meanwhile.
   */
  loaded(alias: string, found: boolean, failed: boolean, now: Now): void {
    const waiting = this.loads.take(alias)
    this.absentOnDisk = !found && !failed
    for (const each of waiting) this.resume(each, alias, failed, now)
    this.absentOnDisk = false
  }

  private resume(waiting: Waiting, alias: string, failed: boolean, now: Now): void {
    if (failed) this.onDamaged(alias)
    if (waiting.kind === "expiry") {
      if (!failed) this.expire(alias, now)
      return
    }
    const { request, requester } = waiting
    if (failed) this.failDamaged(request, requester, now)
    // Nothing of it was logged, and its client has stopped waiting.
    else if (now.monotonicMs > waiting.deadlineMs) this.fail(request, requester, code.timeout)
    else this.evaluate(request, requester, now)
  }

  private onDamaged(alias: string): void {
    const { replication } = this
    const bytes = Uint8Array.from(alias, (letter) => letter.charCodeAt(0))
    this.damaged(
      replication.slot(this.slotOf(bytes, 0, bytes.length)),
      "an entry does not match its checksum",
    )
  }

  /** Something of this slot cannot be read. @returns whether another replica can serve it instead */
  damaged(slot: SlotLog, text: string): boolean {
    if (!slot.isIncomplete) markDamaged(this.replication, slot, text)
    return successorOf(this.replication, slot) !== undefined
  }

  /** Another replica may hold what this one has lost: then it is asked for soon, under the same number. */
  private failDamaged(request: Request, requester: Requester, now: Now): void {
    const { replication } = this
    const slot = replication.slot(this.slotOf(request.bytes, request.aliasStart, request.aliasEnd))
    if (!this.mayServe(slot, now)) return this.turnAway(request, requester, slot, now)
    const isElsewhere = successorOf(replication, slot) !== undefined
    this.fail(request, requester, isElsewhere ? code.unstable_cluster : code.data_corrupt)
  }

  private find(bytes: Uint8Array, start: number, end: number): number {
    const handle = this.memory.find(bytes, start, end)
    return handle === unknown && this.absentOnDisk ? absent : handle
  }

  // Time

  /** Storage believes that this entry (latin1) has expired: removes it, if that is still so. */
  expire(alias: string, now: Now): void {
    const { replication } = this
    if (this.slots.length === 0) return
    const bytes = Uint8Array.from(alias, (letter) => letter.charCodeAt(0))
    const handle = this.find(bytes, 0, bytes.length)
    if (replication.queue.changes.latest(this.memory.aliasHash, bytes, 0, bytes.length) !== undefined) return
    if (handle === unknown) return this.load(bytes, 0, bytes.length, { kind: "expiry" })
    if (handle === absent) return
    const slot = replication.slot(this.memory.slotOf(handle))
    if (!this.mayServe(slot, now)) return
    const expiresAtMs = this.memory.expiresAtMs(handle)
    if (expiresAtMs === 0 || expiresAtMs > slot.now(now.wallMs)) return
    this.removeExpired(slot, bytes, 0, bytes.length)
  }

  /** Forgets clients that have been silent for longer than any of their attempts may last. Once a second. */
  tick(now: Now): void {
    const gone = this.clients.sweep(now.monotonicMs, clientsSweptPerTick)
    if (gone.length === 0) return
    this.counters.clientsForgotten += gone.length
    this.replication.queue.push(this.replication.writer.forgetClients(gone))
  }
}

/** Operations whose answer holds the content that was there before. */
function answersContent(opcode: number): boolean {
  return opcode === operation.get_update || opcode === operation.get_remove || opcode === operation.cas
}
