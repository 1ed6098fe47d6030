/**
 * Reads batches of the log by their numbers, in any thread beside the one that appends. Where in a segment each batch begins is
 * found by following their lengths, once for the few segments that were asked for last.
 *
 * What is asked for is durable and not cut (or the asker finds out that it was): such batches do not change. Nothing here is
 * verified but that a batch of the right number begins where one is said to; `openBatch` verifies.
 */
import { join } from "node:path"
import { logFilesName } from "../directory/names.ts"
import { StorageError } from "../storage.ts"
import { batchHeaderBytes, type BatchSketch, type LogPlace, sketchBatch } from "./batch.ts"
import type { SegmentHeader } from "./segment.ts"
import { Segments } from "./segments.ts"

export interface LogRow {
  readonly number: number
  /** Shorter than it says where the log ends before it does. */
  readonly batch: Uint8Array
}

interface Place {
  readonly offset: number
  readonly bytes: number
}

/** Read with one call where several batches are wanted. */
const groupBytesMax = 512 * 1024
const indexesKept = 8
/** Read at once where batches' lengths are followed: some twenty of the shortest, and little more than a header of long ones. */
const windowBytes = 4096

/** Where the batches that begin in one segment lie in the stream, as far as they were followed. */
interface BatchIndex {
  readonly header: SegmentHeader
  readonly offsets: number[]
  /** Where the next one begins. */
  next: number
}

export class LogReader {
  /** For messages. */
  readonly path: string
  private readonly segments: Segments
  /** The one used last is last. */
  private readonly indexes = new Map<number, BatchIndex>()
  private group = new Uint8Array(0)
  private readonly window = new Uint8Array(windowBytes)
  private windowAt = 0
  private windowLength = 0

  constructor(directory: string) {
    this.path = join(directory, logFilesName)
    this.segments = new Segments(directory)
    this.segments.refresh()
  }

  /** @returns batches from `number` to `last`, as far as there are any, or some of them: good until the next call */
  from(number: number, last: number): LogRow[] {
    return this.read(number, this.places(number, last, 1))
  }

  /** The same from `number` down to `last`, newest first. */
  down(number: number, last: number): LogRow[] {
    const places = this.places(number, last, -1)
    return this.read(number - places.length + 1, places.reverse()).reverse()
  }

  private places(number: number, last: number, step: 1 | -1): Place[] {
    const places: Place[] = []
    let bytes = 0
    for (let next = number; step * (last - next) >= 0; next += step) {
      const place = this.find(next)
      if (place === undefined || (bytes > 0 && bytes + place.bytes > groupBytesMax)) break
      places.push(place)
      bytes += place.bytes
    }
    return places
  }

  /** Neighbours, with one call of the system. */
  private read(number: number, places: readonly Place[]): LogRow[] {
    const [first] = places
    if (first === undefined) return []
    const bytes = places.reduce((sum, place) => sum + place.bytes, 0)
    if (this.group.length < bytes || this.group.length > 2 * Math.max(bytes, groupBytesMax))
      this.group = new Uint8Array(Math.max(bytes, groupBytesMax))
    const there = this.group.subarray(0, this.segments.read(first.offset, this.group.subarray(0, bytes)))
    return places.map(({ offset, bytes }, i) => {
      const at = offset - first.offset
      return { number: number + i, batch: there.subarray(at, at + bytes) }
    })
  }

  /** @returns the position behind a batch, by its header alone; undefined if there is none of this number */
  endOf(number: number): number | undefined {
    const place = this.find(number)
    return place === undefined ? undefined : this.sketch(place.offset)?.end
  }

  /** @returns where in the stream the batch behind this one begins, which must be there */
  offsetBehind(number: number): number {
    const place = this.find(number)
    if (place === undefined) throw this.missing(number)
    return place.offset + place.bytes
  }

  private missing(number: number): StorageError {
    return new StorageError(`${this.path}: batch ${number} is missing`)
  }

  /**
   * The last of some batches that ends at or before `position`, by bisection: first of segments, then of batches.
   * @param low known to end there
   * @param high known to end behind it
   * @throws StorageError if one is missing
   */
  lastEndingBy(position: number, low: LogPlace, high: number): LogPlace {
    let [below, above] = [low, high]
    this.segments.refresh()
    for (const header of this.segments.headers) {
      const batch = header.firstBatch - 1
      if (batch <= below.batch || batch >= above) continue
      if (header.position <= position) below = { batch, position: header.position }
      else above = batch
    }
    while (above - below.batch > 1) {
      const batch = Math.floor((below.batch + above) / 2)
      const end = this.endOf(batch)
      if (end === undefined) throw this.missing(batch)
      if (end <= position) below = { batch, position: end }
      else above = batch
    }
    return below
  }

  private find(number: number): Place | undefined {
    this.windowLength = 0
    const known = this.findIn(this.indexFor(number), number)
    if (known !== undefined) return known
    // It may lie in a segment that is new, or in a file that has another now.
    this.segments.refresh()
    this.indexes.clear()
    return this.findIn(this.indexFor(number), number)
  }

  private indexFor(number: number): BatchIndex | undefined {
    const { indexes } = this
    const header = this.segments.headers.findLast(({ firstBatch }) => firstBatch <= number)
    if (header === undefined) return undefined
    const index = indexes.get(header.segment) ?? { header, offsets: [], next: header.offset }
    indexes.delete(header.segment)
    indexes.set(header.segment, index)
    for (const segment of indexes.keys()) if (indexes.size > indexesKept) indexes.delete(segment)
    return index
  }

  /** Follows the lengths of a segment's batches up to the one that is wanted. */
  private findIn(index: BatchIndex | undefined, number: number): Place | undefined {
    if (index === undefined) return undefined
    const { header, offsets } = index
    while (header.firstBatch + offsets.length <= number) {
      const sketch = this.sketch(index.next)
      if (sketch?.number !== header.firstBatch + offsets.length) return undefined
      offsets.push(index.next)
      index.next += sketch.bytes
    }
    const at = number - header.firstBatch
    const offset = offsets[at] as number
    return { offset, bytes: (offsets[at + 1] ?? index.next) - offset }
  }

  private sketch(offset: number): BatchSketch | undefined {
    let at = offset - this.windowAt
    if (at < 0 || at + batchHeaderBytes > this.windowLength) {
      this.windowLength = this.segments.read(offset, this.window)
      this.windowAt = offset
      at = 0
    }
    return sketchBatch(this.window.subarray(at, this.windowLength))
  }

  /** Makes durable what was written up to now. */
  sync(): void {
    this.segments.sync()
  }

  close(): void {
    this.segments.close()
  }
}
