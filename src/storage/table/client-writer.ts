/**
 * Writes the exactly-once results of one partition file. Clients are of the whole file; they are counted in the row of its
 * first slot (`home`). Each result knows its slot, so that a slot which leaves takes its results with it.
 */
import type { SqlDatabase, SqlStatement } from "../../platform/sqlite/driver.ts"
import { bytesChecksum, hashAdd, hashSubtract, numbersChecksum, rowHash } from "../checksum.ts"
import { StorageError } from "../storage.ts"
import type { SlotRow } from "./partition.ts"
import { type ClientResult, decodeResults, encodeResults, isApart } from "./results.ts"
import { type ClientChange, dropAnswered } from "./round.ts"

export interface ClientRow {
  readonly client: Uint8Array
  readonly floor: number
  readonly results: Uint8Array
  readonly checksum: number
}

export function clientRowChecksum(client: Uint8Array, floor: number, results: Uint8Array): number {
  return bytesChecksum(results, bytesChecksum(client, numbersChecksum(floor)))
}

const clientsPerPiece = 256

export class ClientWriter {
  private readonly path: string
  private readonly get: SqlStatement
  private readonly range: SqlStatement
  private readonly put: SqlStatement
  private readonly remove: SqlStatement
  private readonly getResult: SqlStatement
  private readonly putResult: SqlStatement
  private readonly removeResult: SqlStatement
  private readonly removeResults: SqlStatement

  constructor(database: SqlDatabase, path: string) {
    this.path = path
    this.get = database.prepare("SELECT * FROM client WHERE client = ?")
    this.range = database.prepare("SELECT * FROM client WHERE client > ? ORDER BY client LIMIT ?")
    this.put = database.prepare("INSERT OR REPLACE INTO client VALUES(?, ?, ?, ?)")
    this.remove = database.prepare("DELETE FROM client WHERE client = ?")
    this.getResult = database.prepare("SELECT content FROM result WHERE client = ? AND number = ?")
    this.putResult = database.prepare("INSERT OR REPLACE INTO result VALUES(?, ?, ?)")
    this.removeResult = database.prepare("DELETE FROM result WHERE client = ? AND number = ?")
    this.removeResults = database.prepare("DELETE FROM result WHERE client = ?")
  }

  write(home: SlotRow, change: ClientChange): void {
    const client = Uint8Array.from(change.client, (letter) => letter.charCodeAt(0))
    const old = this.get.get(client) as ClientRow | null
    const { results } = change
    if (old !== null) {
      uncount(home, old)
      if (!change.forgotten) this.keepResults({ ...old, client }, change)
      this.removeResults.run(client)
    }
    dropAnswered(change)
    if (change.forgotten && change.floor === 0 && results.size === 0) {
      if (old !== null) this.remove.run(client)
      return
    }
    for (const [number, result] of results)
      if (isApart(result)) this.putResult.run(client, number, result.content as Uint8Array)
    this.putRow(home, client, change.floor, results)
  }

  private putRow(
    home: SlotRow,
    client: Uint8Array,
    floor: number,
    results: ReadonlyMap<number, ClientResult>,
  ): void {
    const encoded = encodeResults(results)
    const checksum = clientRowChecksum(client, floor, encoded)
    this.put.run(client, floor, encoded, checksum)
    home.clients++
    home.clientHash = hashAdd(home.clientHash, rowHash(checksum))
  }

  /** Adds what the file already knows of a client and what is still above its floor. */
  private keepResults(old: ClientRow, change: ClientChange): void {
    change.floor = Math.max(change.floor, old.floor)
    for (const [number, result] of this.decode(old))
      if (!change.results.has(number)) change.results.set(number, result)
  }

  private decode(row: ClientRow): Map<number, ClientResult> {
    if (clientRowChecksum(row.client, row.floor, row.results) !== row.checksum)
      throw new StorageError(`${this.path}: the row of a client does not match its checksum`)
    const known = decodeResults(row.results, (number) => {
      const content = this.getResult.get(row.client, number) as { content: Uint8Array } | null
      return content?.content
    })
    if (typeof known === "string") throw new StorageError(`${this.path}: ${known}`)
    return known
  }

  /**
   * Drops the results of slots among the next clients behind `after`; floors stay, since they are the client's word.
   * @returns the client to go on behind, or undefined at the end
   */
  dropSlots(home: SlotRow, slots: ReadonlySet<number>, after: Uint8Array): Uint8Array | undefined {
    const rows = (this.range.all(after, clientsPerPiece) as ClientRow[]).map((row) => ({
      ...row,
      client: row.client.slice(),
      results: row.results.slice(),
    }))
    for (const row of rows) {
      const results = this.decode(row)
      const known = results.size
      for (const [number, result] of results) {
        if (!slots.has(result.slot)) continue
        if (isApart(result)) this.removeResult.run(row.client, number)
        results.delete(number)
      }
      if (results.size === known) continue
      uncount(home, row)
      this.putRow(home, row.client, row.floor, results)
    }
    return rows.length < clientsPerPiece ? undefined : rows[rows.length - 1]?.client
  }
}

function uncount(home: SlotRow, row: ClientRow): void {
  home.clients--
  home.clientHash = hashSubtract(home.clientHash, rowHash(row.checksum))
}
