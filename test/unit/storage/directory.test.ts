import { spawn } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { Prng } from "../../../src/core/lib/prng.ts"
import { openDirectory } from "../../../src/storage/directory/data-directory.ts"
import { writeCreating } from "../../../src/storage/directory/format.ts"
import { DirectoryLock } from "../../../src/storage/directory/lock.ts"
import { MetaStore } from "../../../src/storage/directory/meta.ts"
import type { DiskStorage } from "../../../src/storage/disk-storage.ts"
import { oldLogName } from "../../../src/storage/directory/names.ts"
import { LogReader } from "../../../src/storage/log/reader.ts"
import { openDatabase } from "#sqlite"
import { temporaryDirectory } from "./support/directory.ts"
import { TestNode } from "./support/node.ts"

const directory = temporaryDirectory()

const unexpected = () => expect.unreachable("nothing was written")
const open = (path: string, nodeId?: string) =>
  openDirectory(path, nodeId, false, { onMeta: unexpected, onFatal: unexpected })
const close = (data: { lock: DirectoryLock }) => data.lock.release()

describe("a data directory", () => {
  test("is made once, keeps its identity, and counts boots", () => {
    const path = join(directory(), "a", "b")
    const first = open(path, "0-00aB-0-1")
    expect(first.identity).toMatchObject({ nodeId: "0-ab-0-1", boot: 1 })
    expect(first.fresh).toBe(true)
    close(first)
    const second = open(path)
    expect(second.identity).toEqual({ ...first.identity, boot: 2 })
    expect(second.fresh).toBe(false)
    close(second)
    expect(() => open(path, "0-0-0-2")).toThrow(/belongs to node 0-ab-0-1, the configuration says 0-0-0-2/)
    const third = open(path, "0-0-0-0")
    expect(third.identity.boot).toBe(3)
    close(third)
    expect(() => open(join(directory(), "c"), "1-2-3")).toThrow(/not hex-hex-hex-hex/)
  })

  test("chooses ids at random", () => {
    const ids = ["x", "y"].map((name) => {
      const data = open(join(directory(), name))
      close(data)
      expect(data.identity.nodeId).toMatch(/^[0-9a-f]+(-[0-9a-f]+){3}$/)
      return [data.identity.nodeId, data.identity.storageId]
    })
    expect(new Set(ids.flat()).size).toBe(4)
  })

  test("holds nothing but what is documented", () => {
    const path = join(directory(), "data")
    close(open(path))
    const parts = Array.from({ length: 8 }, (_, i) => `part-00${i}.db`)
    expect(readdirSync(path).sort()).toEqual(["FORMAT", "LOCK", "WITNESS", "log-000", "meta.db", ...parts])
  })

  test("is refused if it is somebody else's, a file, or of an unknown format", () => {
    const path = directory()
    writeFileSync(join(path, "photo.jpg"), "x")
    expect(() => open(path)).toThrow(/is not a data directory.*FORMAT/)
    expect(readdirSync(path)).toEqual(["photo.jpg"])
    expect(() => open(join(path, "photo.jpg"))).toThrow(/photo\.jpg: cannot be written/)
    const data = join(path, "data")
    close(open(data))
    writeFileSync(join(data, "FORMAT"), "qdb data directory, format 7\n")
    expect(() => open(data)).toThrow(/has format 7, this version reads formats up to 2/)
    writeFileSync(join(data, "FORMAT"), "nonsense")
    expect(() => open(data)).toThrow(/FORMAT: is not qdb's, or damaged/)
    writeFileSync(join(data, "FORMAT"), "qdb data directory, format 2\n")
    close(open(data))
  })

  /** A killed node's directory as the version that knew format 1 had left it. @param change what has become of its batches */
  async function formatOne(change = (batches: Uint8Array[]) => batches): Promise<string> {
    const path = join(directory(), "data")
    const node = await TestNode.open(path)
    for (let i = 0; i < 50; i++) await node.put(`key ${i}`, `content ${i}`)
    await (node.storage as DiskStorage).kill()
    const reader = new LogReader(path)
    const batches = Array.from({ length: 50 }, (_, i) => reader.from(i + 1, i + 1)[0]?.batch.slice())
    reader.close()
    const log = openDatabase(join(path, oldLogName))
    log.exec("CREATE TABLE log(number INTEGER PRIMARY KEY, batch BLOB NOT NULL)")
    const insert = log.prepare("INSERT INTO log VALUES(?, ?)")
    for (const [i, batch] of change(batches.filter((batch) => batch !== undefined)).entries())
      insert.run(i + 1, batch)
    log.close()
    writeFileSync(join(path, "FORMAT"), "qdb data directory, format 1\n")
    // What an upgrade that was killed has left.
    writeFileSync(join(path, "log-000"), "torn")
    return path
  }
  const formatOf = (path: string) => readFileSync(join(path, "FORMAT"), "latin1")

  test("of format 1, whose log was a database, is brought to the present one, from whatever moment", async () => {
    const path = await formatOne()
    let node = await TestNode.open(path)
    for (let i = 0; i < 50; i++) expect(await node.getText(`key ${i}`)).toBe(`content ${i}`)
    await node.put("later", "x")
    await (node.storage as DiskStorage).kill()
    expect(formatOf(path)).toBe("qdb data directory, format 2\n")
    expect(readdirSync(path).filter((name) => name.startsWith(oldLogName))).toEqual([])
    // Killed before the old log was gone.
    writeFileSync(join(path, oldLogName), "old")
    node = await TestNode.open(path)
    expect(await node.getText("later")).toBe("x")
    expect(await node.getText("key 7")).toBe("content 7")
    await node.storage.close()
    expect(readdirSync(path)).not.toContain(oldLogName)
  })

  test.each([
    ["damaged", (batches: Uint8Array[]) => batches.with(20, new Uint8Array(99)), "batch 21: not a batch"],
    ["missing", (batches: Uint8Array[]) => batches.toSpliced(20, 1), "batch 21: holds number 22"],
    [
      "at its end",
      (batches: Uint8Array[]) => batches.slice(0, 40),
      "ends at batch 40, but batch 50 was acknowledged",
    ],
  ])("of format 1 whose log is %s stays as it is", async (_, change, error) => {
    const path = await formatOne(change)
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(TestNode.open(path)).rejects.toThrow(`${join(path, oldLogName)}: ${error}`)
      expect(formatOf(path)).toBe("qdb data directory, format 1\n")
      expect(readdirSync(path)).toContain(oldLogName)
    }
  })

  test("whose creation was interrupted is made anew", () => {
    const path = join(directory(), "data")
    close(open(path))
    writeCreating(path)
    writeFileSync(join(path, "part-003.db"), "torn")
    const data = open(path)
    expect(data.fresh).toBe(true)
    expect(data.identity.boot).toBe(1)
    close(data)
  })

  test("is used by one at a time, also within a process", () => {
    const path = join(directory(), "data")
    const data = open(path)
    expect(() => open(path)).toThrow(`${path}: in use by process ${process.pid}`)
    expect(() => open(path)).toThrow(`in use by process ${process.pid}`)
    close(data)
    close(open(path))
  })

  test("is free again when its holder was killed, whatever the file says", async () => {
    const path = directory()
    mkdirSync(path, { recursive: true })
    const lockFile = new URL("../../../src/storage/directory/lock.ts", import.meta.url)
    const code = `import { DirectoryLock } from ${JSON.stringify(lockFile.href)}
new DirectoryLock(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000)`
    const script = join(path, "holder.ts")
    writeFileSync(script, code)
    const run =
      "Deno" in globalThis
        ? ["run", "-A", "--config", new URL("../../../deno.json", import.meta.url).pathname]
        : []
    const child = spawn(process.execPath, [...run, script], { stdio: ["ignore", "pipe", "inherit"] })
    await new Promise((resolve) => child.stdout.once("data", resolve))
    expect(() => new DirectoryLock(path)).toThrow(new RegExp(`in use by process ${child.pid}`))
    const gone = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGKILL")
    await gone
    new DirectoryLock(path).release()
  })
})

