/**
 * The thread that commits. It sleeps until something is published, takes all that is there as one batch, writes it in one
 * transaction, and announces how far the log is durable. What arrives meanwhile is the next batch.
 *
 * - An error from SQLite stops the node and is never retried; after a failed fsync nobody knows what the disk holds.
 * - A full disk is not such an error: SQLite has rolled back, nothing was acknowledged, and the same batch is tried again
 *   until there is room.
 */
import { join } from "node:path"
import { parentPort, workerData } from "node:worker_threads"
import { resultOf } from "#sqlite"
import { recordKind } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { logBatchBytesMax, logCutBatchesMax } from "../../core/lib/limits.ts"
import { sqliteResult } from "../../platform/sqlite/driver.ts"
import { listen } from "../../platform/worker.ts"
import { batchHeaderBytes, sealBatch } from "./batch.ts"
import { logName } from "../directory/names.ts"
import { StorageError } from "../storage.ts"
import { Checkpoints } from "./checkpoints.ts"
import { LogControl } from "./control.ts"
import { freeBytes, type LogPlace, LogReader, LogWriter } from "./log-file.ts"
import { readTail } from "./recover-log.ts"
import { Retention } from "./retention.ts"
import { elsewhere } from "./ring.ts"
import { readWitness, Witness } from "./witness.ts"

/** What the thread is started with. */
export interface CommitData {
  readonly directory: string
  readonly sync: boolean
  readonly ring: SharedArrayBuffer
  readonly control: SharedArrayBuffer
}

/** What it tells by message; the rest goes through `LogControl`. */
export type CommitMessage =
  | { readonly kind: "batch"; readonly records: Uint8Array; readonly start: number }
  | {
      readonly kind: "recovered"
      readonly batch: number
      readonly position: number
      readonly notice: string | undefined
    }
  | { readonly kind: "ready" }
  | { readonly kind: "error"; readonly text: string; readonly recovering: boolean }
  | { readonly kind: "closed" }

/** What it is told by message: from where on to read the log back, a record's own buffer, that a recovered batch was taken over. */
export type CommitRequest =
  | { readonly kind: "recover"; readonly applied: LogPlace }
  | { readonly kind: "own"; readonly id: number; readonly buffer: SharedArrayBuffer }
  | { readonly kind: "taken" }

/** Batches on their way to the core while the log is read back: bounds memory. */
const recoveryBytesAhead = 32 * 1024 * 1024
const fullRetryMs = 100
const idleMs = 1000

const data = workerData as CommitData
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: CommitMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

/** The thread starts beside those that open the table's files, and touches the log when they have told what they hold. */
let hear: (message: CommitRequest) => void
const begun = new Promise<LogPlace>((resolve) => {
  hear = (message) => {
    if (message.kind === "recover") resolve(message.applied)
  }
})
listen((message: CommitRequest) => hear(message))

class Committer {
  private readonly control = new LogControl(data.control)
  private readonly ring = new Uint8Array(data.ring)
  private readonly ringView = new DataView(data.ring)
  private readonly log = new LogWriter(data.directory, data.sync ? "FULL" : "NORMAL")
  private readonly checkpoints = new Checkpoints(this.log, this.control)
  private readonly witness = new Witness(data.directory, false)
  private readonly own = new Map<number, SharedArrayBuffer>()
  private ownArrived: (() => void) | undefined
  private taken = 0
  /** As the ring's head, and where in the ring that is. */
  private tail = 0
  private place = 0
  private batch = 0
  private position = 0
  private checksum = 0
  private firstBatch = 0
  private readonly retention = new Retention()
  private staging = new Uint8Array(batchHeaderBytes + 2 * logBatchBytesMax)

  constructor() {
    hear = (message) => {
      if (message.kind === "own") this.own.set(message.id, message.buffer)
      else if (message.kind === "taken") this.taken++
      this.ownArrived?.()
    }
  }

