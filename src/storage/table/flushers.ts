/** The flusher workers as the thread that owns sockets sees them. */
import { partitionFiles } from "../../core/lib/limits.ts"
import { endWorker, startWorker, tell, type Worker } from "../../platform/worker.ts"
import type { LogPlace } from "../log/batch.ts"
import { StorageError } from "../storage.ts"
import { FlushedSlots } from "./flushed-slots.ts"
import type { FlusherData, FlusherMessage, FlusherRequest, OpenedFile } from "./flusher-worker.ts"

type Progress = Extract<FlusherMessage, { kind: "progress" }>

export interface FlusherEvents {
  /** @param isRoundOver what was urgent before is asked for again, if that was not enough */
  readonly onProgress: (isRoundOver: boolean) => void
  readonly onFatal: (error: Error) => void
}

interface Flusher {
  readonly worker: Worker
  progress: Progress
  closed: (() => void) | undefined
}

interface Barrier {
  left: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Flushers {
  readonly slots = new FlushedSlots()
  private readonly events: FlusherEvents
  private readonly flushers: Flusher[] = []
  private readonly barriers = new Map<number, Barrier>()
  private nextBarrier = 1
  private failure: Error | undefined
  private closed = false

  constructor(events: FlusherEvents) {
    this.events = events
  }

  /** Starts the workers. @returns what the files hold, and up to where all of them hold everything. @throws StorageError */
  async open(data: Omit<FlusherData, "worker">): Promise<{ files: OpenedFile[]; applied: LogPlace }> {
    const workers = Math.min(data.workers, partitionFiles)
    const opened: Promise<Extract<FlusherMessage, { kind: "opened" }>>[] = []
    for (let worker = 0; worker < workers; worker++) opened.push(this.start({ ...data, workers, worker }))
    const files = (await Promise.all(opened)).flatMap((message) => message.files)
    const oldest = files.reduce((a, b) => (b.batch < a.batch ? b : a))
    for (const flusher of this.flushers)
      flusher.progress = { ...flusher.progress, applied: oldest.position, durable: oldest.position }
    return { files, applied: { batch: oldest.batch, position: oldest.position } }
  }

  private start(data: FlusherData): Promise<Extract<FlusherMessage, { kind: "opened" }>> {
    const worker = startWorker("storage/table/flusher-worker.ts", data)
    const none = {
      applied: 0,
      durable: 0,
      durableBatch: 0,
      count: 0,
      rows: 0,
      free: 0,
      full: false,
      isRoundOver: false,
    }
    const flusher: Flusher = { worker, progress: { kind: "progress", ...none }, closed: undefined }
    this.flushers.push(flusher)
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        reject(error)
        flusher.closed?.()
        this.fail(error)
      }
      worker.on("error", fail)
      worker.on("message", (message: FlusherMessage) => {
        if (message.kind === "opened") resolve(message)
        else if (message.kind === "progress") {
          flusher.progress = message
          this.events.onProgress(message.isRoundOver)
        } else if (message.kind === "flushed") this.slots.take(message.file, message.position, message.slots)
        else if (message.kind === "barrier") this.passed(message.id)
        else if (message.kind === "closed") flusher.closed?.()
        else fail(new StorageError(message.text))
      })
    })
  }

  private fail(error: Error): void {
    this.failure ??= error
    for (const barrier of this.barriers.values()) barrier.reject(error)
    this.barriers.clear()
    if (!this.closed) this.events.onFatal(error)
  }

  private post(message: FlusherRequest, flushers: readonly Flusher[] = this.flushers): void {
    for (const { worker } of flushers) tell(worker, message)
  }

  follow(): void {
    this.post({ kind: "follow" })
  }
  /** Memory is full of changes. */
  urgent(): void {
    this.post({ kind: "urgent", all: false })
  }
  /** The log is to be cut, for which all files must have caught up. */
  makeRoom(): void {
    this.post({ kind: "urgent", all: true })
  }

  /**
   * Resolves when the table holds everything up to `position`, which it does once that is settled.
   * @param file of this file alone
   */
  barrier(position: number, file?: number): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    const id = this.nextBarrier++
    const asked = file === undefined ? this.flushers : [this.flushers[file % this.flushers.length] as Flusher]
    return new Promise((resolve, reject) => {
      this.barriers.set(id, { left: asked.length, resolve, reject })
      this.post({ kind: "barrier", id, position, file }, asked)
    })
  }

  /** More is settled: tells the flushers if somebody waits for it. */
  settled(): void {
    if (this.barriers.size > 0) this.post({ kind: "settled" })
  }

  get isAwaited(): boolean {
    return this.barriers.size > 0
  }

  private passed(id: number): void {
    const barrier = this.barriers.get(id)
    if (barrier === undefined || --barrier.left > 0) return
    this.barriers.delete(id)
    barrier.resolve()
  }

  private least(of: (progress: Progress) => number): number {
    return this.flushers.reduce(
      (least, { progress }) => Math.min(least, of(progress)),
      Number.MAX_SAFE_INTEGER,
    )
  }
  /** Every file holds everything up to this position. */
  get applied(): number {
    return this.least((progress) => progress.applied)
  }
  /** As `applied`, and a synced checkpoint has made it durable. */
  get durable(): number {
    return this.least((progress) => progress.durable)
  }
  get durableBatch(): number {
    return this.least((progress) => progress.durableBatch)
  }
  get full(): boolean {
    return this.flushers.some(({ progress }) => progress.full)
  }
  /** Bytes of free pages in the table's files. */
  get free(): number {
    return this.flushers.reduce((sum, { progress }) => sum + progress.free, 0)
  }
  /** Entries in the table. */
  get count(): number {
    return this.flushers.reduce((sum, { progress }) => sum + progress.count, 0)
  }
  /** Rows written since the start. */
  get rows(): number {
    return this.flushers.reduce((sum, { progress }) => sum + progress.rows, 0)
  }

  /** Brings everything into the table and ends the threads. */
  async close(): Promise<void> {
    if (this.failure !== undefined) return this.kill()
    const closed = this.flushers.map(
      (flusher) =>
        new Promise<void>((resolve) => {
          flusher.closed = resolve
        }),
    )
    this.post({ kind: "close" })
    await Promise.all(closed)
    await this.kill()
  }

  async kill(): Promise<void> {
    this.closed = true
    await Promise.all(this.flushers.map(({ worker }) => endWorker(worker)))
  }
}
