/**
 * Committing as the thread that owns sockets sees it: what it publishes at the end of a turn becomes durable, and it is told.
 *
 * With `sync` a thread commits. Without, that thread only reads the log back at a start, and this one commits: see `committer.ts`.
 */
import { join } from "node:path"
import { recordHeaderBytes, RecordView } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { logRingBytes } from "../../core/lib/limits.ts"
import { endWorker, startWorker, tell, type Worker } from "../../platform/worker.ts"
import { logFilesName } from "../directory/names.ts"
import { StorageError } from "../storage.ts"
import { CommitHere } from "./commit-here.ts"
import { Committer } from "./committer.ts"
import type { CommitData, CommitMessage, CommitRequest } from "./commit-worker.ts"
import type { LogPlace } from "./batch.ts"
import { LogControl } from "./control.ts"
import type { LogTail } from "./recover-log.ts"
import { LogRing } from "./ring.ts"

export interface CommitEvents {
  /** More is durable, or the disk has become full or has room again. */
  readonly onProgress: () => void
  /** The log is to have a file more, of this number, which another thread makes. */
  readonly onFileWanted: (number: number) => void
  readonly onFatal: (error: Error) => void
}

export class CommitClient {
  readonly control = new LogControl()
  readonly ring: LogRing
  private readonly events: CommitEvents
  private worker: Worker | undefined
  /** Of a thread that is needed no more. */
  private ended: Promise<void> | undefined
  private handlers: ((message: CommitMessage) => void) | undefined
  private stopRecovery: ((error: Error) => void) | undefined
  private failure: Error | undefined
  private closed = false
  private readonly directory: string
  private sync = true
  /** Without `sync`, from when the thread has cleared the log's end. */
  private here: CommitHere | undefined
  private whenHere: (() => void) | undefined
  /** Records' own buffers, before that. */
  private readonly own = new Map<number, SharedArrayBuffer>()
  private committer: Committer | undefined

  constructor(directory: string, events: CommitEvents) {
    this.directory = directory
    this.events = events
    this.ring = new LogRing(logRingBytes, 0, (id, buffer) => this.handOver(id, buffer))
  }

  private handOver(id: number, buffer: SharedArrayBuffer): void {
    if (this.sync) this.post({ kind: "own", id, buffer })
    else if (this.committer === undefined) this.own.set(id, buffer)
    else this.committer.takeOwn(id, buffer)
  }

  private post(message: CommitRequest): void {
    assert(this.worker !== undefined, "the commit worker runs")
    tell(this.worker, message)
  }

  /** Starts the thread: it takes as long as to open the table's files, beside which it goes. */
  start(sync: boolean): void {
    this.sync = sync
    const { directory } = this
    const data: CommitData = { directory, sync, ring: this.ring.shared, control: this.control.shared }
    const worker = startWorker("storage/log/commit-worker.ts", data)
    worker.on("error", (error: Error) => {
      this.failure ??= error
      this.stopRecovery?.(error)
      this.fail(error)
    })
    worker.on("message", (message: CommitMessage) => this.handlers?.(message))
    this.worker = worker
  }

  /**
   * Replays the log behind `applied`, once the thread is started.
   * @param heldBatch the last batch of which a file of the table holds something: the log must reach it
   * @returns a notice for the log, if something was cut
   * @throws StorageError
   */
  async recover(
    applied: LogPlace,
    heldBatch: number,
    visit: (record: RecordView, position: number) => void,
  ): Promise<string | undefined> {
    const tail = await new Promise<LogTail>((resolve, reject) => {
      const record = new RecordView()
      if (this.failure !== undefined) return reject(this.failure)
      this.stopRecovery = reject
      this.handlers = (message) => {
        try {
          if (message.kind === "batch") {
            replay(record, message.records, message.start, visit)
            this.post({ kind: "taken" })
          } else if (message.kind === "recovered") resolve(message.tail)
          else if (message.kind === "error") reject(new StorageError(message.text))
          this.recovered(message)
        } catch (error) {
          reject(error)
        }
      }
      this.post({ kind: "recover", applied, heldBatch })
    })
    if (this.sync) void this.follow()
    return tail.notice
  }

  private recovered(message: CommitMessage): void {
    if (message.kind !== "recovered") return
    const { tail } = message
    this.ring.position = tail.position
    this.handlers = (next) => {
      if (next.kind === "error") this.fail(new StorageError(next.text))
      else if (next.kind === "cleared") this.commitHere(tail)
    }
  }

  private commitHere(tail: LogTail): void {
    if (this.closed) return
    const { directory, control, events } = this
    const onError = (error: Error) =>
      this.fail(new StorageError(`${join(directory, logFilesName)}: ${error.message}`))
    try {
      this.committer = new Committer(directory, false, this.ring.shared, control, tail)
    } catch (error) {
      return onError(error as Error)
    }
    this.ended = endWorker(this.worker as Worker)
    this.worker = undefined
    for (const [id, buffer] of this.own) this.committer.takeOwn(id, buffer)
    this.own.clear()
    this.here = new CommitHere(this.committer, control, { ...events, onError })
    this.here.commit()
    this.whenHere?.()
  }

  private fail(error: Error): void {
    this.failure ??= error
    this.whenHere?.()
    if (!this.closed) this.events.onFatal(error)
  }

  private async follow(): Promise<void> {
    const { control, events } = this
    let seen = control.progressCount
    let wanted = 0
    while (!this.closed) {
      seen = await control.progress(seen)
      if (this.closed) return
      const { fileWanted } = control
      if (fileWanted !== wanted) events.onFileWanted(fileWanted)
      wanted = fileWanted
      events.onProgress()
    }
  }

  /** Once per turn. */
  publish(): void {
    if (!this.ring.mark()) return
    this.control.publish(this.ring.head)
    this.here?.commit()
  }

  /** Commits what is published and ends the thread. */
  async close(): Promise<void> {
    if (this.worker === undefined && this.here === undefined) return
    if (this.sync) await this.closeThread()
    else {
      if (this.here === undefined && this.failure === undefined)
        await new Promise<void>((resolve) => {
          this.whenHere = resolve
        })
      this.here?.commit()
      this.here?.close()
    }
    await this.kill()
  }

  private async closeThread(): Promise<void> {
    // Then it has ended, and says nothing more.
    if (this.failure !== undefined) return
    await new Promise<void>((resolve) => {
      this.handlers = (message) => {
        if (message.kind === "closed") resolve()
        if (message.kind !== "error") return
        this.fail(new StorageError(message.text))
        resolve()
      }
      this.control.stop()
    })
  }

  /** Ends the thread wherever it is. */
  async kill(): Promise<void> {
    this.closed = true
    this.here?.kill()
    this.whenHere?.()
    this.control.interrupt()
    this.control.abandon()
    if (this.worker !== undefined) await endWorker(this.worker)
    await this.ended
  }
}

function replay(
  record: RecordView,
  records: Uint8Array,
  start: number,
  visit: (record: RecordView, position: number) => void,
): void {
  for (let at = 0; at < records.length;) {
    const { length } = record.at(records, at)
    assert(length >= recordHeaderBytes && at + length <= records.length, "records fill their batch")
    visit(record, start + at + length)
    at += length
  }
}