  private async arrived(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.ownArrived = resolve
    })
  }

  async recover(applied: LogPlace): Promise<void> {
    let sent = 0
    const waiting: number[] = []
    const reader = new LogReader(this.log.database, this.log.path)
    const tail = await readTail(
      this.log.path,
      reader,
      applied,
      readWitness(data.directory),
      async (records, header) => {
        const copy = records.slice()
        waiting.push(copy.length)
        sent += copy.length
        send({ kind: "batch", records: copy, start: header.start }, [copy.buffer])
        while (sent > recoveryBytesAhead) {
          while (this.taken > 0) {
            this.taken--
            sent -= waiting.shift() as number
          }
          if (sent > recoveryBytesAhead) await this.arrived()
        }
      },
    )
    this.batch = tail.batch
    this.position = tail.position
    this.checksum = tail.checksum
    if (tail.cutBehind) this.log.deleteRange(tail.batch + 1, Number.MAX_SAFE_INTEGER)
    this.firstBatch = this.log.first()
    this.markKept(reader)
    this.control.announce(this.position, this.batch)
    send({ kind: "recovered", batch: this.batch, position: this.position, notice: tail.notice })
    send({ kind: "ready" })
  }

  /** The node serves meanwhile; its first commit waits for this. */
  private grow(): void {
    try {
      this.log.grow()
    } catch (error) {
      // Only commits are slower without: they go on or wait as the disk allows.
      if (resultOf(error) !== sqliteResult.full) throw error
    }
    this.control.free = freeBytes(this.log.database)
  }

  /** Where replicas may ask for the log of before this start. */
  private markKept(reader: LogReader): void {
    const { firstBatch, batch, position } = this
    const oldest = firstBatch === 0 ? undefined : reader.endOf(firstBatch)
    const bound = position - this.control.keptBytes
    if (oldest !== undefined && oldest <= bound) {
      const kept = reader.lastEndingBy(bound, { batch: firstBatch, position: oldest }, batch)
      this.retention.note(kept.batch, kept.position)
    }
    this.retention.note(batch, position)
  }

  /** The last batch that neither the table nor a replica needs; the last of all stays, so that the chain goes on from it. */
  private get deletable(): number {
    const last = this.control.cutBatch - 1
    const kept = this.control.full ? 0 : this.control.keptBytes
    return kept === 0 ? last : Math.min(last, this.retention.lastBefore(this.position - kept))
  }

  async run(): Promise<void> {
    const { control } = this
    this.grow()
    for (;;) {
      const seen = control.wakeCount
      this.endIfAbandoned()
      if (control.head === this.tail) {
        if (control.stopping) break
        if (!this.idle()) control.sleep(seen, idleMs)
        continue
      }
      await this.commitNext()
    }
    this.close()
  }

  private async commitNext(): Promise<void> {
    const length = await this.gather(this.control.head)
    const number = this.batch + 1
    const begun = performance.now()
    const bytes = this.staging.subarray(0, batchHeaderBytes + length)
    const checksum = sealBatch(bytes, length, number, this.position, this.checksum)
    const cutTo = Math.min(this.deletable, this.firstBatch + logCutBatchesMax - 1)
    this.append(number, bytes, cutTo)
    this.witness.write(number, checksum, data.sync)
    if (cutTo >= this.firstBatch) this.firstBatch = cutTo + 1
    this.batch = number
    this.checksum = checksum
    this.position += length
    this.retention.note(number, this.position)
    this.control.countCommit((performance.now() - begun) * 1000)
    this.control.announce(this.position, number)
    this.checkpointIfDue()
  }

  private checkpointIfDue(): void {
    if (this.checkpoints.run()) this.control.free = freeBytes(this.log.database)
  }

  private append(number: number, bytes: Uint8Array, cutTo: number): void {
    for (;;) {
      try {
        this.log.append(number, bytes, this.firstBatch, cutTo)
        this.control.setFull(false)
        return
      } catch (error) {
        if (resultOf(error) !== sqliteResult.full) throw error
        this.control.setFull(true)
        this.control.sleep(this.control.wakeCount, fullRetryMs)
        this.endIfAbandoned()
      }
    }
  }

  /** This thread takes no turn while it commits, and so would not hear the message that `endWorker` may need. */
  private endIfAbandoned(): void {
    if (this.control.abandoned) process.exit()
  }

  /**
   * Copies records from `tail` up to `head`, or up to a batch's bound, behind the header's place. A batch ends with a `cut`:
   * the table takes whole batches, and behind it may stand what keeps the log from being settled.
   * @returns their bytes
   */
  private async gather(head: number): Promise<number> {
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
      const record = kind === elsewhere ? this.ringView.getUint32(at + 12, true) : here
      if (length > 0 && length + record > logBatchBytesMax) break
      if (behindCut && kind !== recordKind.cut) break
      behindCut = kind === recordKind.cut
      this.place = at + here
      if (kind === elsewhere) {
        this.copyRun(runStart, runEnd, length)
        await this.copyOwn(this.ringView.getUint32(at + 8, true), record, length)
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

  private async copyOwn(id: number, bytes: number, length: number): Promise<void> {
    while (!this.own.has(id)) await this.arrived()
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

  /** What can be done while nothing is to be committed, a piece of it. @returns whether there is more */
  private idle(): boolean {
    if (this.staging.length > batchHeaderBytes + 2 * logBatchBytesMax)
      this.staging = new Uint8Array(batchHeaderBytes + 2 * logBatchBytesMax)
    return this.cut(this.firstBatch + logCutBatchesMax - 1)
  }

  /** Deletes batches that the table holds, up to `bound`. @returns whether there are more */
  private cut(bound: number): boolean {
    const last = this.deletable
    const to = Math.min(last, bound)
    if (to < this.firstBatch) return false
    try {
      this.log.deleteRange(this.firstBatch, to)
      this.firstBatch = to + 1
      if (to === last) this.control.free = freeBytes(this.log.database)
      this.checkpointIfDue()
    } catch (error) {
      // A deletion can wait for room.
      if (resultOf(error) !== sqliteResult.full) throw error
      return false
    }
    return to < last
  }

  private close(): void {
    this.cut(Number.MAX_SAFE_INTEGER)
    this.log.close()
    this.witness.sync()
    this.witness.close()
    send({ kind: "closed" })
  }
}

let recovering = true
try {
  const applied = await begun
  const committer = new Committer()
  await committer.recover(applied)
  recovering = false
  await committer.run()
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  const text = error instanceof StorageError ? message : `${join(data.directory, logName)}: ${message}`
  send({ kind: "error", text, recovering })
}
