/** The thread that reads the log's tail, as the thread that owns sockets sees it. */
import { endWorker, startWorker, tell, type Worker } from "../../platform/worker.ts"
import type { TailPiece } from "../../core/replication/transfer.ts"
import { StorageError } from "../storage.ts"
import type { TailData, TailMessage, TailRequest } from "./tail-worker.ts"
import type { KnownTail } from "./tail.ts"

export class TailClient {
  private readonly onFatal: (error: Error) => void
  private readonly calls = new Map<
    number,
    { readonly resolve: (piece: TailPiece) => void; readonly reject: (error: Error) => void }
  >()
  private worker: Worker | undefined
  private nextCall = 1
  private closed = false
  private whenClosed: (() => void) | undefined

  constructor(onFatal: (error: Error) => void) {
    this.onFatal = onFatal
  }

  read(data: TailData, wanted: readonly KnownTail[], bytesMax: number): Promise<TailPiece> {
    if (this.closed) return Promise.reject(new StorageError("the storage is closed"))
    const worker = this.worker ?? this.start(data)
    const id = this.nextCall++
    return new Promise((resolve, reject) => {
      this.calls.set(id, { resolve, reject })
      tell(worker, { kind: "read", id, wanted, bytesMax } satisfies TailRequest)
    })
  }

  private start(data: TailData): Worker {
    const worker = startWorker("storage/log/tail-worker.ts", data)
    this.worker = worker
    worker.on("message", (message: TailMessage) => this.receive(message))
    worker.on("error", (error: Error) => {
      this.rejectAll(error)
      this.whenClosed?.()
      if (!this.closed) this.onFatal(error)
    })
    return worker
  }

  private receive(message: TailMessage): void {
    if (message.kind === "closed") return this.whenClosed?.()
    const call = this.calls.get(message.id)
    this.calls.delete(message.id)
    if (message.kind === "piece") call?.resolve(message.piece)
    else call?.reject(new StorageError(message.text))
  }

  private rejectAll(error: Error): void {
    for (const call of this.calls.values()) call.reject(error)
    this.calls.clear()
  }

  /** Lets what was asked for end. */
  async close(): Promise<void> {
    const { worker } = this
    if (worker !== undefined && !this.closed)
      await new Promise<void>((resolve) => {
        this.whenClosed = resolve
        tell(worker, { kind: "close" } satisfies TailRequest)
      })
    await this.kill()
  }

  async kill(): Promise<void> {
    this.closed = true
    this.rejectAll(new StorageError("the storage is closed"))
    if (this.worker !== undefined) await endWorker(this.worker)
  }
}
