/**
 * One bit of a stopped or killed node's files is flipped, then everything is read. Each read must give the right content
 * or an error that names file and place; never another content, and never "there is no such entry".
 *
 * `QDB_FLIPS=1000` runs as many (the default is for every day); `QDB_SEED` chooses others.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, afterAll, describe, expect, test } from "vitest"
import { mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { Prng } from "../../src/core/lib/prng.ts"
import type { DiskStorage } from "../../src/storage/disk-storage.ts"
import { StorageError } from "../../src/storage/storage.ts"
import { repeats } from "../support/repeats.ts"
import { TestNode } from "../unit/storage/support/node.ts"

const flips = Number(process.env["QDB_FLIPS"] ?? repeats(40))
const seed = Number(process.env["QDB_SEED"] ?? 2)
const sectorBytes = 512
const model = new Map<string, string>()
let root = ""

const text = (i: number, round: number) => `${round} ${i} `.repeat(i % 40)

async function build(path: string): Promise<void> {
  let node = await TestNode.open(path)
  for (let i = 0; i < 600; i++) {
    void node.append({
      alias: `key ${i}`,
      content: Buffer.from(text(i, 0)),
      client: { id: "0123456789abcdef", number: i + 1, floor: i },
    })
    model.set(`key ${i}`, text(i, 0))
  }
  await node.put("key 0", "")
  model.set("key 0", "")
  await node.storage.close()
  cpSync(path, `${path}-stopped`, { recursive: true })
  node = await TestNode.open(path)
  for (let i = 0; i < 100; i++) {
    await node.put(`key ${i * 7}`, text(i, 1))
    model.set(`key ${i * 7}`, text(i, 1))
    if (i === 60) await node.scan("")
  }
  await node.remove("key 5")
  model.delete("key 5")
  await (node.storage as DiskStorage).kill()
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "qdb-flips-"))
  await build(join(root, "killed"))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Chooses a file by the root of what is written in it, so that small files get their share, and a place in that. */
function flip(directory: string, prng: Prng): string {
  const files = readdirSync(directory)
    .filter((name) => name !== "RESERVE")
    .map((name) => {
      const bytes = readFileSync(join(directory, name))
      const sectors = writtenSectors(bytes)
      return { name, bytes, sectors, weight: Math.ceil(16 * Math.sqrt(sectors.length)) }
    })
  let draw = prng.below(files.reduce((sum, { weight }) => sum + weight, 0))
  const { name, bytes, sectors } = files.find(({ weight }) => (draw -= weight) < 0) as (typeof files)[number]
  const sector = sectors[prng.below(sectors.length)] as number
  const at = Math.min(bytes.length - 1, sector + prng.below(sectorBytes))
  bytes[at] = (bytes[at] as number) ^ (1 << prng.below(8))
  writeFileSync(join(directory, name), bytes)
  return `${name} byte ${at}`
}

function writtenSectors(bytes: Uint8Array): number[] {
  const sectors: number[] = []
  for (let at = 0; at < bytes.length; at += sectorBytes)
    if (bytes.subarray(at, at + sectorBytes).some((byte) => byte !== 0)) sectors.push(at)
  return sectors
}

interface Outcome {
  right: number
  errors: string[]
  wrong: string[]
}

async function readAll(directory: string, expected: ReadonlyMap<string, string>): Promise<Outcome> {
  const outcome: Outcome = { right: 0, errors: [], wrong: [] }
  const note = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof StorageError && /(LOCK|FORMAT|WITNESS|\.db|log-\*)/.test(message))
      outcome.errors.push(message)
    else outcome.wrong.push(`error without a place: ${message}`)
  }
  let node: TestNode
  try {
    node = await TestNode.open(directory)
  } catch (error) {
    note(error)
    return outcome
  }
  const aliases = [...expected.keys(), "key 5", ...Array.from({ length: 60 }, (_, i) => `missing ${i}`)]
  const reads = await Promise.allSettled(aliases.map((alias) => node.getText(alias)))
  for (const [i, read] of reads.entries()) {
    const alias = aliases[i] as string
    if (read.status === "rejected") note(read.reason)
    else if (read.value === expected.get(alias)) outcome.right++
    else
      outcome.wrong.push(
        `${alias}: ${String(read.value).slice(0, 20)} instead of ${String(expected.get(alias)).slice(0, 20)}`,
      )
  }
  try {
    const found = (await node.scan("key ", 100_000)).sort()
    if (found.join() === [...expected.keys()].sort().join()) outcome.right++
    else outcome.wrong.push(`scan: ${found.length} instead of ${expected.size}`)
  } catch (error) {
    note(error)
  }
  for (const error of node.fatal) note(error)
  await (node.storage as DiskStorage).kill()
  return outcome
}

describe("one flipped bit", () => {
  for (const kind of ["killed", "stopped"]) {
    test(
      `in the files of a ${kind} node (${flips} times) is found or harmless`,
      { timeout: Math.max(600_000, flips * 5000) },
      async () => {
        const prng = new Prng(seed + (kind === "killed" ? 0 : 1000))
        const source = join(root, kind === "killed" ? "killed" : "killed-stopped")
        const expected =
          kind === "killed" ? model : new Map(Array.from({ length: 600 }, (_, i) => [`key ${i}`, text(i, 0)]))
        const copy = join(root, "copy")
        let harmless = 0
        let found = 0
        const wrong: string[] = []
        for (let i = 0; i < flips; i++) {
          rmSync(copy, { recursive: true, force: true })
          mkdirSync(copy)
          cpSync(source, copy, { recursive: true })
          const place = i === 0 ? "nowhere" : flip(copy, prng)
          const outcome = await readAll(copy, expected)
          for (const each of outcome.wrong.slice(0, 3)) wrong.push(`flip ${i}, ${place}: ${each}`)
          if (outcome.errors.length > 0) found++
          else harmless++
          if (i === 0) expect(outcome).toMatchObject({ right: aliasesRead(expected), errors: [], wrong: [] })
          if (process.env["QDB_FLIPS"] !== undefined)
            console.log(i, place, outcome.right, outcome.errors[0] ?? "", outcome.wrong[0] ?? "")
        }
        console.log(`${kind}: ${flips} flips, ${found} found, ${harmless} harmless, ${wrong.length} wrong`)
        expect(wrong).toEqual([])
        expect(found).toBeGreaterThan(flips / 10)
      },
    )
  }
})

function aliasesRead(expected: ReadonlyMap<string, string>): number {
  return expected.size + 1 + 60 + 1
}
