/**
 * Fills the filter of existing keys from the table, in pieces, while the node already serves. Until it is complete a
 * look-up of what is not resident asks the disk.
 */
import { filterKeysPerPiece, slotCountDefault } from "../core/lib/limits.ts"
import type { KeyFilter } from "./memory/filter.ts"
import { type EntryTable, scanEnd } from "./memory/table.ts"
import type { Readers } from "./table/readers.ts"

const residentsPerPiece = 4096

/**
 * @param capacity keys expected
 * @param stopped asked between pieces
 * @throws StorageError if the table is damaged: the filter then stays without effect
 */
export async function buildFilter(
  filter: KeyFilter,
  memory: EntryTable,
  readers: Readers,
  capacity: number,
  stopped: () => boolean,
): Promise<void> {
  filter.beginRebuild(capacity)
  try {
    for (let slot = 0; slot < slotCountDefault; slot++) {
      let after = new Uint8Array(0)
      for (let ended = false; !ended;) {
        const message = await readers.call<"keys">(
          { kind: "keys", slot, after, limit: filterKeysPerPiece },
          slot,
        )
        if (message.kind !== "keys" || stopped()) return filter.abandonRebuild()
        for (const key of message.keys) {
          memory.hash.compute(key, 0, key.length)
          filter.addRebuilt(memory.hash.low, memory.hash.high())
          after = key as Uint8Array<ArrayBuffer>
        }
        ended = message.keys.length < filterKeysPerPiece
      }
    }
    for (let cursor = 0; cursor < scanEnd;) {
      cursor = memory.scanIntoFilter(cursor, residentsPerPiece)
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (stopped()) return filter.abandonRebuild()
    }
    filter.finishRebuild()
  } catch (error) {
    filter.abandonRebuild()
    throw error
  }
}
