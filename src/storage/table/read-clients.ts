/** Reads all results of the exactly-once table back at open, checked against the slots' rows. */
import type { SqlDatabase } from "../../platform/sqlite/driver.ts"
import { hashAdd, rowHash } from "../checksum.ts"
import { StorageError, type StoredResult } from "../storage.ts"
import type { SlotRow } from "./partition.ts"
import { type ClientRow, clientRowChecksum } from "./partition-writer.ts"
import { decodeResults } from "./results.ts"

/**
 * @param tell gets each result; a client that has none above its floor is told once, with number 0
 * @throws StorageError naming file and slot
 */
export function readClients(
  database: SqlDatabase,
  path: string,
  slots: ReadonlyMap<number, SlotRow>,
  tell: (result: StoredResult) => void,
): void {
  const select = database.prepare("SELECT content FROM result WHERE slot = ? AND client = ? AND number = ?")
  const sums = new Map<number, { clients: number; hash: number }>()
  for (const row of database.prepare("SELECT * FROM client").iterate() as IterableIterator<ClientRow>) {
    const { slot, floor } = row
    if (clientRowChecksum(slot, row.client, floor, row.results) !== row.checksum)
      throw new StorageError(`${path}: slot ${slot}: the row of a client does not match its checksum`)
    const sum = sums.get(slot) ?? { clients: 0, hash: 0 }
    sums.set(slot, { clients: sum.clients + 1, hash: hashAdd(sum.hash, rowHash(row.checksum)) })
    const client = Buffer.from(row.client).toString("latin1")
    const key = row.client.slice()
    const results = decodeResults(row.results.slice(), (number) => {
      const apart = select.get(slot, key, number) as { content: Uint8Array } | null
      return apart?.content.slice()
    })
    if (typeof results === "string") throw new StorageError(`${path}: slot ${slot}: ${results}`)
    if (results.size === 0) tell({ slot, client, floor, number: 0, code: 0, content: undefined })
    for (const [number, result] of results) tell({ slot, client, floor, number, ...result })
  }
  for (const row of slots.values()) {
    const sum = sums.get(row.slot) ?? { clients: 0, hash: 0 }
    if (sum.clients !== row.clients || sum.hash !== row.clientHash)
      throw new StorageError(
        `${path}: slot ${row.slot}: rows of clients are missing: ${sum.clients} of ${row.clients}`,
      )
    sums.delete(row.slot)
  }
  for (const slot of sums.keys())
    throw new StorageError(`${path}: slot ${slot}: has clients and no row of its own`)
}
