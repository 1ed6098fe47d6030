/**
 * The log on disk is one stream of batches, cut into *segments* of equal length, one file each. A batch that does not fit into the
 * rest of a segment goes on in the next.
 *
 * The files are a pool: `log-000`, `log-001`, … say nothing but their own number, and a file's header says which segment it
 * holds. What no one needs any more stays in its file until that is overwritten with another segment: a commit into blocks that the
 * disk already has takes half the time of one that makes a file grow, and nothing is renamed or made while writers wait.
 *
 * A header, little-endian, and behind it the segment's part of the stream:
 *
 * ```
 *  0 u32 magic "qdbS"    4 u16 version 1    6 u16 zero
 *  8 f64 number of the segment, from 1      16 f64 number of the first batch that begins in it (or behind it)
 * 24 f64 offset in the stream at which that batch begins    32 f64 position at which its records begin
 * 40 u32 bytes of each file                44 u32 checksum of bytes 0-43          48 zero up to 64
 * ```
 *
 * Offsets count bytes of the stream, that is records and headers of batches; positions count the bytes of records alone.
 */
import { closeSync, openSync, readdirSync, readSync } from "node:fs"
import { join } from "node:path"
import { logSegmentFileBytes } from "../../core/lib/limits.ts"
import { bytesChecksum } from "../checksum.ts"
import { logSegmentName, logSegmentPattern } from "../directory/names.ts"

export const segmentHeaderBytes = 64
const summedBytes = 44
const magic = 0x53626471
const version = 1

export interface SegmentHeader {
  readonly segment: number
  readonly firstBatch: number
  readonly offset: number
  readonly position: number
  /** Length of each of the log's files, as it was when the log was made. */
  readonly fileBytes: number
}

export function encodeHeader({
  segment,
  firstBatch,
  offset,
  position,
  fileBytes,
}: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint16(4, version, true)
  view.setFloat64(8, segment, true)
  view.setFloat64(16, firstBatch, true)
  view.setFloat64(24, offset, true)
  view.setFloat64(32, position, true)
  view.setUint32(40, fileBytes, true)
  view.setUint32(summedBytes, bytesChecksum(bytes.subarray(0, summedBytes)), true)
  return bytes
}

/** @returns undefined for a file that holds no segment, or whose header is damaged */
function readHeader(descriptor: number): SegmentHeader | undefined {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const length = readSync(descriptor, bytes, 0, segmentHeaderBytes, 0)
  const view = new DataView(bytes.buffer)
  if (length < segmentHeaderBytes || view.getUint32(0, true) !== magic) return undefined
  if (view.getUint16(4, true) !== version) return undefined
  if (bytesChecksum(bytes.subarray(0, summedBytes)) !== view.getUint32(summedBytes, true)) return undefined
  return {
    segment: view.getFloat64(8, true),
    firstBatch: view.getFloat64(16, true),
    offset: view.getFloat64(24, true),
    position: view.getFloat64(32, true),
    fileBytes: view.getUint32(40, true),
  }
}

/** @returns as `readHeader`, also where there is no such file */
export function headerOf(path: string): SegmentHeader | undefined {
  let descriptor: number
  try {
    descriptor = openSync(path, "r")
  } catch (error) {
    // Deleted since the directory was read: it held nothing.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
  try {
    return readHeader(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** How a stream is cut: where in which segment's file an offset lies. */
export class Segmentation {
  readonly fileBytes: number
  /** Of the stream, in one segment. */
  readonly capacity: number

  /** As a log that exists is cut, whatever is usual for new ones. */
  static of(directory: string): Segmentation {
    for (const number of segmentFiles(directory)) {
      const header = headerOf(join(directory, logSegmentName(number)))
      if (header !== undefined) return new Segmentation(header.fileBytes)
    }
    return new Segmentation()
  }

  constructor(fileBytes: number = logSegmentFileBytes) {
    this.fileBytes = fileBytes
    this.capacity = fileBytes - segmentHeaderBytes
  }
  segmentOf(offset: number): number {
    return Math.floor(offset / this.capacity) + 1
  }
  end(segment: number): number {
    return segment * this.capacity
  }
  place(offset: number): number {
    return segmentHeaderBytes + (offset % this.capacity)
  }
}

/** @returns the numbers of the pool's files, ascending */
export function segmentFiles(directory: string): number[] {
  return readdirSync(directory)
    .filter((name) => logSegmentPattern.test(name))
    .map((name) => Number(name.slice(name.indexOf("-") + 1)))
    .toSorted((a, b) => a - b)
}
