/** Reads all results of the exactly-once table back at open, checked against the slots' rows. */
import type { SqlDatabase } from "../../platform/sqlite/driver.ts"
import { hashAdd, rowHash } from "../checksum.ts"
import { StorageError, type StoredResult } from "../storage.ts"
import type { SlotRow } from "./partition.ts"
import { type ClientRow, clientRowChecksum } from "./client-writer.ts"
import { decodeResults } from "./results.ts"

/**
 * @param tell gets each result; a client that has none above its floor is told once, with number 0
 * @throws StorageError naming the file
 */
export function readClients(
  database: SqlDatabase,
  path: string,
  home: SlotRow | undefined,
  tell: (result: StoredResult) => void,
): void {
  const select = database.prepare("SELECT content FROM result WHERE client = ? AND number = ?")
  let clients = 0
  let hash = 0
  for (const row of database.prepare("SELECT * FROM client").iterate() as IterableIterator<ClientRow>) {
    const { floor } = row
    if (clientRowChecksum(row.client, floor, row.results) !== row.checksum)
      throw new StorageError(`${path}: the row of a client does not match its checksum`)
    clients++
    hash = hashAdd(hash, rowHash(row.checksum))
    const client = Buffer.from(row.client).toString("latin1")
    const key = row.client.slice()
    const results = decodeResults(row.results.slice(), (number) => {
      const apart = select.get(key, number) as { content: Uint8Array } | null
      return apart?.content.slice()
    })
    if (typeof results === "string") throw new StorageError(`${path}: ${results}`)
    if (results.size === 0) tell({ slot: 0, client, floor, number: 0, code: 0, content: undefined })
    for (const [number, result] of results) tell({ client, floor, number, ...result })
  }
  if (clients !== (home?.clients ?? 0) || hash !== (home?.clientHash ?? 0))
    throw new StorageError(`${path}: rows of clients are missing: ${clients} of ${home?.clients ?? 0}`)
}
