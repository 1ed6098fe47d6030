/**
 * The thread that brings what the log holds into the table. It follows the log by reading it, so that the thread which
 * owns sockets hands over nothing; file `i` belongs to worker `i mod n`.
 *
 * A round takes one file as far as the log is durable. Rounds run when much is waiting, when something has waited for
 * long, when somebody scans (`barrier`) and before closing. A checkpoint after the round empties the file's write-ahead
 * log; the log may be cut up to there.
 */
import { parentPort, workerData } from "node:worker_threads"
import { resultOf } from "#sqlite"
import { recordKind, RecordView } from "../../core/entry/record.ts"
import {
  flushAgeMs,
  flushRoundBytesMax,
  flushStepBytesWhenFull,
  partitionFiles,
} from "../../core/lib/limits.ts"
import { listen } from "../../platform/worker.ts"
import type { SqlDatabase } from "../../platform/sqlite/driver.ts"
import { sqliteResult } from "../../platform/sqlite/driver.ts"
import { batchHeaderBytes, batchStart, openBatch } from "../log/batch.ts"
import { LogControl } from "../log/control.ts"
import { freeBytes, LogReader, type LogRow, openWal } from "../log/log-file.ts"
import { logName } from "../directory/names.ts"
import { join } from "node:path"
import { type SlotState, StorageError, type StoredResult } from "../storage.ts"
import { partitionPath } from "./partition.ts"
import { PartitionWriter } from "./partition-writer.ts"
import { readClients } from "./read-clients.ts"
import { Round } from "./round.ts"

export interface FlusherData {
  readonly directory: string
  readonly worker: number
  readonly workers: number
  readonly control: SharedArrayBuffer
  /** Waiting bytes of log that begin a round. */
  readonly roundBytes: number
}

export type FlusherMessage =
  | {
      readonly kind: "opened"
      readonly batch: number
      readonly position: number
      readonly slots: SlotState[]
      readonly results: StoredResult[]
    }
  | {
      readonly kind: "progress"
      readonly applied: number
      readonly durable: number
      readonly durableBatch: number
      readonly count: number
      readonly rows: number
      /** Bytes of free pages in the files. */
      readonly free: number
      readonly full: boolean
    }
  | { readonly kind: "barrier"; readonly id: number }
  | { readonly kind: "error"; readonly text: string }
  | { readonly kind: "closed" }

export type FlusherRequest =
  /** The log is recovered; following may begin. */
  | { readonly kind: "follow" }
  | { readonly kind: "barrier"; readonly id: number }
  /** Memory is full of changes: a round is wanted now. */
  | { readonly kind: "urgent" }
  | { readonly kind: "close" }

const pollMs = 100
const fullRetryMs = 500
const batchesPerRead = 8

const data = workerData as FlusherData
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: FlusherMessage) => port.postMessage(message)

