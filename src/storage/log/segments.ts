/** The log's files as a reader knows them: which segment lies where, and the bytes of the stream. */
import { closeSync, fsyncSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { logSegmentName } from "../directory/names.ts"
import { readHeader, Segmentation, type SegmentHeader, segmentFiles } from "./segment.ts"

interface HeldSegment {
  readonly descriptor: number
  readonly header: SegmentHeader
}

export class Segments {
  private readonly directory: string
  private readonly segmentation: Segmentation
  private readonly descriptors = new Map<number, number>()
  private held = new Map<number, HeldSegment>()
  /** Of all segments that are there, ascending. Those behind what anybody needs may be in use for others already. */
  headers: readonly SegmentHeader[] = []
  private syncedTo = 0

  constructor(directory: string) {
    this.directory = directory
    this.segmentation = Segmentation.of(directory)
  }

  /** Looks again which file holds what: files are used for other segments when nobody needs theirs any more. */
  refresh(): void {
    const held: HeldSegment[] = []
    const numbers = new Set(segmentFiles(this.directory))
    for (const number of numbers) {
      const descriptor = this.open(number)
      const header = descriptor === undefined ? undefined : readHeader(descriptor)
      if (descriptor !== undefined && header !== undefined) held.push({ descriptor, header })
    }
    for (const [number, descriptor] of this.descriptors)
      if (!numbers.has(number)) {
        closeSync(descriptor)
        this.descriptors.delete(number)
      }
    held.sort((a, b) => a.header.segment - b.header.segment)
    this.held = new Map(held.map((each) => [each.header.segment, each]))
    this.headers = held.map(({ header }) => header)
  }

  private open(number: number): number | undefined {
    const known = this.descriptors.get(number)
    if (known !== undefined) return known
    try {
      // For writing, as Windows syncs no file that is open for reading alone.
      const descriptor = openSync(join(this.directory, logSegmentName(number)), "r+")
      this.descriptors.set(number, descriptor)
      return descriptor
    } catch (error) {
      // Deleted since the directory was read: it held nothing.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
      throw error
    }
  }

  /** Fills `into` from the stream. @returns how many bytes there were */
  read(offset: number, into: Uint8Array): number {
    let done = 0
    while (done < into.length) {
      const count = this.readPiece(offset + done, into, done)
      if (count === 0) break
      done += count
    }
    return done
  }

  /** As much as one segment holds. @returns 0 where there is none */
  private readPiece(offset: number, into: Uint8Array, from: number): number {
    const { segmentation } = this
    const segment = segmentation.segmentOf(offset)
    if (!this.held.has(segment)) this.refresh()
    const held = this.held.get(segment)
    if (held === undefined) return 0
    const length = Math.min(into.length - from, segmentation.end(segment) - offset)
    return readSync(held.descriptor, into, from, length, segmentation.place(offset))
  }

  /** Makes durable what was written up to now. */
  sync(): void {
    this.refresh()
    for (const { descriptor, header } of this.held.values())
      if (header.segment >= this.syncedTo) {
        fsyncSync(descriptor)
        this.syncedTo = header.segment
      }
  }

  close(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor)
    this.descriptors.clear()
    this.held.clear()
    this.headers = []
  }
}
