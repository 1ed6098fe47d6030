/**
 * Entries in a `Map`: the plainest thing that keeps the contract of `EntryMemory`. Simulations use it as a node's memory
 * (nothing is ever evicted, so nothing is `unknown`), and the off-heap table is compared with it.
 */
import { absent, type EntryMemory } from "../../src/core/entry/memory.ts"

export interface MapEntry {
  readonly alias: string
  readonly slot: number
  readonly content: Uint8Array
  readonly expiresAtMs: number
  readonly position: number
}

/** The bytes `[start, end)` as a string of one character each, so that it can be the key of a `Map`. */
export function latin1(bytes: Uint8Array, start = 0, end = bytes.length): string {
  if (end - start > 64)
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1")
  let text = ""
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i] as number)
  return text
}

export class MapMemory implements EntryMemory {
  readonly version = 0
  /** Live entries by alias (latin1). */
  readonly entries = new Map<string, MapEntry>()
  /** Removed aliases and where in the log they were removed. */
  readonly tombstones = new Map<string, number>()
  /** What the last `find` found; the handle is always 0, good until the next one. */
  private found: MapEntry | undefined

  aliasHash = 0

  find(bytes: Uint8Array, start: number, end: number): number {
    this.aliasHash = 0
    for (let i = start; i < end; i++) this.aliasHash = (this.aliasHash * 31 + (bytes[i] as number)) | 0
    this.found = this.entries.get(latin1(bytes, start, end))
    return this.found === undefined ? absent : 0
  }

  private at(handle: number): MapEntry {
    if (handle !== 0 || this.found === undefined) throw new Error("a handle is that of the last find")
    return this.found
  }

  slotOf(handle: number): number {
    return this.at(handle).slot
  }
  expiresAtMs(handle: number): number {
    return this.at(handle).expiresAtMs
  }
  contentLength(handle: number): number {
    return this.at(handle).content.length
  }
  copyContent(handle: number, target: Uint8Array, offset: number): void {
    target.set(this.at(handle).content, offset)
  }
  contentEquals(handle: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { content } = this.at(handle)
    return Buffer.compare(content, bytes.subarray(start, end)) === 0
  }

  store(
    slot: number,
    bytes: Uint8Array,
    aliasOffset: number,
    aliasLength: number,
    contentOffset: number,
    contentLength: number,
    expiresAtMs: number,
    position: number,
  ): void {
    const alias = latin1(bytes, aliasOffset, aliasOffset + aliasLength)
    const content = bytes.slice(contentOffset, contentOffset + contentLength)
    this.entries.set(alias, { alias, slot, content, expiresAtMs, position })
    this.tombstones.delete(alias)
    this.found = undefined
  }

  remove(_slot: number, bytes: Uint8Array, aliasOffset: number, aliasLength: number, position: number): void {
    const alias = latin1(bytes, aliasOffset, aliasOffset + aliasLength)
    this.entries.delete(alias)
    this.tombstones.set(alias, position)
    this.found = undefined
  }

  dropSlot(slot: number, position: number): void {
    for (const [alias, entry] of this.entries)
      if (entry.slot === slot && entry.position < position) this.entries.delete(alias)
    this.found = undefined
  }
}
