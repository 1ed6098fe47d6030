/**
 * The table in memory against the plainest model: the truth (a `Map`), the log (an array) and the disk (what the log holds up
 * to the flushed position). Whatever is stored, removed, flushed, loaded, evicted or compacted in whatever order:
 *
 * - what `find` finds is the truth; `absent` means that it does not exist;
 * - `unknown` is said only where the disk holds the truth: nothing dirty ever leaves memory;
 * - a walk meets whatever is resident all the time exactly once;
 * - limits hold as soon as enough is clean, and figures are those of the model.
 */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { filesUsed, keys, type Setting, setting, slotOf, type Step, stepOf } from "./memory-steps.ts"
import { absent, unknown } from "../../src/core/entry/memory.ts"
import { partitionFiles } from "../../src/core/lib/limits.ts"
import { DirtyLedger } from "../../src/storage/memory/dirty-ledger.ts"
import { KeyFilter } from "../../src/storage/memory/filter.ts"
import { EntryTable, scanEnd } from "../../src/storage/memory/table.ts"
import { checkTable } from "../unit/memory/check.ts"

interface Truth {
  readonly slot: number
  readonly content: Uint8Array
  readonly expiresAtMs: number
  readonly position: number
}
interface Change {
  readonly alias: string
  readonly entry: Truth | undefined
  readonly position: number
}
const encoder = new TextEncoder()
const aliasOf = (key: number) =>
  key % 7 === 0 ? `a-rather-long-alias-of-more-than-64-bytes-${"x".repeat(40)}${key}` : `k${key}`
class Bench {
  readonly table: EntryTable
  readonly filter: KeyFilter | undefined
  readonly truth = new Map<string, Truth>()
  readonly disk = new Map<string, Truth>()
  readonly setting: Setting
  private readonly log: Change[] = []
  /** Changes of the log that each file has, or passes by. */
  private readonly flushedChanges = new Array<number>(partitionFiles).fill(0)
  private position = 0
  private lost = 0
  private cursor = 0
  private readonly walked = new Map<string, number>()
  /** Resident since the walk began. */
  private walking = new Set<string>()

  constructor(setting: Setting) {
    this.setting = setting
    this.filter = setting.filtered ? new KeyFilter(10) : undefined
    if (this.filter !== undefined) this.filter.ready = true
    this.table = new EntryTable({
      seed: [0x01020304, 0x05060708],
      bytesMax: setting.bytesMax,
      entriesMax: setting.entriesMax,
      transient: setting.transient,
      complete: true,
      ledger: setting.fineLedger ? () => new DirtyLedger(1, 1 << 16) : () => new DirtyLedger(512, 4),
      ...(this.filter === undefined ? {} : { filter: this.filter }),
    })
  }

  run(step: Step): void {
    switch (step.op) {
      case "store":
        return this.store(aliasOf(step.key), step.length, step.expiry)
      case "remove":
        return this.remove(aliasOf(step.key))
      case "load":
        return this.load(aliasOf(step.key))
      case "flush":
        return this.flush(step.file, step.part)
      case "maintain":
        this.table.maintain(step.steps)
        return this.left()
      case "expired":
        return this.expired(step.nowMs)
      case "scan":
        return this.scan(step.steps)
      case "rebuild":
        return this.rebuild()
    }
  }

  private store(alias: string, length: number, expiresAtMs: number): void {
    this.position += 8 + (length % 3) * 8
    const name = encoder.encode(alias)
    const slot = slotOf(alias)
    const bytes = new Uint8Array(name.length + length + 5)
    bytes.set(name, 3)
    for (let i = 0; i < length; i++) bytes[3 + name.length + i] = (this.position * 7 + i) & 255
    const contentOffset = 3 + name.length
    const before = { resident: this.isResident(alias), spared: this.spared }
    this.table.store(slot, bytes, 3, name.length, contentOffset, length, expiresAtMs, this.position)
    const entry = {
      slot,
      content: bytes.slice(contentOffset, contentOffset + length),
      expiresAtMs,
      position: this.position,
    }
    this.truth.set(alias, entry)
    this.log.push({ alias, entry, position: this.position })
    this.left(alias)
    this.countOwn(before.resident, before.spared)
  }

  private remove(alias: string): void {
    this.position += 8
    const name = encoder.encode(alias)
    const before = { resident: this.isResident(alias), spared: this.spared }
    this.table.remove(slotOf(alias), name, 0, name.length, this.position)
    this.truth.delete(alias)
    this.log.push({ alias, entry: undefined, position: this.position })
    this.left()
    this.countOwn(before.resident, before.spared)
  }

