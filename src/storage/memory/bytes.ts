/** Copying and comparing of byte ranges without an object for each call. */
import { Buffer } from "node:buffer"

// `set(subarray)` allocates a view each time. Measured in Bun for 100 bytes: this 15 ns, `subarray` 45 ns, a loop 70 ns.
const nativeCopy = Buffer.prototype.copy
/** Below this a loop is as quick as the call. */
const loopBytesMax = 24

/** Copies `source[start, end)` to `target` at `offset`, which has room for it. */
export function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  offset: number,
): void {
  if (end - start > loopBytesMax) nativeCopy.call(source, target, offset, start, end)
  else for (let i = start, k = offset; i < end; i++, k++) target[k] = source[i] as number
}

const nativeCompare = Buffer.prototype.compare

/** @returns whether `a[startA, startA + length)` equals `b[startB, startB + length)` */
export function equalBytes(
  a: Uint8Array,
  startA: number,
  b: Uint8Array,
  startB: number,
  length: number,
): boolean {
  if (length > 64) return nativeCompare.call(a, b, startB, startB + length, startA, startA + length) === 0
  for (let i = 0; i < length; i++) if (a[startA + i] !== b[startB + i]) return false
  return true
}
