/**
 * Checksums of rows and batches: CRC-32 from `node:zlib` (50 ns for a row of 150 bytes, 40 GB/s for a batch in Bun; 4 GB/s
 * in Node). It finds every change of up to 32 neighbouring bits, and any other with a chance of 1 - 2^-32. It protects
 * against disks and memory, not against people.
 */
import { crc32 } from "node:zlib"

const scratch = new Uint8Array(32)
const view = new DataView(scratch.buffer)

/** Over a slot, a key, a content and an expiry: what one row of the entry table says. */
export function rowChecksum(slot: number, key: Uint8Array, content: Uint8Array, expiresAtMs: number): number {
  view.setUint32(0, slot, true)
  view.setUint32(4, key.length, true)
  view.setFloat64(8, expiresAtMs, true)
  return crc32(content, crc32(key, crc32(scratch.subarray(0, 16))))
}

/** Over up to four whole numbers below 2^53. */
export function numbersChecksum(a: number, b = 0, c = 0, d = 0): number {
  view.setFloat64(0, a, true)
  view.setFloat64(8, b, true)
  view.setFloat64(16, c, true)
  view.setFloat64(24, d, true)
  return crc32(scratch)
}

export function bytesChecksum(bytes: Uint8Array, start = 0): number {
  return crc32(bytes, start)
}

/** What one row adds to its slot's hash: its checksum, spread, so that sums of different rows do not meet by structure. */
export function rowHash(checksum: number): number {
  let low = checksum
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b)
  low = Math.imul(low ^ (low >>> 13), 0xc2b2ae35)
  let high = Math.imul(checksum ^ 0x9e3779b9, 0x27d4eb2f)
  high = (high ^ (high >>> 15)) & 0xfffff
  return high * 2 ** 32 + ((low ^ (low >>> 16)) >>> 0)
}

const hashModulus = 2 ** 52

/** Order does not matter, and what was added can be taken away again. @returns the sum modulo 2^52 */
export function hashAdd(hash: number, row: number): number {
  const sum = hash + row
  return sum >= hashModulus ? sum - hashModulus : sum
}

export function hashSubtract(hash: number, row: number): number {
  const difference = hash - row
  return difference < 0 ? difference + hashModulus : difference
}
