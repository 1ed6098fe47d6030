/** The helper of the committing thread, as the thread that owns sockets sees it. */
import { endWorker, startWorker, tell, type Worker } from "../../platform/worker.ts"
import type { TailPiece } from "../../core/replication/transfer.ts"
import { StorageError } from "../storage.ts"
import type { HelperData, HelperMessage, HelperRequest } from "./helper-worker.ts"
import type { KnownTail } from "./tail.ts"

export class LogHelper {
  private readonly data: HelperData
  private readonly onFatal: (error: Error) => void
  private readonly calls = new Map<
    number,
    { readonly resolve: (piece: TailPiece) => void; readonly reject: (error: Error) => void }
  >()
  private worker: Worker | undefined
  private nextCall = 1
  private closed = false
  private whenClosed: (() => void) | undefined

  constructor(data: HelperData, onFatal: (error: Error) => void) {
    this.data = data
    this.onFatal = onFatal
  }

  read(wanted: readonly KnownTail[], bytesMax: number): Promise<TailPiece> {
    if (this.closed) return Promise.reject(new StorageError("the storage is closed"))
    const worker = this.worker ?? this.start()
    const id = this.nextCall++
    return new Promise((resolve, reject) => {
      this.calls.set(id, { resolve, reject })
      tell(worker, { kind: "read", id, wanted, bytesMax } satisfies HelperRequest)
    })
  }

  /** Makes a file for the log. */
  makeFile(number: number): void {
    if (this.closed) return
    tell(this.worker ?? this.start(), { kind: "makeFile", number } satisfies HelperRequest)
  }

  private start(): Worker {
    const worker = startWorker("storage/log/helper-worker.ts", this.data)
    this.worker = worker
    worker.on("message", (message: HelperMessage) => this.receive(message))
    worker.on("error", (error: Error) => {
      this.rejectAll(error)
      this.whenClosed?.()
      this.fail(error)
    })
    return worker
  }

  private fail(error: Error): void {
    if (!this.closed) this.onFatal(error)
  }

  private receive(message: HelperMessage): void {
    if (message.kind === "closed") return this.whenClosed?.()
    if (message.kind === "error") return this.fail(new StorageError(message.text))
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
        tell(worker, { kind: "close" } satisfies HelperRequest)
      })
    await this.kill()
  }

  async kill(): Promise<void> {
    this.closed = true
    this.rejectAll(new StorageError("the storage is closed"))
    if (this.worker !== undefined) await endWorker(this.worker)
  }
}
