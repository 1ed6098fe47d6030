/**
 * The thread that commits. It sleeps until something is published, takes all that is there as one batch, writes it behind the
 * last one, and announces how far the log is durable. What arrives meanwhile is the next batch.
 *
 * - An error of the disk stops the node and is never retried; after a failed fsync nobody knows what the disk holds.
 * - A full disk is not such an error: nothing was acknowledged, and the same batch is written again until there is room.
 */
import { join } from "node:path"
import { parentPort, workerData } from "node:worker_threads"
import { recordKind } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { logBatchBytesMax } from "../../core/lib/limits.ts"
import { listen } from "../../platform/worker.ts"
import { logFilesName } from "../directory/names.ts"
import { StorageError } from "../storage.ts"
import { batchHeaderBytes, type LogPlace, sealBatch } from "./batch.ts"
import { LogControl } from "./control.ts"
import { Housekeeping } from "./housekeeping.ts"
import { LogReader } from "./reader.ts"
import { type LogTail, readTail } from "./recover-log.ts"
import { elsewhere } from "./ring.ts"
import { isOutOfRoom } from "./segment-file.ts"
import { readWitness, Witness } from "./witness.ts"
import { LogWriter } from "./writer.ts"

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
  private readonly log: LogWriter
  private readonly witness = new Witness(data.directory, false)
  private readonly own = new Map<number, SharedArrayBuffer>()
  private ownArrived: (() => void) | undefined
  /** As the ring's head, and where in the ring that is. */
  private tail = 0
  private place = 0
  private batch: number
  private position: number
  private checksum: number
  private readonly housekeeping: Housekeeping
  private staging = new Uint8Array(batchHeaderBytes + 2 * logBatchBytesMax)

  constructor(tail: LogTail) {
    this.batch = tail.batch
    this.position = tail.position
    this.checksum = tail.checksum
    this.log = new LogWriter(data.directory, data.sync, tail)
    this.housekeeping = new Housekeeping(this.control, this.log)
    this.control.firstBatch = this.log.firstBatch
    this.control.checkedFrom = tail.checkedFrom
    this.control.announce(this.position, this.batch)
    hear = (message) => {
      if (message.kind === "own") this.own.set(message.id, message.buffer)
      this.ownArrived?.()
    }
  }

  private async arrived(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.ownArrived = resolve
    })
  }

  /** The node serves meanwhile; its first commit waits for this. */
  private clear(): void {
    try {
      this.log.clearRest()
    } catch (error) {
      // Only commits are slower without: they go on or wait as the disk allows.
      if (!isOutOfRoom(error)) throw error
    }
    this.control.free = this.log.freeBytes
  }

  async run(): Promise<void> {
    const { control } = this
    this.clear()
    for (;;) {
      const seen = control.wakeCount
      this.endIfAbandoned()
      if (control.head === this.tail) {
        if (control.stopping) break
        if (control.sleep(seen, idleMs)) this.idle()
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
    this.append(number, bytes, this.position + length)
    this.witness.write(number, checksum, data.sync)
    this.batch = number
    this.checksum = checksum
    this.position += length
    this.control.countCommit((performance.now() - begun) * 1000)
    this.control.announce(this.position, number)
    this.housekeeping.do(false, this.position)
  }

  private append(number: number, bytes: Uint8Array, end: number): void {
    for (;;) {
      try {
        this.log.append(number, bytes, end)
        this.control.setFull(false)
        return
      } catch (error) {
        if (!isOutOfRoom(error)) throw error
        this.control.setFull(true)
        this.control.sleep(this.control.wakeCount, fullRetryMs)
        this.endIfAbandoned()
        this.housekeeping.do(false, this.position)
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

  /** What can be done while nothing is to be committed. */
  private idle(): void {
    if (this.staging.length > batchHeaderBytes + 2 * logBatchBytesMax)
      this.staging = new Uint8Array(batchHeaderBytes + 2 * logBatchBytesMax)
    this.housekeeping.do(true, this.position)
  }

  private close(): void {
    this.housekeeping.do(true, this.position)
    while (this.log.spares > 0) this.log.deleteSpare()
    this.log.close()
    this.witness.sync()
    this.witness.close()
    send({ kind: "closed" })
  }
}

/** Reads the log back behind what the table holds, and hands it over, as fast as it is taken. */
async function recover(applied: LogPlace): Promise<LogTail> {
  const waiting: number[] = []
  const ahead = { bytes: 0 }
  let taken: (() => void) | undefined
  hear = (message) => {
    if (message.kind !== "taken") return
    ahead.bytes -= waiting.shift() as number
    taken?.()
  }
  const reader = new LogReader(data.directory)
  try {
    return await readTail(reader, applied, readWitness(data.directory), async (records, header) => {
      const copy = records.slice()
      waiting.push(copy.length)
      ahead.bytes += copy.length
      send({ kind: "batch", records: copy, start: header.start }, [copy.buffer])
      while (ahead.bytes > recoveryBytesAhead)
        await new Promise<void>((resolve) => {
          taken = resolve
        })
    })
  } finally {
    reader.close()
  }
}

let recovering = true
try {
  const applied = await begun
  const tail = await recover(applied)
  const committer = new Committer(tail)
  send({ kind: "recovered", batch: tail.batch, position: tail.position, notice: tail.notice })
  send({ kind: "ready" })
  recovering = false
  await committer.run()
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  const text = error instanceof StorageError ? message : `${join(data.directory, logFilesName)}: ${message}`
  send({ kind: "error", text, recovering })
}