  /** What is about to be overwritten or removed may itself be evicted to make room: an eviction that loses nothing. */
  private countOwn(wasResident: boolean, sparedBefore: number): void {
    if (!this.setting.transient || this.spared === sparedBefore) return
    expect(wasResident && this.spared === sparedBefore + 1).toBe(true)
    this.lost++
  }
  private get spared(): number {
    return this.table.figures().evictions - this.lost
  }
  /** A part of what one file does not hold yet. */
  private flush(file: number, part: number): void {
    let done = this.flushedChanges[file] as number
    const target = done + Math.ceil(((this.log.length - done) * part) / 4)
    for (; done < target; done++) {
      const { alias, entry } = this.log[done] as Change
      if (slotOf(alias) % partitionFiles !== file) continue
      if (entry === undefined) this.disk.delete(alias)
      else this.disk.set(alias, entry)
    }
    this.flushedChanges[file] = target
    const last = this.log[target - 1]
    if (last !== undefined) this.table.flushedTo(file, last.position)
  }

  private load(alias: string): void {
    if (this.setting.transient) return
    const name = encoder.encode(alias)
    const before = this.table.find(name, 0, name.length)
    const row = this.disk.get(alias)
    if (row === undefined) this.table.insertAbsent(slotOf(alias), name, 0, name.length)
    else
      this.table.insertLoaded(
        row.slot,
        name,
        0,
        name.length,
        row.content,
        0,
        row.content.length,
        row.expiresAtMs,
      )
    const after = this.table.find(name, 0, name.length)
    if (before === unknown) expect(after).not.toBe(unknown)
    this.left()
  }

  private expired(nowMs: number): void {
    const seen = new Set<string>()
    const due = new Set<string>()
    for (const [alias, entry] of this.truth) {
      if (entry.expiresAtMs > 0 && entry.expiresAtMs <= nowMs && this.isResident(alias)) due.add(alias)
    }
    const count = this.table.expired(nowMs, 1000, (handle) => {
      const alias = this.aliasAt(handle)
      expect(seen.has(alias)).toBe(false)
      seen.add(alias)
    })
    expect(count).toBe(seen.size)
    expect([...seen].sort()).toEqual([...due].sort())
  }

  private scan(steps: number): void {
    if (this.cursor === 0) {
      this.walked.clear()
      this.walking = new Set([...this.truth.keys()].filter((alias) => this.isResident(alias)))
    }
    this.cursor = this.table.scanStep(this.cursor, steps, (handle) => {
      const alias = this.aliasAt(handle)
      this.walked.set(alias, (this.walked.get(alias) ?? 0) + 1)
    })
    if (this.cursor !== scanEnd) return
    for (const alias of this.walking) expect(this.walked.get(alias), alias).toBe(1)
    this.cursor = 0
  }

  private rebuild(): void {
    if (this.filter === undefined) return
    this.filter.beginRebuild(10)
    for (let cursor = 0; cursor < scanEnd;) cursor = this.table.scanIntoFilter(cursor, 100)
    for (const alias of this.disk.keys()) {
      const name = encoder.encode(alias)
      this.table.hash.compute(name, 0, name.length)
      this.filter.addRebuilt(this.table.hash.low, this.table.hash.high())
    }
    this.filter.finishRebuild()
  }

  private aliasAt(handle: number): string {
    const name = new Uint8Array(this.table.aliasLength(handle))
    this.table.copyAlias(handle, name, 0)
    return new TextDecoder().decode(name)
  }
  private isResident(alias: string): boolean {
    const entries = this.table["entries"]
    const name = encoder.encode(alias)
    const reference = entries.lookup(name, 0, name.length)
    return reference !== 0 && !entries.blocks.isTombstone(reference)
  }

  /** After a change: what left memory is not part of the walk any more, and is lost where there is no disk. */
  private left(stored?: string): void {
    for (const alias of this.walking)
      if (alias === stored || !this.isResident(alias)) this.leftWalk(alias, stored)
    if (!this.setting.transient) return
    for (const alias of this.truth.keys()) {
      if (this.isResident(alias)) continue
      this.truth.delete(alias)
      this.lost++
    }
  }
  private leftWalk(alias: string, stored: string | undefined): void {
    // An entry that is overwritten stays resident, unless the upkeep of that very call evicted it first.
    if (alias === stored && this.isResident(alias)) {
      if ((this.walked.get(alias) ?? 0) <= 1) return
    }
    this.walking.delete(alias)
  }

