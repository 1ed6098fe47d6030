/** A thread that is always in the middle of something: pieces of work that no message interrupts, and a turn between them. */
import { workerData } from "node:worker_threads"
import { listen } from "../../../../src/platform/worker.ts"

const cells = new Int32Array(workerData as SharedArrayBuffer)
const pieceMs = 100

listen(() => {})
for (;;) {
  const end = performance.now() + pieceMs
  while (performance.now() < end) {
    Atomics.add(cells, 0, 1)
    Atomics.notify(cells, 0)
  }
  await new Promise((resolve) => setImmediate(resolve))
}
