/**
 * Appends batches to the log's stream; one thread does. The files behind what anybody needs are used again for what comes next
 * (`segment.ts`).
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, rmSync } from "node:fs"
import { join } from "node:path"
import { syncDirectory, syncFile } from "../../platform/directory.ts"
import { logFilesName, logSegmentName } from "../directory/names.ts"
import { StorageError } from "../storage.ts"
import {
  encodeHeader,
  headerOf,
  Segmentation,
  type SegmentHeader,
  segmentFiles,
  segmentHeaderBytes,
} from "./segment.ts"
import { writeAt, writeZeroes } from "./segment-file.ts"

/** Where the log ends: its last batch, the position behind its records, and the offset behind it in the stream. */
export interface LogEnd {
  readonly batch: number
  readonly position: number
  readonly offset: number
}

interface LiveFile {
  readonly number: number
  readonly header: SegmentHeader
}
/** Being written. */
interface OpenFile extends LiveFile {
  readonly descriptor: number
}

export class LogWriter {
  private readonly directory: string
  private readonly synced: boolean
  private readonly segmentation: Segmentation
  private offset: number
  /** Holding the stream, oldest first; the last one is written to. */
  private readonly live: LiveFile[] = []
  /**
   * Holding nothing that is needed; the last is used next, and what becomes free comes first: so what a failed `append` has
   * entered is entered again by the next, as the same segment.
   */
  private readonly free: number[] = []
  private tail: OpenFile
  private nextFile = 0

  /**
   * Takes over what recovery found, and leaves nothing behind the log's end that could be taken for its continuation.
   * @param synced whether `append` waits for the disk
   */
  constructor(directory: string, synced: boolean, end: LogEnd) {
    const segmentation = Segmentation.of(directory)
    this.directory = directory
    this.synced = synced
    this.segmentation = segmentation
    this.offset = end.offset
    const held: LiveFile[] = []
    for (const number of segmentFiles(directory)) {
      const header = headerOf(this.path(number))
      if (header === undefined) this.free.push(number)
      else held.push({ number, header })
      this.nextFile = number + 1
    }
    this.sort(held, Math.max(1, Math.ceil(end.offset / segmentation.capacity)))
    // What a process wrote that was killed is in the system's cache, maybe no further.
    if (synced) for (const { number } of this.live) syncFile(this.path(number))
    const last = this.live[this.live.length - 1] as LiveFile
    this.tail = { ...last, descriptor: openSync(this.path(last.number), "r+") }
  }

  /** The stream lies in the unbroken run of segments that ends with the last one; all else is free. */
  private sort(held: LiveFile[], last: number): void {
    held.sort((a, b) => b.header.segment - a.header.segment)
    for (const file of held) {
      const { segment } = file.header
      if (segment > last) eraseHeader(this.path(file.number))
      if (segment === (this.live[0]?.header.segment ?? last + 1) - 1) this.live.unshift(file)
      else this.free.push(file.number)
    }
    if (this.live.length === 0)
      throw new StorageError(`${join(this.directory, logFilesName)}: no file holds segment ${last}`)
  }

  private path(file: number): string {
    return join(this.directory, logSegmentName(file))
  }

  /** Makes the first file of a new log, whose first batch will be the one behind `start`; not durably. */
  static create(
    directory: string,
    start = { batch: 0, position: 0 },
    { fileBytes } = new Segmentation(),
  ): void {
    const file = openSync(join(directory, logSegmentName(0)), "wx", 0o640)
    const header = { segment: 1, firstBatch: start.batch + 1, offset: 0, position: start.position, fileBytes }
    writeAt(file, encodeHeader(header), 0, segmentHeaderBytes, 0)
    closeSync(file)
  }

  /**
   * Gives the last file its whole length, with nothing behind the log's end: what stood there (torn by a crash, or older) might
   * otherwise follow the next batch by chance.
   */
  clearRest(): void {
    const { descriptor } = this.tail
    const { fileBytes } = this.segmentation
    writeZeroes(descriptor, fileBytes - this.bytesLeft, fileBytes)
    fsyncSync(descriptor)
  }

