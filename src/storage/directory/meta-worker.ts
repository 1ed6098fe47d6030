/** The thread that writes `meta.db` while a node runs: one transaction a message, in order, each fsynced. */
import { parentPort, workerData } from "node:worker_threads"
import { listen } from "../../platform/worker.ts"
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
  | { readonly kind: "failed"; readonly text: string }
  | { readonly kind: "closed" }

const { directory } = workerData as { readonly directory: string }
const port = parentPort as NonNullable<typeof parentPort>
const send = (message: MetaMessage) => port.postMessage(message)
let store: MetaStore | undefined
let failed = false

listen((request: MetaRequest) => {
  // After an error nothing is known of what the disk holds: nothing more is written, and nothing confirmed.
  if (failed) return
  try {
    if (request.kind === "write") {
      store ??= new MetaStore(directory)
      store.put(Object.fromEntries(request.records.map(({ key, value }) => [key, value])))
      send({ kind: "written", token: request.token })
    } else {
      store?.close()
      send({ kind: "closed" })
    }
  } catch (error) {
    failed = true
    send({ kind: "failed", text: error instanceof Error ? error.message : String(error) })
  }
})
