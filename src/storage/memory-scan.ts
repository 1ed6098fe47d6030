/**
 * A piece of a walk over the entries in memory, in (slot, alias) order, where there is no table that has that order.
 *
 * The index has no order, so each piece looks at all entries, in slices between which others run, and keeps the smallest
 * that lie behind the cursor: never more than twice what a piece may hold.
 */
import { slotCountDefault } from "../core/lib/limits.ts"
import { type EntryTable, scanEnd } from "./memory/table.ts"
import type { ScanPiece } from "./storage.ts"

interface Found {
  readonly slot: number
  readonly alias: Uint8Array
}

const sliceSteps = 4096

function compare(a: Found, b: Found): number {
  return a.slot - b.slot || Buffer.compare(a.alias, b.alias)
}

export async function scanMemory(
  memory: EntryTable,
  prefix: Uint8Array,
  from: { readonly slot: number; readonly after: Uint8Array } | undefined,
  bytesMax: number,
): Promise<ScanPiece> {
  const smallest = new Smallest(bytesMax)
  const begin: Found = { slot: from?.slot ?? 0, alias: from?.after ?? new Uint8Array(0) }
  for (let cursor = 0; cursor < scanEnd;) {
    cursor = memory.scanStep(cursor, sliceSteps, (handle) => {
      const slot = memory.slotOf(handle)
      if (slot < begin.slot || memory.aliasLength(handle) < prefix.length) return
      const alias = new Uint8Array(memory.aliasLength(handle))
      memory.copyAlias(handle, alias, 0)
      for (let i = 0; i < prefix.length; i++) if (alias[i] !== prefix[i]) return
      const found = { slot, alias }
      if (compare(found, begin) > 0) smallest.add(found)
    })
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return smallest.piece()
}

/** Keeps the smallest entries whose aliases together have `bytesMax` bytes. */
class Smallest {
  private readonly bytesMax: number
  private found: Found[] = []
  private bytes = 0
  /** What lies behind this is not wanted: the piece is full without it. */
  private bound: Found | undefined

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  add(entry: Found): void {
    if (this.bound !== undefined && compare(entry, this.bound) > 0) return
    this.found.push(entry)
    this.bytes += entry.alias.length
    if (this.bytes > 2 * this.bytesMax) this.trim()
  }

  private trim(): void {
    this.found.sort(compare)
    let bytes = 0
    let count = 0
    for (; count < this.found.length && bytes < this.bytesMax; count++)
      bytes += (this.found[count] as Found).alias.length
    if (count < this.found.length) this.bound = this.found[count - 1]
    this.found.length = count
    this.bytes = bytes
  }

  piece(): ScanPiece {
    this.trim()
    const last = this.found[this.found.length - 1]
    const aliases = this.found.map(({ alias }) => alias)
    if (this.bound === undefined || last === undefined) return { aliases, next: undefined }
    return { aliases, next: { slot: Math.min(last.slot, slotCountDefault - 1), after: last.alias } }
  }
}
