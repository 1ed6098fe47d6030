/** Buffers that go elsewhere or end: only those that nobody else has a part of. */
import { expect, it } from "vitest"
import { handedOver, release } from "../../../src/platform/buffers.ts"

const KiB = 1024

it("hands over and gives back what has a buffer of its own and is worth it", () => {
  const own = new Uint8Array(KiB)
  const small = new Uint8Array(KiB - 1)
  const part = new Uint8Array(new ArrayBuffer(2 * KiB), 0, KiB)
  const shared = new Uint8Array(new SharedArrayBuffer(KiB))
  const all = [own, small, part, shared]
  expect(handedOver(all)).toEqual([own.buffer])
  for (const bytes of all) release(bytes)
  expect(all.map(({ byteLength }) => byteLength)).toEqual([0, KiB - 1, KiB, KiB])
})

it("gives back twice what is gone", () => {
  const bytes = new Uint8Array(KiB)
  release(bytes)
  release(bytes)
  expect(bytes.byteLength).toBe(0)
})
