/**
 * One batch of the log: what was waiting when the commit before it ended. Little-endian, a header, then records:
 *
 * ```
 *  0 u32 magic "qdbL"    4 u16 version 1     6 u16 zero
 *  8 f64 batch number   16 f64 position at which its first record begins
 * 24 u32 bytes of records                   28 u32 checksum of the batch before (0 for the first)
 * 32 u32 checksum of bytes 0-31 and the records             36 u32 zero
 * 40 records
 * ```
 *
 * The checksum of the batch before makes a chain, so that a batch of another history is not taken for the next one.
 */
import { bytesChecksum } from "../checksum.ts"

export const batchHeaderBytes = 40
const magic = 0x4c626471
const version = 1

export interface BatchHeader {
  readonly number: number
  readonly start: number
  /** Position behind the last record. */
  readonly end: number
  readonly previous: number
  readonly checksum: number
}

/** All up to this batch, which ends at `position`. */
export interface LogPlace {
  readonly batch: number
  readonly position: number
}

/** Completes a batch whose records lie behind the place for its header. @returns its checksum */
export function sealBatch(
  bytes: Uint8Array,
  recordBytes: number,
  number: number,
  start: number,
  previous: number,
): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setUint32(0, magic, true)
  view.setUint16(4, version, true)
  view.setUint16(6, 0, true)
  view.setFloat64(8, number, true)
  view.setFloat64(16, start, true)
  view.setUint32(24, recordBytes, true)
  view.setUint32(28, previous, true)
  const checksum = checksumOf(bytes, recordBytes)
  view.setUint32(32, checksum, true)
  view.setUint32(36, 0, true)
  return checksum
}

function checksumOf(bytes: Uint8Array, recordBytes: number): number {
  const header = bytesChecksum(bytes.subarray(0, 32))
  return bytesChecksum(bytes.subarray(batchHeaderBytes, batchHeaderBytes + recordBytes), header)
}

/**
 * @param expected the number that it should have
 * @returns the header of a verified batch, or what is wrong with it
 */
export function openBatch(bytes: Uint8Array, expected: number): BatchHeader | string {
  if (bytes.length < batchHeaderBytes) return `${bytes.length} bytes are too few`
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== magic) return "not a batch"
  if (view.getUint16(4, true) !== version) return `unknown version ${view.getUint16(4, true)}`
  const length = view.getUint32(24, true)
  if (bytes.length !== batchHeaderBytes + length)
    return `${bytes.length} bytes instead of ${batchHeaderBytes + length}`
  const checksum = view.getUint32(32, true)
  if (checksumOf(bytes, length) !== checksum) return "checksum does not match"
  const number = view.getFloat64(8, true)
  if (number !== expected) return `holds number ${number}`
  const start = view.getFloat64(16, true)
  return {
    number,
    start,
    end: start + length,
    previous: view.getUint32(28, true),
    checksum,
  }
}

/** What a batch's header says of its place, unverified: good to plan with. */
export interface BatchSketch {
  readonly number: number
  /** Position behind its records. */
  readonly end: number
  /** With its header. */
  readonly bytes: number
}

/** @returns undefined where no batch begins */
export function sketchBatch(head: Uint8Array): BatchSketch | undefined {
  if (head.length < batchHeaderBytes) return undefined
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
  if (view.getUint32(0, true) !== magic) return undefined
  const length = view.getUint32(24, true)
  return {
    number: view.getFloat64(8, true),
    end: view.getFloat64(16, true) + length,
    bytes: batchHeaderBytes + length,
  }
}
