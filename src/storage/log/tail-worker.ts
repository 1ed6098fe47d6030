/** The thread that reads the log for replicas that catch up. It runs from the first time that one asks. */
import { join } from "node:path"
import { parentPort, workerData } from "node:worker_threads"
import { listen } from "../../platform/worker.ts"
import { logName } from "../directory/names.ts"
import type { TailPiece } from "../../core/replication/transfer.ts"
import { StorageError } from "../storage.ts"
import { batchHeaderBytes, openBatch } from "./batch.ts"
import { LogControl } from "./control.ts"
import { LogReader, openWal } from "./log-file.ts"
import { type Batch, type Batches, Tail, type KnownTail } from "./tail.ts"

export interface TailData {
  readonly directory: string
  readonly control: SharedArrayBuffer
}

export type TailRequest =
  | {
      readonly kind: "read"
      readonly id: number
      readonly wanted: readonly KnownTail[]
      readonly bytesMax: number
    }
  | { readonly kind: "close" }

export type TailMessage =
  | { readonly kind: "piece"; readonly id: number; readonly piece: TailPiece }
  | { readonly kind: "failed"; readonly id: number; readonly text: string }
  | { readonly kind: "closed" }

const batchesPerRead = 8

const data = workerData as TailData
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: TailMessage) => port.postMessage(message)
const path = join(data.directory, logName)

class LogBatches implements Batches {
  private readonly control = new LogControl(data.control)
  private readonly database = openWal(path, false, 2048)
  private readonly reader = new LogReader(this.database, path)

  first(): number {
    return this.reader.first() ?? this.control.batch + 1
  }
  last(): number {
    return this.control.batch
  }
  from(number: number): readonly Batch[] {
    return this.reader.from(number, batchesPerRead).map((row) => {
      const header = openBatch(row.batch)
      if (typeof header === "string") throw new StorageError(`${path}: batch ${row.number}: ${header}`)
      return { number: row.number, start: header.start, records: row.batch.subarray(batchHeaderBytes) }
    })
  }
  close(): void {
    this.database.close()
  }
}

let opened: { readonly batches: LogBatches; readonly tail: Tail } | undefined

function read(request: Extract<TailRequest, { kind: "read" }>): TailMessage {
  const { id, wanted, bytesMax } = request
  try {
    if (opened === undefined) {
      const batches = new LogBatches()
      opened = { batches, tail: new Tail(batches) }
    }
    return { kind: "piece", id, piece: opened.tail.read(wanted, bytesMax) }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { kind: "failed", id, text: error instanceof StorageError ? message : `${path}: ${message}` }
  }
}

listen((request: TailRequest) => {
  if (request.kind === "read") return send(read(request))
  opened?.batches.close()
  send({ kind: "closed" })
})
