/**
 * The thread that writes `meta.db` while a node runs: one transaction a message, in order, each fsynced.
 *
 * A full disk is no failure: SQLite has rolled back, and nothing was confirmed. A node whose views and votes do not reach the disk
 * takes no part in anything new, its leases end, and the others go on without it; it goes on when there is room. If it stopped
 * instead, it could not come up again: to start is to write here.
 */
import { resultOf } from "#sqlite"
import { parentPort, workerData } from "node:worker_threads"
import { listen } from "../../platform/worker.ts"
import { sqliteResult } from "../../platform/sqlite/driver.ts"
import { MetaStore } from "./meta.ts"

export interface MetaRecord {
  readonly key: string
  readonly value: Uint8Array
}

export type MetaRequest =
  | { readonly kind: "write"; readonly token: number; readonly records: readonly MetaRecord[] }
  | { readonly kind: "close" }

export type MetaMessage =
  | { readonly kind: "written"; readonly token: number }
  /** The disk is full: what was asked for waits. */
  | { readonly kind: "full" }
  | { readonly kind: "failed"; readonly text: string }
  | { readonly kind: "closed" }

const { directory } = workerData as { readonly directory: string }
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: MetaMessage) => port.postMessage(message)
const fullRetryMs = 100

let store: MetaStore | undefined
const waiting: MetaRequest[] = []
let hasFailed = false
let retry: ReturnType<typeof setTimeout> | undefined

listen((request: MetaRequest) => {
  if (hasFailed) return
  waiting.push(request)
  // Who closes does not wait for room.
  if (retry === undefined || request.kind === "close") work()
})

function work(): void {
  clearTimeout(retry)
  retry = undefined
  try {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      perform(next)
      waiting.shift()
    }
  } catch (error) {
    const isClosing = waiting.some(({ kind }) => kind === "close")
    if (resultOf(error) === sqliteResult.full && !isClosing) {
      retry = setTimeout(work, fullRetryMs)
      return send({ kind: "full" })
    }
    // Nothing is known of what the disk holds: nothing more is written, and nothing confirmed.
    hasFailed = true
    send({ kind: "failed", text: error instanceof Error ? error.message : String(error) })
  }
}

function perform(request: MetaRequest): void {
  if (request.kind === "close") {
    store?.close()
    send({ kind: "closed" })
    return
  }
  store ??= new MetaStore(directory)
  store.put(Object.fromEntries(request.records.map(({ key, value }) => [key, value])))
  send({ kind: "written", token: request.token })
}