  check(alias: string): void {
    const name = encoder.encode(`-${alias}-`)
    const handle = this.table.find(name, 1, name.length - 1)
    const entry = this.truth.get(alias)
    if (handle === absent) return expect(entry, alias).toBeUndefined()
    if (handle === unknown) {
      expect(this.table.complete).toBe(false)
      return expect(this.disk.get(alias), alias).toBe(entry)
    }
    if (entry === undefined) expect.fail(`${alias} does not exist and is found`)
    const { table } = this
    expect(table.contentLength(handle)).toBe(entry.content.length)
    const target = new Uint8Array(entry.content.length + 2)
    table.copyContent(handle, target, 1)
    expect(Buffer.compare(target.subarray(1, 1 + entry.content.length), entry.content)).toBe(0)
    expect([table.slotOf(handle), table.expiresAtMs(handle)]).toEqual([entry.slot, entry.expiresAtMs])
    expect(this.aliasAt(handle)).toBe(alias)
    expect([0, entry.position]).toContain(table.positionOf(handle))
    expect(table.contentEquals(handle, target, 1, 1 + entry.content.length)).toBe(true)
    expect(table.contentEquals(handle, target, 0, 1 + entry.content.length)).toBe(false)
    if (entry.content.length > 0) {
      ;(target[entry.content.length] as number) ^= 1
      expect(table.contentEquals(handle, target, 1, 1 + entry.content.length)).toBe(false)
    }
  }

  checkAll(keys: number): void {
    checkTable(this.table)
    for (let key = 0; key <= keys; key++) this.check(aliasOf(key))
    const figures = this.table.figures()
    expect(figures.residentEntries).toBe(
      [...this.truth.keys()].filter((alias) => this.isResident(alias)).length,
    )
    if (this.setting.transient) {
      expect(figures.evictions).toBe(this.lost)
      expect([figures.tombstones, figures.dirtyBytes]).toEqual([0, 0])
      return
    }
    if (!this.setting.filtered && this.setting.bytesMax + this.setting.entriesMax === 0)
      expect(this.table.complete).toBe(true)
    const { blocks } = this.table["entries"]
    let dirtyEntries = 0
    let dirtyBytes = 0
    for (let cursor = 0; cursor < scanEnd;) {
      cursor = this.table["entries"].index.scanPiece(cursor, (reference) => {
        const file = blocks.slot(reference) % partitionFiles
        if (blocks.position(reference) <= this.table.flushedPosition(file)) return
        dirtyEntries++
        dirtyBytes += blocks.cost(reference)
      })
    }
    if (this.setting.fineLedger)
      expect([figures.dirtyEntries, figures.dirtyBytes]).toEqual([dirtyEntries, dirtyBytes])
    expect(figures.dirtyEntries).toBeGreaterThanOrEqual(dirtyEntries)
    expect(figures.dirtyBytes).toBeGreaterThanOrEqual(dirtyBytes)
  }

  /** Flushes all and lets upkeep run: then nothing is dirty, no tombstone is left, and the limits hold. */
  settle(): void {
    for (let file = 0; file < filesUsed; file++) this.flush(file, 4)
    for (let i = 0; this.table.maintain(100); i++) if (i > 10_000) expect.fail("upkeep ends")
    const figures = this.table.figures()
    const { bytesMax, entriesMax } = this.setting
    expect([figures.dirtyEntries, figures.dirtyBytes]).toEqual([0, 0])
    expect(figures.tombstones).toBe(this.table["entries"].misses)
    if (entriesMax > 0) expect(figures.residentEntries).toBeLessThanOrEqual(entriesMax)
    const missBytes = this.table["entries"].misses * 200
    if (bytesMax > 0) expect(figures.residentBytes).toBeLessThanOrEqual(bytesMax + missBytes)
    expect(this.table.overDirty).toBe(false)
    this.left()
  }
}

function runAll(options: Setting, steps: readonly Step[]): void {
  const bench = new Bench(options)
  for (const step of steps) {
    bench.run(step)
    if ("key" in step) bench.check(aliasOf(step.key))
  }
  bench.checkAll(keys)
  bench.settle()
  bench.checkAll(keys)
}

describe("the table answers as the model does", () => {
  test("small entries, tight limits", { timeout: 240_000 }, () => {
    const lengths = fc.integer({ min: 0, max: 300 })
    fc.assert(
      fc.property(
        setting([600, 2000, 8000]),
        fc.array(stepOf(lengths), { minLength: 10, maxLength: 80 }),
        runAll,
      ),
      { numRuns: 300, seed: 1 },
    )
  })
  test("entries of all sizes, with buffers of their own among them", { timeout: 240_000 }, () => {
    const lengths = fc.oneof(
      fc.integer({ min: 0, max: 2000 }),
      fc.integer({ min: 10_000, max: 300_000 }),
      fc.constantFrom(262_000, 262_144, 600_000),
    )
    fc.assert(
      fc.property(
        setting([1_000_000, 3_000_000]),
        fc.array(stepOf(lengths), { minLength: 20, maxLength: 60 }),
        runAll,
      ),
      { numRuns: 10, seed: 2 },
    )
  })
})