/** Errors of SQLite name no file: adds it. A full disk is told apart by its code, and passes. */
function at<A>(path: string, run: () => A): A {
  try {
    return run()
  } catch (error) {
    if (error instanceof StorageError || resultOf(error) === sqliteResult.full) throw error
    const code = (error as { code?: unknown }).code
    const named = typeof code === "string" ? ` (${code})` : ""
    throw new StorageError(`${path}: ${error instanceof Error ? error.message : String(error)}${named}`)
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

class Flusher {
  private readonly control = new LogControl(data.control)
  private readonly files: PartitionWriter[] = []
  private readonly logPath = join(data.directory, logName)
  private logDatabase: SqlDatabase | undefined
  private logReader: LogReader | undefined
  private readonly record = new RecordView()
  /** Of the records of one batch. */
  private readonly offsets: number[] = []
  private readonly barriers: number[] = []
  private urgent = false
  private closing = false
  private full = false
  private rows = 0
  private free = 0
  private flushedAtMs = performance.now()
  private following = false
  private wake: (() => void) | undefined

  constructor() {
    for (let file = data.worker; file < partitionFiles; file += data.workers)
      this.files.push(
        at(partitionPath(data.directory, file), () => new PartitionWriter(data.directory, file)),
      )
    listen((message: FlusherRequest) => {
      if (message.kind === "barrier") this.barriers.push(message.id)
      else if (message.kind === "urgent") this.urgent = true
      else if (message.kind === "follow") this.following = true
      else this.closing = true
      this.wake?.()
    })
  }

  open(): void {
    const slots: SlotState[] = []
    const results: StoredResult[] = []
    let batch = Number.MAX_SAFE_INTEGER
    let position = 0
    for (const file of this.files) {
      for (const { slot, sequence, slotEpoch, clockMs } of file.slots.values())
        slots.push({ slot, sequence, slotEpoch, slotClockMs: clockMs })
      at(file.path, () =>
        readClients(file.database, file.path, file.slots.get(file.file), (result) => results.push(result)),
      )
      if (file.applied.batch < batch) ({ batch, position } = file.applied)
    }
    send({ kind: "opened", batch, position, slots, results })
  }

  async run(): Promise<void> {
    while (!this.following && !this.closing) await this.pause(pollMs)
    if (this.following) {
      this.logDatabase = openWal(this.logPath, false, 2048)
      this.logReader = new LogReader(this.logDatabase)
      this.report()
    }
    while (!this.closing) {
      if (this.barriers.length > 0) await this.barrier()
      else if (this.isDue()) await this.round(true)
      else await this.pause(pollMs)
    }
    await this.close()
  }

  private async pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  private isDue(): boolean {
    const { batch, durable } = this.control
    let oldest = durable
    let behind = false
    for (const file of this.files) {
      oldest = Math.min(oldest, file.applied.position)
      if (file.durable.batch < batch) behind = true
    }
    if (!behind) {
      this.urgent = false
      this.flushedAtMs = performance.now()
      return false
    }
    const waiting = durable - oldest
    if (this.full || this.urgent || waiting >= data.roundBytes) return true
    return performance.now() - this.flushedAtMs >= flushAgeMs
  }

  private async barrier(): Promise<void> {
    const ids = this.barriers.splice(0)
    if (await this.round(false)) for (const id of ids) send({ kind: "barrier", id })
    else this.barriers.push(...ids)
  }

  /** Brings all files as far as the log is durable now. @returns false if the disk is full */
  private async round(durably: boolean): Promise<boolean> {
    const target = this.control.batch
    this.urgent = false
    if (durably) this.flushedAtMs = performance.now()
    try {
      while (this.files.some((file) => file.applied.batch < target)) {
        // Where room is short, small steps with a checkpoint after each keep the write-ahead logs small.
        await this.flush(target, this.full ? flushStepBytesWhenFull : flushRoundBytesMax)
        if (this.full) await this.checkpoint()
      }
      if (durably) await this.checkpoint()
    } catch (error) {
      if (resultOf(error) !== sqliteResult.full) throw error
      await this.makeDo()
      return false
    }
    this.full = false
    this.free = this.files.reduce((sum, file) => sum + freeBytes(file.database), 0)
    this.report()
    return true
  }

  private async checkpoint(): Promise<void> {
    for (const file of this.files) {
      if (file.durable.batch < file.applied.batch) at(file.path, () => file.checkpoint())
      this.report()
      await turn()
    }
  }

  /** The disk is full: gives back what the write-ahead logs hold, says so, and waits a moment. */
  private async makeDo(): Promise<void> {
    this.full = true
    this.report()
    try {
      for (const file of this.files) at(file.path, () => file.checkpoint())
    } catch (error) {
      if (resultOf(error) !== sqliteResult.full) throw error
    }
    await this.pause(fullRetryMs)
  }

  /** All files, up to `target` or as far as `bytesMax` of log go: the log is read once for all of them, newest first. */
  private async flush(target: number, bytesMax: number): Promise<void> {
    const rounds = new Map(this.files.map((file) => [file.file, new Round(file.file)]))
    const oldest = this.files.reduce((least, file) =>
      file.applied.batch < least.applied.batch ? file : least,
    )
    const first = oldest.applied.batch + 1
    const last = this.stretch(first, target, oldest.applied.position, bytesMax)
    let next = last
    let position = 0
    while (next >= first) {
      const rows = at(this.logPath, () => (this.logReader as LogReader).down(next, first, batchesPerRead))
      if (rows.length === 0) throw new StorageError(`${this.logPath}: batch ${next} is missing`)
      for (const row of rows) {
        const end = this.gather(rounds, row, next)
        if (next === last) position = end
        next--
      }
    }
    for (const file of this.files) {
      if (file.applied.batch >= last) continue
      this.rows += at(file.path, () => file.write(rounds.get(file.file) as Round, last, position))
      this.report()
      // Requests that came meanwhile are heard between files.
      await turn()
    }
  }

  /** @returns the last batch of a round that begins with `first` and takes about `bytesMax` of log, by bisection */
  private stretch(first: number, target: number, start: number, bytesMax: number): number {
    let [low, high] = [first, target]
    const startOf = (number: number) => {
      const head = at(this.logPath, () => (this.logReader as LogReader).head(number, batchHeaderBytes))
      if (head === undefined || head.length < batchHeaderBytes)
        throw new StorageError(`${this.logPath}: batch ${number} is missing`)
      return batchStart(head)
    }
    if (startOf(high) - start <= bytesMax) return high
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (startOf(middle) - start <= bytesMax) low = middle
      else high = middle
    }
    return low
  }

  /** Takes up the records of a batch, the last one first. @returns the position behind it. @throws StorageError */
  private gather(rounds: ReadonlyMap<number, Round>, row: LogRow, number: number): number {
    const header = openBatch(row.batch)
    if (typeof header === "string" || row.number !== number || header.number !== number)
      throw new StorageError(
        `${this.logPath}: batch ${number}: ${typeof header === "string" ? header : "missing"}`,
      )
    const { record, offsets } = this
    offsets.length = 0
    for (let offset = batchHeaderBytes; offset < row.batch.length; offset += record.length) {
      record.at(row.batch, offset)
      offsets.push(offset)
    }
    for (let i = offsets.length - 1; i >= 0; i--) {
      record.at(row.batch, offsets[i] as number)
      if (record.kind === recordKind.forgetClients) for (const round of rounds.values()) round.add(record)
      else rounds.get(record.slot % partitionFiles)?.add(record)
    }
    return header.end
  }

  private report(): void {
    let applied = Number.MAX_SAFE_INTEGER
    let durable = Number.MAX_SAFE_INTEGER
    let durableBatch = Number.MAX_SAFE_INTEGER
    let count = 0
    for (const file of this.files) {
      applied = Math.min(applied, file.applied.position)
      durable = Math.min(durable, file.durable.position)
      durableBatch = Math.min(durableBatch, file.durable.batch)
      count += file.count
    }
    send({
      kind: "progress",
      applied,
      durable,
      durableBatch,
      count,
      rows: this.rows,
      free: this.free,
      full: this.full,
    })
  }

  private async close(): Promise<void> {
    // What does not fit on a full disk stays in the log.
    if (this.following) await this.round(true)
    this.report()
    for (const file of this.files) file.close()
    this.logDatabase?.close()
    send({ kind: "closed" })
  }
}

try {
  const flusher = new Flusher()
  flusher.open()
  await flusher.run()
} catch (error) {
  send({ kind: "error", text: error instanceof StorageError ? error.message : `the table: ${String(error)}` })
}
