/**
 * A piece of a walk over the entries in memory, in (slot, alias) order, where there is no table that has that order.
 *
 * The index has no order, so each piece looks at all entries, in slices between which others run, and keeps the smallest
 * that lie behind the cursor: never more than twice what a piece may hold.
 */
import { slotCountDefault } from "../core/lib/limits.ts"
import type { SlotPiece } from "../core/replication/transfer.ts"
import { type EntryTable, scanEnd } from "./memory/table.ts"
import type { ScanPiece } from "./storage.ts"

interface Place {
  readonly slot: number
  readonly alias: Uint8Array
}
interface Found extends Place {
  readonly content: Uint8Array
  readonly expiresAtMs: number
}

const sliceSteps = 4096
const nothing = new Uint8Array(0)

function compare(a: Place, b: Place): number {
  return a.slot - b.slot || Buffer.compare(a.alias, b.alias)
}

function aliasOf(memory: EntryTable, handle: number): Uint8Array {
  const alias = new Uint8Array(memory.aliasLength(handle))
  memory.copyAlias(handle, alias, 0)
  return alias
}

/** @param wanted which slots; undefined = all */
export async function scanMemory(
  memory: EntryTable,
  prefix: Uint8Array,
  from: { readonly slot: number; readonly after: Uint8Array } | undefined,
  bytesMax: number,
  wanted: ReadonlySet<number> | undefined,
): Promise<ScanPiece> {
  const begin: Place = { slot: from?.slot ?? 0, alias: from?.after ?? nothing }
  const smallest = await collect(memory, begin, bytesMax, (handle) => {
    const slot = memory.slotOf(handle)
    if (slot < begin.slot || memory.aliasLength(handle) < prefix.length) return undefined
    if (wanted !== undefined && !wanted.has(slot)) return undefined
    const alias = aliasOf(memory, handle)
    for (let i = 0; i < prefix.length; i++) if (alias[i] !== prefix[i]) return undefined
    return { slot, alias, content: nothing, expiresAtMs: 0 }
  })
  const { found, last } = smallest.piece()
  const aliases = found.map(({ alias }) => alias)
  if (last === undefined) return { aliases, next: undefined }
  return { aliases, next: { slot: Math.min(last.slot, slotCountDefault - 1), after: last.alias } }
}

export async function readSlotInMemory(
  memory: EntryTable,
  slot: number,
  after: Uint8Array | undefined,
  bytesMax: number,
): Promise<SlotPiece> {
  const smallest = await collect(memory, { slot, alias: after ?? nothing }, bytesMax, (handle) => {
    if (memory.slotOf(handle) !== slot) return undefined
    const content = new Uint8Array(memory.contentLength(handle))
    memory.copyContent(handle, content, 0)
    return { slot, alias: aliasOf(memory, handle), content, expiresAtMs: memory.expiresAtMs(handle) }
  })
  const { found, last } = smallest.piece()
  return { entries: found, next: last?.alias }
}

async function collect(
  memory: EntryTable,
  begin: Place,
  bytesMax: number,
  take: (handle: number) => Found | undefined,
): Promise<Smallest> {
  const smallest = new Smallest(bytesMax)
  for (let cursor = 0; cursor < scanEnd;) {
    cursor = memory.scanStep(cursor, sliceSteps, (handle) => {
      const found = take(handle)
      if (found !== undefined && compare(found, begin) > 0) smallest.add(found)
    })
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return smallest
}

/** Keeps the smallest entries that together have at most `bytesMax` bytes; a longer one is kept alone. */
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
    this.bytes += sizeOf(entry)
    if (this.bytes > 2 * this.bytesMax) this.trim()
  }

  private trim(): void {
    this.found.sort(compare)
    let bytes = 0
    let count = 0
    for (; count < this.found.length; count++) {
      const size = sizeOf(this.found[count] as Found)
      if (count > 0 && bytes + size > this.bytesMax) break
      bytes += size
    }
    if (count < this.found.length) this.bound = this.found[count - 1]
    this.found.length = count
    this.bytes = bytes
  }

  /** @returns what was found, and the last of it if there is more behind */
  piece(): { readonly found: readonly Found[]; readonly last: Found | undefined } {
    this.trim()
    const last = this.bound === undefined ? undefined : this.found[this.found.length - 1]
    return { found: this.found, last }
  }
}

function sizeOf({ alias, content }: Found): number {
  return alias.length + content.length
}
