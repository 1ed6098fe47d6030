/**
 * `meta.db` as the thread that owns sockets sees it: what was found at the start, and writes that are confirmed when they
 * are on the disk, in their order. An error is fatal: a vote whose fsync failed may or may not be there. On a full disk they
 * wait.
 */
import { endWorker, startWorker, tell, type Worker } from "../../platform/worker.ts"
import { type Meta, StorageError } from "../storage.ts"
import type { MetaMessage, MetaRecord, MetaRequest } from "./meta-worker.ts"
import { cleanKey } from "./identity.ts"

export interface MetaEvents {
  /** Everything of this `write`, and of all before it, is durable. */
  readonly onMeta: (token: number) => void
  readonly onFatal: (error: Error) => void
}

/** Says that the process which wrote it ended well: everything it had acknowledged is in the table. */
const cleanRecord: MetaRecord = { key: cleanKey, value: new TextEncoder().encode("true") }
/** The token of the last write; the node's own are positive. */
const closingToken = -1

export class MetaWriter implements Meta {
  readonly recovered: ReadonlyMap<string, Uint8Array>
  readonly clean: boolean
  private readonly events: MetaEvents
  private readonly directory: string
  private worker: Worker | undefined
  private closed: { resolve: () => void; reject: (error: Error) => void } | undefined
  private ended = false
  /** What was to be written last found no room. */
  full = false

  constructor(
    directory: string,
    found: { readonly recovered: ReadonlyMap<string, Uint8Array>; readonly clean: boolean },
    events: MetaEvents,
  ) {
    this.recovered = found.recovered
    this.clean = found.clean
    this.events = events
    this.directory = directory
  }

  /** Starts the thread, so that the first write need not wait for it. */
  start(): Worker {
    const worker = startWorker("storage/directory/meta-worker.ts", { directory: this.directory })
    worker.on("message", (message: MetaMessage) => this.receive(message))
    worker.on("error", (error: Error) => this.fail(error))
    this.worker = worker
    return worker
  }

  write(token: number, records: readonly MetaRecord[]): void {
    this.tell({ kind: "write", token, records })
  }

  private tell(request: MetaRequest): void {
    tell(this.worker ?? this.start(), request)
  }

  private receive(message: MetaMessage): void {
    if (this.ended) return
    this.full = message.kind === "full"
    if (message.kind === "full") return
    if (message.kind === "failed") this.fail(new StorageError(`meta.db: ${message.text}`))
    else if (message.kind === "closed") this.closed?.resolve()
    else if (message.token !== closingToken) this.events.onMeta(message.token)
  }

  private fail(error: Error): void {
    if (this.closed !== undefined) this.closed.reject(error)
    else if (!this.ended) this.events.onFatal(error)
  }

  /** Waits for all that was written, and notes that the stop was a clean one. @throws if the disk refuses */
  async close(): Promise<void> {
    this.write(closingToken, [cleanRecord])
    await new Promise<void>((resolve, reject) => {
      this.closed = { resolve, reject }
      this.tell({ kind: "close" })
    }).finally(() => this.kill())
  }

  /** Ends the thread wherever it is: what was confirmed is durable. */
  async kill(): Promise<void> {
    this.ended = true
    if (this.worker !== undefined) await endWorker(this.worker)
  }
}
