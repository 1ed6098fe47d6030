/**
 * Takes all that is published as one batch, writes it behind the last one, and announces how far the log is durable. What arrives
 * meanwhile is the next batch.
 *
 * One thread does, and which one depends on what a commit waits for. With `sync` that is the disk: a thread of its own sleeps there
 * (`commit-worker.ts`). Without, it is a copy into the system's cache, some ten microseconds, and two wake-ups of threads for each batch
 * would be the larger part of it: then the thread that owns sockets commits at the end of its turn (`commit-client.ts`).
 *
 * - An error of the disk stops the node and is never retried; after a failed fsync nobody knows what the disk holds.
 * - A full disk is not such an error: nothing was acknowledged, and the same batch is written again until there is room.
 */
import { recordKind } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { logBatchBytesMax } from "../../core/lib/limits.ts"
import { batchHeaderBytes, sealBatch } from "./batch.ts"
import type { LogControl } from "./control.ts"
import { Housekeeping } from "./housekeeping.ts"
import type { LogTail } from "./recover-log.ts"
import { elsewhere } from "./ring.ts"
import { isOutOfRoom } from "./segment-file.ts"
import { Witness } from "./witness.ts"
import { LogWriter } from "./writer.ts"

/** How often a batch that found no room is written again. */
export const fullRetryMs = 100
/** After so long without anything to commit there is time for housekeeping. */
export const idleMs = 1000

/** What became of a batch: there was nothing, it is durable, there was no room, or a record of it has not arrived (`own`). */
export type Committed = "nothing" | "durable" | "full" | "awaited"

interface Batch {
  readonly bytes: Uint8Array
  readonly end: number
}

export class Committer {
  private readonly control: LogControl
  private readonly sync: boolean
  private readonly ring: Uint8Array
  private readonly ringView: DataView
  private readonly log: LogWriter
  private readonly witness: Witness
  private readonly housekeeping: Housekeeping
  /** Records that the ring had no room for. */
  private readonly own = new Map<number, SharedArrayBuffer>()
  /** As the ring's head, and where in the ring that is. */
  private tail = 0
  private place = 0
  private batch: number
  private position: number
  private checksum: number
  /** Found no room. */
  private pending: Batch | undefined
  private staging = new Uint8Array(batchHeaderBytes + 2 * logBatchBytesMax)

  /** @throws the system's error, or StorageError */
  constructor(directory: string, sync: boolean, ring: SharedArrayBuffer, control: LogControl, tail: LogTail) {
    this.control = control
    this.sync = sync
    this.ring = new Uint8Array(ring)
    this.ringView = new DataView(ring)
    this.batch = tail.batch
    this.position = tail.position
    this.checksum = tail.checksum
    this.log = new LogWriter(directory, sync, tail)
    this.witness = new Witness(directory, false)
    this.housekeeping = new Housekeeping(control, this.log)
    control.firstBatch = this.log.firstBatch
    control.checkedFrom = tail.checkedFrom
    control.announce(this.position, this.batch)
  }

  /** Leaves nothing behind the log's end: before the first commit. */
  clear(): void {
    try {
      this.log.clearRest()
    } catch (error) {
      // Only commits are slower without: they go on or wait as the disk allows.
      if (!isOutOfRoom(error)) throw error
    }
    this.control.free = this.log.freeBytes
  }

  /** A record's own buffer has arrived. */
  takeOwn(id: number, buffer: SharedArrayBuffer): void {
    this.own.set(id, buffer)
  }

  /** @throws the system's error: the node must stop */
  commitNext(): Committed {
    const begunMs = performance.now()
    if (this.pending === undefined) {
      if (this.control.head === this.tail) return "nothing"
      const length = this.gather(this.control.head)
      if (length === 0) return "awaited"
      const bytes = this.staging.subarray(0, batchHeaderBytes + length)
      this.checksum = sealBatch(bytes, length, this.batch + 1, this.position, this.checksum)
      this.pending = { bytes, end: this.position + length }
    }
    const { bytes, end } = this.pending
    const number = this.batch + 1
    if (!this.append(number, bytes, end)) return "full"
    this.pending = undefined
    this.witness.write(number, this.checksum, this.sync)
    this.batch = number
    this.position = end
    this.control.countCommit((performance.now() - begunMs) * 1000)
    this.control.announce(end, number)
    this.housekeeping.do(false, end)
    return "durable"
  }

  private append(number: number, bytes: Uint8Array, end: number): boolean {
    try {
      this.log.append(number, bytes, end)
    } catch (error) {
      if (!isOutOfRoom(error)) throw error
      this.control.setFull(true)
      this.housekeeping.do(false, this.position)
      return false
    }
    this.control.setFull(false)
    return true
  }

  /**
   * Copies records from `tail` up to `head`, up to a batch's bound, or up to one that has not arrived, behind the header's place. A
   * batch ends with a `cut`: the table takes whole batches, and behind it may stand what keeps the log from being settled.
   * @returns their bytes
   */
  private gather(head: number): number {
    let length = 0
    let runStart = this.place
    let runEnd = runStart
    let behindCut = false
    while (this.tail < head) {
      const at = this.place
      const here = this.ringView.getUint32(at, true)
      const kind = this.ringView.getUint8(at + 4)
      assert(here >= 8 && at + here <= this.ring.length, "what the ring holds is a record, a stub or a link")
      if (kind === recordKind.padding) {
        this.copyRun(runStart, runEnd, length)
        runStart = runEnd = this.place = this.ringView.getUint32(at + 8, true)
        continue
      }
      const isElsewhere = kind === elsewhere
      const record = isElsewhere ? this.ringView.getUint32(at + 12, true) : here
      if (length > 0 && length + record > logBatchBytesMax) break
      if (behindCut && kind !== recordKind.cut) break
      const id = isElsewhere ? this.ringView.getUint32(at + 8, true) : 0
      if (isElsewhere && !this.own.has(id)) break
      behindCut = kind === recordKind.cut
      this.place = at + here
      if (isElsewhere) {
        this.copyRun(runStart, runEnd, length)
        this.copyOwn(id, length, record)
        runStart = this.place
      }
      runEnd = this.place
      length += record
      this.tail += here
    }
    this.copyRun(runStart, runEnd, length)
    return length
  }

  /** Copies neighbouring records in one piece; `length` is where they end in the batch. */
  private copyRun(start: number, end: number, length: number): void {
    if (start === end) return
    this.makeRoom(length)
    this.staging.set(this.ring.subarray(start, end), batchHeaderBytes + length - (end - start))
  }

  private copyOwn(id: number, length: number, bytes: number): void {
    this.makeRoom(length + bytes)
    this.staging.set(new Uint8Array(this.own.get(id) as SharedArrayBuffer), batchHeaderBytes + length)
    this.own.delete(id)
  }

  private makeRoom(length: number): void {
    if (batchHeaderBytes + length <= this.staging.length) return
    const grown = new Uint8Array(batchHeaderBytes + length)
    grown.set(this.staging)
    this.staging = grown
  }

  /** What can be done while nothing is to be committed. */
  idle(): void {
    if (this.pending === undefined && this.staging.length > batchHeaderBytes + 2 * logBatchBytesMax)
      this.staging = new Uint8Array(batchHeaderBytes + 2 * logBatchBytesMax)
    this.housekeeping.do(true, this.position)
  }

  /** Lets go of the files; another committer may go on. */
  release(): void {
    this.log.close()
    this.witness.close()
  }

  /** After the last commit. */
  close(): void {
    this.housekeeping.do(true, this.position)
    while (this.log.spares > 0) this.log.deleteSpare()
    this.witness.sync()
    this.release()
  }
}
