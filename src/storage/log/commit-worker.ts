/**
 * The thread that reads the log back at a start, and, with `sync`, commits (`committer.ts`). It sleeps until something is published.
 */
import { join } from "node:path"
import { parentPort, workerData } from "node:worker_threads"
import { listen } from "../../platform/worker.ts"
import { logFilesName } from "../directory/names.ts"
import { StorageError } from "../storage.ts"
import type { LogPlace } from "./batch.ts"
import { Committer, fullRetryMs, idleMs } from "./committer.ts"
import { LogControl } from "./control.ts"
import { LogReader } from "./reader.ts"
import { type LogTail, readTail } from "./recover-log.ts"
import { readWitness } from "./witness.ts"

/** What the thread is started with. */
export interface CommitData {
  readonly directory: string
  readonly sync: boolean
  readonly ring: SharedArrayBuffer
  readonly control: SharedArrayBuffer
}

/** What it tells by message; the rest goes through `LogControl`. */
export type CommitMessage =
  | { readonly kind: "batch"; readonly records: Uint8Array; readonly start: number }
  /** The node may serve; the first commit comes after the rest of the log's last file has been cleared. */
  | { readonly kind: "recovered"; readonly tail: LogTail }
  /** Without `sync`: whoever wants to may commit now, and this thread ends. */
  | { readonly kind: "cleared" }
  | { readonly kind: "error"; readonly text: string; readonly recovering: boolean }
  | { readonly kind: "closed" }

/** What it is told by message: from where on to read the log back, a record's own buffer, that a recovered batch was taken over. */
export type CommitRequest =
  | { readonly kind: "recover"; readonly applied: LogPlace; readonly heldBatch: number }
  | { readonly kind: "own"; readonly id: number; readonly buffer: SharedArrayBuffer }
  | { readonly kind: "taken" }

/** Batches on their way to the core while the log is read back: bounds memory. */
const recoveryBytesAhead = 32 * 1024 * 1024

const data = workerData as CommitData
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: CommitMessage, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

/** The thread starts beside those that open the table's files, and touches the log when they have told what they hold. */
let hear: (message: CommitRequest) => void
const begun = new Promise<Extract<CommitRequest, { kind: "recover" }>>((resolve) => {
  hear = (message) => {
    if (message.kind === "recover") resolve(message)
  }
})
listen((message: CommitRequest) => hear(message))

/** Sleeps until something is published. */
async function commit(committer: Committer, control: LogControl): Promise<void> {
  let arrive: (() => void) | undefined
  hear = (message) => {
    if (message.kind === "own") committer.takeOwn(message.id, message.buffer)
    arrive?.()
  }
  committer.clear()
  for (;;) {
    const seen = control.wakeCount
    // This thread takes no turn while it commits, and so would not hear the message that `endWorker` may need.
    if (control.abandoned) process.exit()
    const committed = committer.commitNext()
    if (committed === "full") {
      // Nobody was told of it.
      if (control.stopping) break
      control.sleep(seen, fullRetryMs)
    } else if (committed === "awaited")
      await new Promise<void>((resolve) => {
        arrive = resolve
      })
    else if (committed === "nothing") {
      if (control.stopping) break
      if (control.sleep(seen, idleMs)) committer.idle()
    }
  }
  committer.close()
  send({ kind: "closed" })
}

/** Reads the log back behind what the table holds, and hands it over, as fast as it is taken. */
async function recover(applied: LogPlace, heldBatch: number): Promise<LogTail> {
  const waiting: number[] = []
  const ahead = { bytes: 0 }
  let taken: (() => void) | undefined
  hear = (message) => {
    if (message.kind !== "taken") return
    ahead.bytes -= waiting.shift() as number
    taken?.()
  }
  const reader = new LogReader(data.directory)
  try {
    return await readTail(
      reader,
      applied,
      heldBatch,
      readWitness(data.directory),
      async (records, header) => {
        const copy = records.slice()
        waiting.push(copy.length)
        ahead.bytes += copy.length
        send({ kind: "batch", records: copy, start: header.start }, [copy.buffer])
        while (ahead.bytes > recoveryBytesAhead)
          await new Promise<void>((resolve) => {
            taken = resolve
          })
      },
    )
  } finally {
    reader.close()
  }
}

let recovering = true
try {
  const control = new LogControl(data.control)
  const { applied, heldBatch } = await begun
  const tail = await recover(applied, heldBatch)
  const committer = new Committer(data.directory, data.sync, data.ring, control, tail)
  send({ kind: "recovered", tail })
  recovering = false
  if (data.sync) await commit(committer, control)
  else {
    committer.clear()
    committer.release()
    send({ kind: "cleared" })
  }
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  const text = error instanceof StorageError ? message : `${join(data.directory, logFilesName)}: ${message}`
  send({ kind: "error", text, recovering })
}
