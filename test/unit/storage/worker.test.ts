import { expect, test } from "vitest"
import { endWorker, startWorker } from "../../../src/platform/worker.ts"

test("of a thread that was ended in the middle of its work, nothing runs any more", async () => {
  const shared = new SharedArrayBuffer(4)
  const cells = new Int32Array(shared)
  const worker = startWorker("../test/unit/storage/support/busy-worker.ts", shared)
  const begun = Atomics.waitAsync(cells, 0, 0, 30_000)
  if (begun.async) expect(await begun.value).toBe("ok")
  await endWorker(worker)
  // Ten of its pieces would fit in here.
  const moved = Atomics.waitAsync(cells, 0, Atomics.load(cells, 0), 1000)
  expect(moved.async ? await moved.value : moved.value).toBe("timed-out")
})
