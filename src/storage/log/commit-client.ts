/** The commit worker as the thread that owns sockets sees it. */
import { recordHeaderBytes, RecordView } from "../../core/entry/record.ts"
import { assert } from "../../core/lib/assert.ts"
import { logRingBytes } from "../../core/lib/limits.ts"
import { endWorker, startWorker, tell, type Worker } from "../../platform/worker.ts"
import { StorageError } from "../storage.ts"
import type { CommitData, CommitMessage, CommitRequest } from "./commit-worker.ts"
import type { LogPlace } from "./batch.ts"
import { LogControl } from "./control.ts"
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
  private handlers: ((message: CommitMessage) => void) | undefined
  private stopRecovery: ((error: Error) => void) | undefined
  private failure: Error | undefined
  private closed = false

  constructor(events: CommitEvents) {
    this.events = events
    this.ring = new LogRing(logRingBytes, 0, (id, buffer) => this.post({ kind: "own", id, buffer }))
  }

  private post(message: CommitRequest): void {
    assert(this.worker !== undefined, "the commit worker runs")
    tell(this.worker, message)
  }

  /** Starts the thread: it takes as long as to open the table's files, beside which it goes. */
  start(directory: string, sync: boolean): void {
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
   * @returns a notice for the log, if something was cut
   * @throws StorageError
   */
  async recover(
    applied: LogPlace,
    visit: (record: RecordView, position: number) => void,
  ): Promise<string | undefined> {
    let notice: string | undefined
    await new Promise<void>((resolve, reject) => {
      const record = new RecordView()
      if (this.failure !== undefined) return reject(this.failure)
      this.stopRecovery = reject
      this.handlers = (message) => {
        try {
          if (message.kind === "batch") {
            replay(record, message.records, message.start, visit)
            this.post({ kind: "taken" })
          } else if (message.kind === "recovered") {
            notice = message.notice
            this.ring.position = message.position
          } else if (message.kind === "ready") resolve()
          else if (message.kind === "error") reject(new StorageError(message.text))
        } catch (error) {
          reject(error)
        }
      }
      this.post({ kind: "recover", applied })
    })
    this.handlers = (message) => {
      if (message.kind === "error") this.fail(new StorageError(message.text))
    }
    void this.follow()
    return notice
  }

  private fail(error: Error): void {
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
    if (this.ring.mark()) this.control.publish(this.ring.head)
  }

  /** Commits what is published and ends the thread. */
  async close(): Promise<void> {
    const { worker } = this
    if (worker === undefined) return
    await new Promise<void>((resolve) => {
      this.handlers = (message) => {
        if (message.kind === "closed") resolve()
        if (message.kind !== "error") return
        this.fail(new StorageError(message.text))
        resolve()
      }
      this.control.stop()
    })
    await this.kill()
  }

  /** Ends the thread wherever it is. */
  async kill(): Promise<void> {
    this.closed = true
    this.control.interrupt()
    this.control.abandon()
    if (this.worker !== undefined) await endWorker(this.worker)
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
