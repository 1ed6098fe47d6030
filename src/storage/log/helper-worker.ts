/**
 * The thread beside the committing one: it reads the log for replicas that catch up, and copies the write-ahead log into the
 * file while the other goes on writing (`checkpoints.ts`). It runs from the first time that either is wanted.
 */
import { join } from "node:path"
import { parentPort, workerData } from "node:worker_threads"
import type { SqlDatabase } from "../../platform/sqlite/driver.ts"
import { listen } from "../../platform/worker.ts"
import { logName } from "../directory/names.ts"
import type { TailPiece } from "../../core/replication/transfer.ts"
import { StorageError } from "../storage.ts"
import { batchHeaderBytes, openBatch } from "./batch.ts"
import { LogControl } from "./control.ts"
import { checkpointWhatFits, LogReader, openWal } from "./log-file.ts"
import { type Batch, type Batches, Tail, type KnownTail } from "./tail.ts"

export interface HelperData {
  readonly directory: string
  readonly control: SharedArrayBuffer
}

export type HelperRequest =
  | {
      readonly kind: "read"
      readonly id: number
      readonly wanted: readonly KnownTail[]
      readonly bytesMax: number
    }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "close" }

export type HelperMessage =
  | { readonly kind: "piece"; readonly id: number; readonly piece: TailPiece }
  | { readonly kind: "failed"; readonly id: number; readonly text: string }
  | { readonly kind: "error"; readonly text: string }
  | { readonly kind: "closed" }

const batchesPerRead = 8
/** Of a connection that checkpoints: pages go from one file to the other and are not kept. */
const checkpointCacheKiB = 64

const data = workerData as HelperData
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: HelperMessage) => port.postMessage(message)
const path = join(data.directory, logName)
const control = new LogControl(data.control)

class LogBatches implements Batches {
  private readonly database = openWal(path, "NORMAL", 2048)
  private readonly reader = new LogReader(this.database, path)

  first(): number {
    return this.reader.first() ?? control.batch + 1
  }
  last(): number {
    return control.batch
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

function read(request: Extract<HelperRequest, { kind: "read" }>): HelperMessage {
  const { id, wanted, bytesMax } = request
  try {
    if (opened === undefined) {
      const batches = new LogBatches()
      opened = { batches, tail: new Tail(batches) }
    }
    return { kind: "piece", id, piece: opened.tail.read(wanted, bytesMax) }
  } catch (error) {
    return { kind: "failed", id, text: textOf(error) }
  }
}

function textOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return error instanceof StorageError ? message : `${path}: ${message}`
}

let checkpointing: SqlDatabase | undefined

/**
 * Twice: the first copies the most and lasts, the second what was written meanwhile, so that the committing thread has next to
 * nothing left to copy.
 */
function help(): void {
  const asked = control.checkpointsAsked
  try {
    checkpointing ??= openWal(path, "FULL", checkpointCacheKiB)
    checkpointWhatFits(checkpointing)
    checkpointWhatFits(checkpointing)
    control.helped(asked)
  } catch (error) {
    // After a failed fsync nobody knows what the disk holds: the node stops, as when a commit fails.
    send({ kind: "error", text: textOf(error) })
  }
}

listen((request: HelperRequest) => {
  if (request.kind === "read") return send(read(request))
  if (request.kind === "checkpoint") return help()
  opened?.batches.close()
  checkpointing?.close()
  send({ kind: "closed" })
})
