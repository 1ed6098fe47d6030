/**
 * Worker threads: `node:worker_threads` exists in all three runtimes and behaves alike. What differs is where a worker's
 * module lies: in a checkout beside this one, in an executable under the root of its embedded files, where the bundler has
 * put each entry point at its path below `src/`. (`new URL("./worker.ts", import.meta.url)` would look beside the bundled
 * main module there, and find nothing.) The build lists every `*-worker.ts` as a further entry point.
 */
import { Worker } from "node:worker_threads"

export type { Worker } from "node:worker_threads"

/** Bun's root of embedded files; the second is Windows'. */
const embedded = /\/\$bunfs\/|~BUN/

/**
 * @param path of the worker's module, below `src/`
 * @param data becomes the worker's `workerData`; shared buffers in it stay shared
 */
export function startWorker(path: string, data: unknown): Worker {
  const base = import.meta.url
  return new Worker(embedded.test(base) ? `./${path}` : new URL(`../${path}`, base), { workerData: data })
}

/** Posts a message to a worker. */
export function tell(worker: Worker, message: unknown): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin, only windows do
  worker.postMessage(message)
}