  private get bytesLeft(): number {
    return this.segmentation.end(this.tail.header.segment) - this.offset
  }

  /** The oldest batch that the log holds, or that it will hold next. */
  get firstBatch(): number {
    return (this.live[0] as LiveFile).header.firstBatch
  }

  /** The number of the segment that is written to. */
  get segment(): number {
    return this.tail.header.segment
  }

  /** Bytes of files that hold nothing. */
  get freeBytes(): number {
    return this.free.length * this.segmentation.fileBytes + this.bytesLeft
  }

  /** Files that hold nothing. */
  get spares(): number {
    return this.free.length
  }

  /**
   * Writes a batch, durably if `synced`.
   * @param end position behind its records
   * @throws the system's error. Where there was no room nothing has changed, and the same call may be tried again; behind any
   *   other error nothing is known
   */
  append(number: number, bytes: Uint8Array, end: number): void {
    const { tail, segmentation } = this
    const { fileBytes } = segmentation
    const next = { firstBatch: number + 1, offset: this.offset + bytes.length, position: end, fileBytes }
    const entered: OpenFile[] = []
    let { offset } = this
    try {
      for (let from = 0; from < bytes.length;) {
        let file = entered[entered.length - 1] ?? tail
        if (offset === segmentation.end(file.header.segment)) {
          file = this.takeFile({ segment: file.header.segment + 1, ...next })
          entered.push(file)
          writeAt(file.descriptor, encodeHeader(file.header), 0, segmentHeaderBytes, 0)
        }
        const length = Math.min(bytes.length - from, segmentation.end(file.header.segment) - offset)
        writeAt(file.descriptor, bytes, from, length, segmentation.place(offset))
        from += length
        offset += length
      }
    } catch (error) {
      // In the order in which they were taken, so that each becomes the same segment again.
      for (const file of entered.toReversed()) this.giveBack(file)
      throw error
    }
    if (this.synced) {
      if (this.bytesLeft > 0) fdatasyncSync(tail.descriptor)
      for (const { descriptor } of entered) fdatasyncSync(descriptor)
    }
    for (const file of entered) this.enter(file)
    this.offset = offset
  }

  private enter(file: OpenFile): void {
    closeSync(this.tail.descriptor)
    this.tail = file
    this.live.push(file)
  }

  private takeFile(header: SegmentHeader): OpenFile {
    const spare = this.free[this.free.length - 1]
    const number = spare ?? this.takeNumber()
    const descriptor = openSync(this.path(number), spare === undefined ? "wx+" : "r+", 0o640)
    this.free.pop()
    if (spare === undefined && this.synced) syncDirectory(this.directory)
    return { number, descriptor, header }
  }

  private giveBack({ number, descriptor }: OpenFile): void {
    closeSync(descriptor)
    this.free.push(number)
  }

  /** @returns the number of a file that somebody else makes. A number is never used twice while readers may know it. */
  takeNumber(): number {
    return this.nextFile++
  }

  /** Takes over a file that was made beforehand; it is used after all others. */
  addSpare(number: number): void {
    this.free.unshift(number)
  }

  /** Whether the oldest segment holds nothing but batches up to `batch` that end at or before `position`. */
  isBehind(batch: number, position: number): boolean {
    const next = this.live[1]?.header
    return next !== undefined && next.firstBatch - 1 <= batch && next.position <= position
  }

  /** Lets go of the oldest segment. Readers must have been told. */
  freeOldest(): void {
    this.free.unshift((this.live.shift() as LiveFile).number)
  }

  /** The first batch that is left once the oldest segment is free. */
  get secondFirstBatch(): number {
    return (this.live[1] as LiveFile).header.firstBatch
  }

  /** Deletes a file that holds nothing. */
  deleteSpare(): void {
    const spare = this.free.shift()
    if (spare !== undefined) rmSync(this.path(spare))
  }

  close(): void {
    closeSync(this.tail.descriptor)
  }
}

function eraseHeader(path: string): void {
  const descriptor = openSync(path, "r+")
  try {
    writeAt(descriptor, new Uint8Array(segmentHeaderBytes), 0, segmentHeaderBytes, 0)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
