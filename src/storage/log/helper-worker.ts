/**
 * The thread beside the committing one: it reads the log for replicas that catch up, and makes files for the log before they are
 * needed. It runs from the first time that either is wanted.
 */
import { join } from "node:path"
import { parentPort, workerData } from "node:worker_threads"
import { listen } from "../../platform/worker.ts"
import { logFilesName } from "../directory/names.ts"
import type { TailPiece } from "../../core/replication/transfer.ts"
import { StorageError } from "../storage.ts"
import { LogControl } from "./control.ts"
import { LogBatches } from "./log-batches.ts"
import { Segmentation } from "./segment.ts"
import { isOutOfRoom, makeSegmentFile } from "./segment-file.ts"
import { type KnownTail, Tail } from "./tail.ts"

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
  | { readonly kind: "makeFile"; readonly number: number }
  | { readonly kind: "close" }

export type HelperMessage =
  | { readonly kind: "piece"; readonly id: number; readonly piece: TailPiece }
  | { readonly kind: "failed"; readonly id: number; readonly text: string }
  | { readonly kind: "error"; readonly text: string }
  | { readonly kind: "closed" }

const data = workerData as HelperData
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: HelperMessage) => port.postMessage(message)
const path = join(data.directory, logFilesName)
const control = new LogControl(data.control)

let opened: { readonly batches: LogBatches; readonly tail: Tail } | undefined

function read(request: Extract<HelperRequest, { kind: "read" }>): HelperMessage {
  const { id, wanted, bytesMax } = request
  try {
    if (opened === undefined) {
      const batches = new LogBatches(data.directory, control)
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

function makeFile(number: number): void {
  try {
    makeSegmentFile(data.directory, number, Segmentation.of(data.directory).fileBytes)
    control.fileMade(number, true)
  } catch (error) {
    // The committing thread finds out by itself how far it gets without.
    if (isOutOfRoom(error)) control.fileMade(number, false)
    else send({ kind: "error", text: textOf(error) })
  }
}

listen((request: HelperRequest) => {
  if (request.kind === "read") return send(read(request))
  if (request.kind === "makeFile") return makeFile(request.number)
  opened?.batches.close()
  send({ kind: "closed" })
})
