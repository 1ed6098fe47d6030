import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openDatabase, resultOf } from "#sqlite"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { sqliteResult } from "../../../src/platform/sqlite/driver.ts"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "qdb-sqlite-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe("the SQLite driver of this runtime", () => {
  test("keeps blobs, text, nulls and whole numbers up to 2^53", () => {
    const database = openDatabase(join(directory, "a.db"))
    database.exec("CREATE TABLE t(id INTEGER PRIMARY KEY, b BLOB, s TEXT, n INTEGER)")
    const insert = database.prepare("INSERT INTO t VALUES(?, ?, ?, ?)")
    const blob = Uint8Array.of(0, 1, 255)
    insert.run(1, blob, "text", 2 ** 53 - 1)
    insert.run(2, new Uint8Array(0), null, 1_795_000_000_123)
    const rows = database.prepare("SELECT b, s, n, typeof(n) AS type FROM t ORDER BY id").all() as {
      b: Uint8Array
      s: string | null
      n: number
      type: string
    }[]
    for (const row of rows) expect(row.b.constructor).toBe(Uint8Array)
    expect(rows.map((row) => [[...row.b], row.s, row.n, row.type])).toEqual([
      [[0, 1, 255], "text", 2 ** 53 - 1, "integer"],
      [[], null, 1_795_000_000_123, "integer"],
    ])
    expect(database.prepare("SELECT * FROM t WHERE id = ?").get(3)).toBe(null)
    expect([...database.prepare("SELECT id FROM t ORDER BY id").iterate()]).toEqual([{ id: 1 }, { id: 2 }])
    database.close()
  })

  test("binds a view into a shared buffer as the bytes that it spans", () => {
    const database = openDatabase(join(directory, "a.db"))
    database.exec("CREATE TABLE t(b BLOB)")
    const shared = new Uint8Array(new SharedArrayBuffer(16))
    for (let i = 0; i < 16; i++) shared[i] = i
    database.prepare("INSERT INTO t VALUES(?)").run(shared.subarray(3, 6))
    expect([...(database.prepare("SELECT b FROM t").get() as { b: Uint8Array }).b]).toEqual([3, 4, 5])
    database.close()
  })

  test("names result codes", () => {
    const path = join(directory, "a.db")
    const first = openDatabase(path)
    const second = openDatabase(path)
    first.exec("CREATE TABLE t(b BLOB)")
    first.exec("BEGIN IMMEDIATE")
    expect(thrownBy(() => second.exec("BEGIN IMMEDIATE"))).toBe(sqliteResult.busy)
    first.exec("ROLLBACK")
    first.exec("PRAGMA max_page_count = 4")
    expect(thrownBy(() => first.prepare("INSERT INTO t VALUES(zeroblob(100000))").run())).toBe(
      sqliteResult.full,
    )
    expect(resultOf(new Error("no"))).toBe(0)
    second.close()
    first.close()
  })

  test("runs pragmas that answer with a row", () => {
    const database = openDatabase(join(directory, "a.db"))
    expect(database.prepare("PRAGMA journal_mode = WAL").get()).toEqual({ journal_mode: "wal" })
    const row = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get() as { busy: number }
    expect(row.busy).toBe(0)
    database.close()
  })
})

function thrownBy(run: () => unknown): number {
  try {
    run()
  } catch (error) {
    return resultOf(error)
  }
  return -1
}
