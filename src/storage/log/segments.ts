/** The log's files as a reader knows them: which segment lies where, and the bytes of the stream. */
import { closeSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { syncFile } from "../../platform/directory.ts"
import { logSegmentName } from "../directory/names.ts"
import { headerOf, Segmentation, type SegmentHeader, segmentFiles } from "./segment.ts"

interface HeldSegment {
  readonly file: number
  readonly header: SegmentHeader
}

export class Segments {
  private readonly directory: string
  private readonly segmentation: Segmentation
  /** The file that was read last. One alone: a file that is deleted takes room as long as somebody has it open. */
  private opened: { readonly file: number; readonly descriptor: number } | undefined
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
    for (const file of segmentFiles(this.directory)) {
      const header = headerOf(this.path(file))
      if (header !== undefined) held.push({ file, header })
    }
    held.sort((a, b) => a.header.segment - b.header.segment)
    this.held = new Map(held.map((each) => [each.header.segment, each]))
    this.headers = held.map(({ header }) => header)
  }

  private path(file: number): string {
    return join(this.directory, logSegmentName(file))
  }

  /** @returns undefined where the file is gone: nobody needed what it held */
  private open(file: number | undefined): number | undefined {
    if (file === undefined) return undefined
    if (this.opened?.file === file) return this.opened.descriptor
    this.closeOpened()
    const descriptor = ifThere(() => openSync(this.path(file), "r"))
    if (descriptor !== undefined) this.opened = { file, descriptor }
    return descriptor
  }

  private closeOpened(): void {
    if (this.opened !== undefined) closeSync(this.opened.descriptor)
    this.opened = undefined
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
    let descriptor = this.open(this.held.get(segment)?.file)
    if (descriptor === undefined) {
      this.refresh()
      descriptor = this.open(this.held.get(segment)?.file)
      if (descriptor === undefined) return 0
    }
    const length = Math.min(into.length - from, segmentation.end(segment) - offset)
    return readSync(descriptor, into, from, length, segmentation.place(offset))
  }

  /** Makes durable what was written up to now. */
  sync(): void {
    this.refresh()
    for (const { file, header } of this.held.values())
      if (header.segment >= this.syncedTo) {
        ifThere(() => syncFile(this.path(file)))
        this.syncedTo = header.segment
      }
  }

  close(): void {
    this.closeOpened()
    this.held.clear()
    this.headers = []
  }
}

/** @returns undefined where there is no such file */
function ifThere<A>(work: () => A): A | undefined {
  try {
    return work()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}