describe("meta.db", () => {
  test("keeps what was put, durably and all together", () => {
    const path = directory()
    let meta = new MetaStore(path)
    meta.put({ a: "one", b: Uint8Array.of(1, 2) })
    meta.put({ a: "two" })
    meta.close()
    meta = new MetaStore(path)
    expect(meta.getText("a")).toBe("two")
    expect([...(meta.get("b") as Uint8Array)]).toEqual([1, 2])
    expect(meta.get("c")).toBe(undefined)
    meta.close()
  })

  test("never tells anything but what was put, whichever bit is flipped", () => {
    const path = directory()
    const meta = new MetaStore(path)
    const put = { a: "one", b: "two", view: "x".repeat(3000) }
    meta.put(put)
    meta.close()
    const file = join(path, "meta.db")
    const whole = readFileSync(file)
    const prng = new Prng(5)
    let refused = 0
    for (let i = 0; i < 400; i++) {
      const bytes = Uint8Array.from(whole)
      // Half of the flips go where the rows are, at the end of each page.
      const at = prng.chance(1, 2) ? prng.below(bytes.length) : bytes.length - 1 - prng.below(3200)
      bytes[at] = (bytes[at] as number) ^ (1 << prng.below(8))
      writeFileSync(file, bytes)
      try {
        const damaged = new MetaStore(path)
        expect(Object.keys(put).map((key) => damaged.getText(key))).toEqual(Object.values(put))
        damaged.close()
      } catch (error) {
        expect((error as Error).name).toBe("StorageError")
        expect((error as Error).message).toContain("meta.db")
        refused++
      }
    }
    expect(refused).toBeGreaterThan(100)
  })
})
