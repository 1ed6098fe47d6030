/** The reader workers as the thread that owns sockets sees them. */
import { loadsBatchMax, partitionFiles } from "../../core/lib/limits.ts"
import { release } from "../../platform/buffers.ts"
import { endWorker, startWorker, tell, type Worker } from "../../platform/worker.ts"
import { StorageError } from "../storage.ts"
import type { LoadAnswer, LoadItem, ReaderData, ReaderMessage, ReaderRequest } from "./reader-worker.ts"

export interface ReaderEvents {
  /** Contents are good until it returns. */
  readonly onLoaded: (answers: readonly LoadAnswer[]) => void
  readonly onFatal: (error: Error) => void
}

interface Reader {
  readonly worker: Worker
  /** Loads that have been asked for and not sent. */
  waiting: LoadItem[]
  /** Loads sent and answered since the start: each reader answers in order. */
  sent: number
  answered: number
  closed: (() => void) | undefined
}

/** A request that is answered by a message with its id. */
type Numbered = Exclude<ReaderRequest, { kind: "load" | "close" }>
type Unnumbered<A> = A extends Numbered ? Omit<A, "id"> : never

export class Readers {
  private readonly events: ReaderEvents
  private readonly readers: Reader[] = []
  private readonly calls = new Map<
    number,
    { resolve: (message: ReaderMessage) => void; reject: (error: Error) => void }
  >()
  private nextCall = 1
  private scheduled = false
  private closed = false
  /** Loads answered since the start. */
  loadsAnswered = 0

  constructor(events: ReaderEvents) {
    this.events = events
  }

  open(data: ReaderData, workers: number): void {
    for (let i = 0; i < Math.min(workers, partitionFiles); i++) {
      const worker = startWorker("storage/table/reader-worker.ts", data)
      const reader: Reader = { worker, waiting: [], sent: 0, answered: 0, closed: undefined }
      this.readers.push(reader)
      worker.on("message", (message: ReaderMessage) => this.receive(reader, message))
      worker.on("error", (error: Error) => {
        for (const call of this.calls.values()) call.reject(error)
        this.calls.clear()
        reader.closed?.()
        if (!this.closed) this.events.onFatal(error)
      })
    }
  }

  private receive(reader: Reader, message: ReaderMessage): void {
    if (message.kind === "loaded") {
      reader.answered += message.answers.length
      this.loadsAnswered += message.answers.length
      this.events.onLoaded(message.answers)
      for (const { content } of message.answers) if (content !== undefined) release(content)
      this.send(reader)
    } else if (message.kind === "closed") reader.closed?.()
    else {
      const call = this.calls.get(message.id)
      this.calls.delete(message.id)
      if (message.kind === "failed") call?.reject(new StorageError(message.text, message.slot))
      else call?.resolve(message)
    }
  }

  load(slot: number, alias: string): void {
    const reader = this.readers[(slot % partitionFiles) % this.readers.length] as Reader
    reader.waiting.push({ slot, alias })
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      for (const each of this.readers) this.send(each)
    })
  }

  private send(reader: Reader): void {
    const room = loadsBatchMax - (reader.sent - reader.answered)
    if (reader.waiting.length === 0 || room <= 0) return
    const items = reader.waiting.splice(0, room)
    reader.sent += items.length
    tell(reader.worker, { kind: "load", items } satisfies ReaderRequest)
  }

  /** What is under way now, to be given to `haveAnswered` later. */
  underWay(): readonly number[] {
    return this.readers.map((reader) => reader.sent)
  }
  haveAnswered(underWay: readonly number[]): boolean {
    return this.readers.every((reader, i) => reader.answered >= (underWay[i] as number))
  }

  /** Asks one reader. Rejects with a StorageError where data is damaged. */
  call<K extends Numbered["kind"]>(
    request: Extract<Unnumbered<Numbered>, { kind: K }>,
    reader = 0,
  ): Promise<ReaderMessage> {
    const id = this.nextCall++
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new StorageError("the storage is closed"))
      this.calls.set(id, { resolve, reject })
      const target = this.readers[reader % this.readers.length] as Reader
      tell(target.worker, { ...request, id })
    })
  }

  async close(): Promise<void> {
    const closed = this.readers.map(
      (reader) =>
        new Promise<void>((resolve) => {
          reader.closed = resolve
          tell(reader.worker, { kind: "close" } satisfies ReaderRequest)
        }),
    )
    await Promise.all(closed)
    await this.kill()
  }

  async kill(): Promise<void> {
    this.closed = true
    for (const call of this.calls.values()) call.reject(new StorageError("the storage is closed"))
    this.calls.clear()
    await Promise.all(this.readers.map(({ worker }) => endWorker(worker)))
  }
}
