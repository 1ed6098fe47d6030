/**
 * Worker threads: `node:worker_threads` exists in all three runtimes and behaves almost alike.
 *
 * What differs is where a worker's module lies: in a checkout beside this one, in an executable under the root of its embedded files, where the bundler has
 * put each entry point at its path below `src/`. (`new URL("./worker.ts", import.meta.url)` would look beside the bundled
 * main module there, and find nothing.) The build lists every `*-worker.ts` as a further entry point.
 *
 * And what differs is `terminate`. Bun and Node interrupt the thread and answer when it is gone. Deno answers at once and
 * lets the thread run on to its next turn, or for ever if it takes none: a thread that was "ended" in the middle of a
 * transaction commits it, beside the one that replaced it. But where a thread ends *itself*, Deno tells it when it is gone.
 * So under Deno a thread is asked to, between two messages.
 */
import { parentPort, Worker } from "node:worker_threads"

export type { Worker } from "node:worker_threads"

/** Bun's root of embedded files; the second is Windows'. */
const embedded = /\/\$bunfs\/|~BUN/

/**
 * @param path of the worker's module, below `src/`
 * @param data becomes the worker's `workerData`; shared buffers in it stay shared
 */
export function startWorker(path: string, data: unknown): Worker {
  const base = import.meta.url
  const worker = new Worker(embedded.test(base) ? `./${path}` : new URL(`../${path}`, base), {
    workerData: data,
  })
  gone.set(worker, new Promise((resolve) => worker.once("exit", () => resolve())))
  return worker
}

const gone = new WeakMap<Worker, Promise<void>>()
const endYourself = "end yourself"
const deno = "deno" in process.versions

/** Ends a thread wherever it is. When this resolves, nothing of it runs any more. */
export async function endWorker(worker: Worker): Promise<void> {
  if (!deno) return void (await worker.terminate())
  tell(worker, endYourself)
  await gone.get(worker)
}

/** In the worker: hears what `tell` posts. */
export function listen<Request>(hear: (request: Request) => void): void {
  parentPort?.on("message", (message: unknown) => {
    if (message === endYourself) process.exit()
    hear(message as Request)
  })
}

/** Posts a message to a worker. */
export function tell(worker: Worker, message: unknown): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin, only windows do
  worker.postMessage(message)
}
