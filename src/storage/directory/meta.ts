/**
 * `meta.db`: what a node knows of itself. A small durable key-value store: the identity and the boot counter, the view, the
 * acceptor's state and the founders' record. Every `put` is fsynced before it returns, whatever `sync` says, but for those
 * that make the directory.
 *
 * It has a rollback journal, not a write-ahead log: SQLite drops log frames silently from the first damaged one on, and a
 * vote that was given must not be forgotten so. Every row has a checksum, and one row holds the number and the sum of all
 * others, so that a row which a damaged tree hides is missed. All rows are read and checked at each open.
 */
import { join } from "node:path"
import { openDatabase } from "#sqlite"
import type { SqlDatabase, SqlStatement } from "../../platform/sqlite/driver.ts"
import { bytesChecksum, hashAdd, hashSubtract, rowHash } from "../checksum.ts"
import { rollback } from "../wal-database.ts"
import { StorageError } from "../storage.ts"
import { metaName } from "./names.ts"

interface MetaRow {
  readonly key: string
  readonly value: Uint8Array
  readonly checksum: number
}

const text = new TextEncoder()

export class MetaStore {
  private readonly path: string
  private readonly database: SqlDatabase
  private readonly write: SqlStatement
  private readonly erase: SqlStatement
  private values = new Map<string, MetaRow>()
  private sum = 0

  /**
   * Opens or creates it.
   * @param making it is one file of a directory that is being made, which is synced as a whole (`format.ts`)
   * @throws StorageError if anything in it is damaged
   */
  constructor(directory: string, making = false) {
    this.path = join(directory, metaName)
    this.database = openDatabase(this.path)
    try {
      this.database.exec(`PRAGMA journal_mode = ${making ? "MEMORY" : "DELETE"}`)
      this.database.exec(`PRAGMA synchronous = ${making ? "OFF" : "EXTRA"}`)
      this.database.exec(
        "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value BLOB, checksum INTEGER) WITHOUT ROWID",
      )
      this.write = this.database.prepare("INSERT OR REPLACE INTO meta VALUES(?, ?, ?)")
      this.erase = this.database.prepare("DELETE FROM meta WHERE key = ?")
      this.read()
    } catch (error) {
      this.database.close()
      if (error instanceof StorageError) throw error
      throw new StorageError(`${this.path}: ${(error as Error).message}`)
    }
  }

  private read(): void {
    let stated: Uint8Array | undefined
    for (const row of this.database.prepare("SELECT * FROM meta").all() as MetaRow[]) {
      if (!(row.value instanceof Uint8Array) || checksum(row.key, row.value) !== row.checksum)
        throw new StorageError(`${this.path}: key ${JSON.stringify(row.key)} does not match its checksum`)
      if (row.key === sumKey) stated = row.value
      else this.remember({ ...row, value: row.value.slice() })
    }
    const found = this.encodedSum()
    if (stated === undefined ? this.values.size > 0 : decode(stated) !== decode(found))
      throw new StorageError(
        `${this.path}: rows are missing: ${this.values.size} found, ${decode(stated)} stated`,
      )
  }

  private remember(row: MetaRow): void {
    const before = this.values.get(row.key)
    if (before !== undefined) this.sum = hashSubtract(this.sum, rowHash(before.checksum))
    this.sum = hashAdd(this.sum, rowHash(row.checksum))
    this.values.set(row.key, row)
  }

  private forget(key: string): void {
    const before = this.values.get(key)
    if (before === undefined) return
    this.sum = hashSubtract(this.sum, rowHash(before.checksum))
    this.values.delete(key)
    this.erase.run(key)
  }

  private encodedSum(): Uint8Array {
    return text.encode(`${this.values.size} rows, sum ${this.sum}`)
  }

  get(key: string): Uint8Array | undefined {
    return this.values.get(key)?.value
  }

  getText(key: string): string | undefined {
    const value = this.get(key)
    return value === undefined ? undefined : decode(value)
  }

  /** All that is stored; the bytes are the caller's to keep. */
  all(): ReadonlyMap<string, Uint8Array> {
    return new Map([...this.values].map(([key, row]) => [key, row.value.slice()]))
  }

  /**
   * Durable when it returns; all of them or none; what is undefined is removed. Waits for the disk: not for the thread that
   * owns sockets.
   */
  put(entries: Readonly<Record<string, Uint8Array | string | undefined>>): void {
    const { values, sum } = this
    this.values = new Map(values)
    try {
      this.database.exec("BEGIN IMMEDIATE")
      this.change(entries)
      this.database.exec("COMMIT")
    } catch (error) {
      this.values = values
      this.sum = sum
      rollback(this.database)
      throw error
    }
  }

  private change(entries: Readonly<Record<string, Uint8Array | string | undefined>>): void {
    for (const [key, given] of Object.entries(entries)) {
      if (given === undefined) {
        this.forget(key)
        continue
      }
      const value = typeof given === "string" ? text.encode(given) : given.slice()
      const row = { key, value, checksum: checksum(key, value) }
      this.write.run(row.key, row.value, row.checksum)
      this.remember(row)
    }
    const sum = this.encodedSum()
    this.write.run(sumKey, sum, checksum(sumKey, sum))
  }

  close(): void {
    this.database.close()
  }
}

const sumKey = "(all rows)"

function checksum(key: string, value: Uint8Array): number {
  return bytesChecksum(value, bytesChecksum(text.encode(key)))
}

function decode(value: Uint8Array | undefined): string {
  return value === undefined ? "nothing" : new TextDecoder().decode(value)
}
