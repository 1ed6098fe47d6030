/**
 * A write that is in the log and not yet committed: where its record lies, and who waits for it. Its answer is in the
 * record, so that the first attempt and every retry are answered from the same bytes.
 */
import type { SlotLog } from "./slot-log.ts"
import type { ClientRow } from "./client-row.ts"
import { absent } from "../entry/memory.ts"
import type { Request } from "../entry/request.ts"

/** Whoever asked: the driver's object for a session, opaque to the core. */
export type Requester = object

/** A further asker of the same outcome: a retry of the same number, or a read whose answer rests on this record. */
export interface Waiter {
  readonly requester: Requester
  readonly requestId: number
  /** Set for a read: it is evaluated once the record is applied. */
  readonly read: Request | undefined
  readonly deadlineMs: number
}

export class Prepared {
  /** Undefined for a record of the node's own log, which no slot numbers. */
  readonly slot: SlotLog | undefined
  readonly sequence: number
  /** The record's place; it is another one once it was copied out of the log's ring. */
  bytes: Uint8Array
  offset: number
  /** Its end in the log. */
  readonly position: number
  readonly row: ClientRow | undefined
  readonly number: number
  requester: Requester | undefined
  readonly requestId: number
  /** Monotonic instants at which the request arrived, and from which on nobody waits for its answer. */
  readonly arrivedMs: number
  readonly deadlineMs: number
  /** What `find` gave for the alias when the write was evaluated, and the memory's version then. */
  handle: number = absent
  memoryVersion = 0
  waiters: Waiter[] | undefined = undefined
  /** Next in the order of the log, and of the slot. */
  next: Prepared | undefined = undefined
  nextInSlot: Prepared | undefined = undefined
  /** Of `PreparedChanges`: the alias's hash, whether no later change of it is prepared, and the next of its chain. */
  aliasHash = 0
  isLatest = false
  nextInBucket: Prepared | undefined = undefined
  /** Applied or void. */
  isDone = false
  /** Where the note ends that made it void; 0 = it is not. */
  voidAt = 0
  /** Its bytes are its own. */
  isCopied = false
  /** Bytes that the copy takes, where it was made to free the record's place. */
  copiedBytes = 0

  constructor(
    slot: SlotLog | undefined,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    position: number,
    row: ClientRow | undefined,
    number: number,
    requester: Requester | undefined,
    requestId: number,
    arrivedMs: number,
    deadlineMs: number,
  ) {
    this.slot = slot
    this.sequence = sequence
    this.bytes = bytes
    this.offset = offset
    this.position = position
    this.row = row
    this.number = number
    this.requester = requester
    this.requestId = requestId
    this.arrivedMs = arrivedMs
    this.deadlineMs = deadlineMs
  }

  wait(waiter: Waiter): void {
    if (this.waiters === undefined) this.waiters = [waiter]
    else this.waiters.push(waiter)
  }
}
