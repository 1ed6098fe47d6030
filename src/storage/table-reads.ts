/**
 * Reads of more than one entry. The table has the order that they need, so they wait until it holds what was applied when
 * they were asked for; what expires is sought in memory, too.
 */
import { absent } from "../core/entry/memory.ts"
import { expiredEntriesMax, partitionFiles, slotCountDefault } from "../core/lib/limits.ts"
import type { SlotPiece } from "../core/replication/transfer.ts"
import { latin1 } from "../platform/latin1.ts"
import type { EntryTable } from "./memory/table.ts"
import { type ScanPiece, StorageError } from "./storage.ts"
import type { Flushers } from "./table/flushers.ts"
import type { Readers } from "./table/readers.ts"

export class TableReads {
  private readonly memory: EntryTable
  private readonly flushers: Flushers
  private readonly readers: Readers

  constructor(memory: EntryTable, flushers: Flushers, readers: Readers) {
    this.memory = memory
    this.flushers = flushers
    this.readers = readers
  }

  async scan(
    prefix: Uint8Array,
    from: { readonly slot: number; readonly after: Uint8Array } | undefined,
    bytesMax: number,
    slots: readonly number[] | undefined,
  ): Promise<ScanPiece> {
    const position = this.memory.appliedPosition
    if (this.flushers.applied < position) await this.flushers.barrier(position)
    const message = await this.readers.call<"scan">({
      kind: "scan",
      prefix: prefix.slice(),
      slot: from?.slot ?? 0,
      after: from?.after.slice() ?? new Uint8Array(0),
      bytesMax,
      slots: slots === undefined ? undefined : Uint16Array.from(slots),
    })
    if (message.kind !== "scanned") throw new StorageError("the reader answered something else")
    const { aliases, slot, after } = message
    return { aliases, next: slot < slotCountDefault ? { slot, after } : undefined }
  }

  async slot(slot: number, after: Uint8Array | undefined, bytesMax: number): Promise<SlotPiece> {
    const position = this.memory.lastAppliedOf(slot)
    // The file of the slot is enough, which is an eighth of the work.
    if (this.flushers.slots.positionOf(slot) < position)
      await this.flushers.barrier(position, slot % partitionFiles)
    const message = await this.readers.call<"entries">(
      { kind: "entries", slot, after: after?.slice() ?? new Uint8Array(0), bytesMax },
      slot,
    )
    if (message.kind !== "entries") throw new StorageError("the reader answered something else")
    return message.piece
  }

  async expired(
    nowMs: number,
    slots: readonly number[] | undefined,
  ): Promise<readonly { readonly slot: number; readonly alias: string }[]> {
    const { memory } = this
    const wanted = slots === undefined ? undefined : new Set(slots)
    const found = new Map<string, number>()
    memory.expired(nowMs, expiredEntriesMax, (handle) => {
      if (wanted?.has(memory.slotOf(handle)) === false) return
      const alias = Buffer.alloc(memory.aliasLength(handle))
      memory.copyAlias(handle, alias, 0)
      found.set(latin1(alias, 0, alias.length), memory.slotOf(handle))
    })
    const message = await this.readers.call<"expired">({ kind: "expired", nowMs, limit: expiredEntriesMax })
    if (message.kind === "expired") {
      for (const { slot, key } of message.entries) {
        // Of a slot that was reset, only memory counts.
        if (wanted?.has(slot) === false || memory.isWhole(slot)) continue
        // What memory knows to be gone, or to live longer, is not yet so in the table.
        const handle = memory.find(key, 0, key.length)
        const live = handle >= 0 && (memory.expiresAtMs(handle) === 0 || memory.expiresAtMs(handle) > nowMs)
        if (handle !== absent && !live) found.set(latin1(key, 0, key.length), slot)
      }
    }
    return [...found].slice(0, expiredEntriesMax).map(([alias, slot]) => ({ slot, alias }))
  }
}
