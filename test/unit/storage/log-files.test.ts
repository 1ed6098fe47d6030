/** The log's files: one stream over segments of a few hundred bytes, which are used again and again. */
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { logSegmentFileBytes } from "../../../src/core/lib/limits.ts"
import { batchHeaderBytes, type LogPlace, openBatch, sealBatch } from "../../../src/storage/log/batch.ts"
import { LogControl } from "../../../src/storage/log/control.ts"
import { Housekeeping } from "../../../src/storage/log/housekeeping.ts"
import { LogBatches } from "../../../src/storage/log/log-batches.ts"
import { LogReader } from "../../../src/storage/log/reader.ts"
import { readTail } from "../../../src/storage/log/recover-log.ts"
import { Segmentation } from "../../../src/storage/log/segment.ts"
import { makeSegmentFile } from "../../../src/storage/log/segment-file.ts"
import { LogWriter } from "../../../src/storage/log/writer.ts"
import { fillDisk, mountSmallDisk, requireSmallDisks, unmountSmallDisk } from "../../support/small-disk.ts"
import { temporaryDirectory } from "./support/directory.ts"

const directory = temporaryDirectory()
const segmentation = new Segmentation(512)

/** A log with what it should hold beside it. */
class KnownLog {
  readonly path: string
  private readonly cut: Segmentation
  readonly batches: Uint8Array[] = []
  first = 1
  writer: LogWriter
  reader: LogReader
  private checksum = 0
  position = 0

  constructor(path: string, cut = segmentation) {
    this.path = path
    this.cut = cut
    LogWriter.create(path, undefined, cut)
    this.writer = new LogWriter(path, false, { batch: 0, position: 0, offset: 0 })
    this.writer.clearRest()
    this.reader = new LogReader(path)
  }

  get last(): number {
    return this.batches.length
  }

  append(length: number): void {
    const number = this.last + 1
    const bytes = new Uint8Array(batchHeaderBytes + length).fill(number)
    const checksum = sealBatch(bytes, length, number, this.position, this.checksum)
    this.writer.append(number, bytes, this.position + length)
    this.checksum = checksum
    this.position += length
    this.batches.push(bytes)
  }

  /** Lets go of segments that hold nothing but batches up to this one. */
  free(batch: number, position = this.position): void {
    while (this.writer.isBehind(batch, position)) {
      this.first = this.writer.secondFirstBatch
      this.writer.freeOldest()
    }
  }

  spare(): void {
    const number = this.writer.takeNumber()
    makeSegmentFile(this.path, number, this.cut.fileBytes)
    this.writer.addSpare(number)
  }

  dropSpare(): void {
    this.writer.deleteSpare()
  }

  get spares(): number {
    return this.writer.spares
  }

  /** As a process that ends, and its successor, find it. */
  async reopen(damage?: () => void): Promise<void> {
    this.writer.close()
    damage?.()
    const reader = new LogReader(this.path)
    const witness = { batch: 0, checksum: 0, synced: true }
    // The table has the first batch that is left, if others are not.
    const applied = this.first === 1 ? { batch: 0, position: 0 } : this.place(this.first)
    const seen: number[] = []
    const tail = await readTail(
      reader,
      applied,
      applied.batch,
      witness,
      (_, header) => void seen.push(header.number),
    )
    expect(tail).toMatchObject({ batch: this.last, position: this.position })
    expect(seen).toEqual(Array.from({ length: this.last - applied.batch }, (_, i) => applied.batch + 1 + i))
    reader.close()
    this.writer = new LogWriter(this.path, false, tail)
    this.writer.clearRest()
    expect(this.writer.firstBatch).toBeLessThanOrEqual(this.first)
    this.first = this.writer.firstBatch
  }

  private place(batch: number): LogPlace {
    return { batch, position: this.endOf(batch) }
  }

  private endOf(batch: number): number {
    const header = openBatch(this.batches[batch - 1] as Uint8Array, batch)
    return typeof header === "string" ? -1 : header.end
  }

  check(reader = this.reader): void {
    for (let next = this.first; next <= this.last;) {
      const rows = reader.from(next, this.last)
      expect(rows[0]?.number).toBe(next)
      for (const { number, batch } of rows)
        expect(Buffer.compare(batch, this.batches[number - 1] as Uint8Array)).toBe(0)
      next += rows.length
    }
    for (let next = this.last; next >= this.first;) {
      const rows = reader.down(next, this.first)
      expect(rows[0]?.number).toBe(next)
      for (const { number, batch } of rows)
        expect(Buffer.compare(batch, this.batches[number - 1] as Uint8Array)).toBe(0)
      next -= rows.length
    }
  }

  checkEnd(): void {
    expect(new LogReader(this.path).from(this.last + 1, Number.MAX_SAFE_INTEGER)).toEqual([])
  }

  checkPlaces(position: number): void {
    if (this.first >= this.last) return
    const low = this.place(this.first)
    if (position < low.position || position >= this.position) return
    const expected = this.batches.findLastIndex((_, i) => this.endOf(i + 1) <= position) + 1
    const found = this.reader.lastEndingBy(position, low, this.last)
    expect(found).toEqual(this.place(expected))
  }

  close(): void {
    this.writer.close()
    this.reader.close()
  }
}

describe("the log's files", () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.nat(30).map((units) => ({ kind: "append" as const, value: 8 * units })) },
    { weight: 1, arbitrary: fc.nat(300).map((units) => ({ kind: "append" as const, value: 8 * units })) },
    { weight: 2, arbitrary: fc.nat(99).map((value) => ({ kind: "free" as const, value })) },
    { weight: 1, arbitrary: fc.constant({ kind: "spare" as const, value: 0 }) },
    { weight: 1, arbitrary: fc.constant({ kind: "drop" as const, value: 0 }) },
    { weight: 2, arbitrary: fc.nat(99).map((value) => ({ kind: "check" as const, value })) },
    { weight: 1, arbitrary: fc.constant({ kind: "reopen" as const, value: 0 }) },
  )

  test("tell every batch that is needed, to readers of before and after, over any number of restarts", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 150 }), async (steps) => {
        const path = mkdtempSync(join(directory(), "log-"))
        const log = new KnownLog(path)
        for (const { kind, value } of steps) {
          if (kind === "append") log.append(value)
          // The applied batch itself stays, and with it all behind it.
          else if (kind === "free") log.free(Math.floor((log.last * value) / 100) - 1)
          else if (kind === "spare") log.spare()
          else if (kind === "drop") log.dropSpare()
          else if (kind === "reopen") await log.reopen()
          else {
            log.check()
            log.checkPlaces(Math.floor((log.position * value) / 100))
          }
        }
        log.check()
        log.check(new LogReader(path))
        log.checkEnd()
        log.close()
      }),
      { numRuns: 60, seed: 11 },
    )
  })

  test.each([512, 16 * 1024])("of %i bytes are used again, for as much as is needed at once", (fileBytes) => {
    const log = new KnownLog(directory(), new Segmentation(fileBytes))
    for (let i = 0; i < 2000; i++) {
      log.append((fileBytes / 64) * (i % 17))
      log.free(log.last - 5)
    }
    expect(readdirSync(log.path).length).toBeLessThan(8)
    log.check()
    log.close()
  })

  test("hold nothing behind the log's end that could be taken for its continuation", async () => {
    const log = new KnownLog(directory())
    const length = segmentation.capacity / 4 - batchHeaderBytes
    // Four fill a segment.
    for (let i = 0; i < 30; i++) log.append(length)
    // The last three batches were never acknowledged, and the first of them, at the end of its segment, was torn.
    const [kept, torn] = [27, 28]
    const offset = kept * (batchHeaderBytes + length)
    const file = segmentation.segmentOf(offset) - 1
    log.batches.length = kept
    const header = openBatch(log.batches[kept - 1] as Uint8Array, kept)
    if (typeof header === "string") throw new Error(header)
    log.position = header.end
    log["checksum"] = header.checksum
    await log.reopen(() => {
      const descriptor = openSync(join(log.path, `log-00${file}`), "r+")
      writeSync(descriptor, new Uint8Array([1]), 0, 1, segmentation.place(offset) + 60)
      closeSync(descriptor)
    })
    log.check(new LogReader(log.path))
    // The same batch once more: what once followed it does not follow now.
    log.append(length)
    expect(log.last).toBe(torn)
    await log.reopen()
    log.check(new LogReader(log.path))
    for (let i = 0; i < 9; i++) log.append(40)
    await log.reopen()
    log.check(new LogReader(log.path))
    log.close()
  })

  test("are kept as far as a replica may want what they hold", () => {
    const log = new KnownLog(directory())
    for (let i = 0; i < 100; i++) log.append(64)
    log.free(log.last - 1, 50 * 64)
    expect(log.first).toBeGreaterThan(40)
    expect(log.first).toBeLessThanOrEqual(51)
    log.check()
    log.close()
  })

  test("that find no room change nothing, and the same batch is written when there is some", (context) => {
    requireSmallDisks(context)
    const path = mkdtempSync(join(tmpdir(), "qdb-log-"))
    mountSmallDisk(path, "1m")
    try {
      const log = new KnownLog(path, new Segmentation(16 * 1024))
      // The last file has its whole length, as a node's has.
      for (let i = 0; i < 3; i++) log.spare()
      for (let i = 0; i < 10; i++) log.append(4000)
      expect(log.spares).toBe(1)
      fillDisk(join(path, "ballast"))
      // Longer than what is left of the last segment and the spare one.
      const attempts = Array.from({ length: 4 }, () => {
        expect(() => log.append(40_000)).toThrow(expect.objectContaining({ code: "ENOSPC" }))
        log.check(new LogReader(path))
        return { spares: log.spares, files: readdirSync(path) }
      })
      // The spare one, and one that was made and could not be filled: each attempt uses those of the one before.
      expect(attempts[0]?.spares).toBeLessThanOrEqual(2)
      expect(attempts).toEqual(attempts.map(() => attempts[0]))
      rmSync(join(path, "ballast"))
      for (let i = 0; i < 10; i++) log.append(8000)
      log.check(new LogReader(path))
      log.close()
    } finally {
      unmountSmallDisk(path)
      rmSync(path, { recursive: true, force: true })
    }
  })
})

describe("the log as replicas are told of it", () => {
  /** Four equal batches to a segment, so that in a file that is used again others begin where these did. */
  const length = segmentation.capacity / 4 - batchHeaderBytes
  const numbers = (batches: LogBatches, from: number) => batches.from(from).map(({ number }) => number)

  function known(count: number) {
    const log = new KnownLog(directory())
    const control = new LogControl()
    control.firstBatch = 1
    for (let i = 0; i < count; i++) log.append(length)
    control.announce(log.position, log.last)
    return { log, control }
  }

  test("is what was asked for, or nothing where it was cut while it was read", () => {
    const { log, control } = known(8)
    const batches = new LogBatches(log.path, control)
    expect(numbers(batches, 5)).toEqual([5, 6, 7, 8])
    // The reader knows where they lie, and has their file open, which comes to hold others.
    for (let i = 0; i < 60; i++) {
      log.append(length)
      log.free(log.last - 1)
    }
    expect(() => batches.from(5)).toThrow(/log-\*: batch 5: holds number \d+/)
    control.firstBatch = log.first
    expect(numbers(batches, 5)).toEqual([])
    control.announce(log.position, log.last)
    expect(numbers(batches, log.first)[0]).toBe(log.first)
    log.close()
  })

  test("begins with what the start has read, where what lies before is torn", () => {
    const { log, control } = known(30)
    const damaged = segmentation.place(5 * (batchHeaderBytes + length)) + 50
    const file = openSync(join(log.path, "log-001"), "r+")
    writeSync(file, new Uint8Array([1]), 0, 1, damaged)
    closeSync(file)
    const before = new LogBatches(log.path, control)
    expect(() => before.from(1)).toThrow(/batch 6: checksum does not match/)
    control.checkedFrom = 20
    const behind = new LogBatches(log.path, control)
    expect(behind.first()).toBe(1)
    expect(numbers(behind, 1)).toEqual([1, 2, 3, 4, 5])
    expect(numbers(behind, 6)).toEqual([])
    expect(behind.first()).toBe(20)
    expect(numbers(behind, 20)[0]).toBe(20)
    log.close()
  })
})

describe("the log's housekeeping", () => {
  function kept(keptBytes: number) {
    const log = new KnownLog(directory())
    const control = new LogControl()
    control.keptBytes = keptBytes
    const housekeeping = new Housekeeping(control, log.writer)
    return { log, control, keep: (isIdle = false) => housekeeping.do(isIdle, log.position) }
  }
  const kept16 = 16 * logSegmentFileBytes

  test("asks for a file where there is no spare one, once, and not again in a segment in which there was no room", () => {
    const { log, control, keep } = kept(kept16)
    keep()
    expect(control.fileWanted).toBe(1)
    keep()
    expect(control.fileWanted).toBe(1)
    control.fileMade(1, false)
    for (let i = 0; i < 3; i++) keep()
    expect(control.fileWanted).toBe(1)
    expect(log.spares).toBe(0)
    for (let i = 0; i < 10; i++) log.append(100)
    keep()
    const wanted = control.fileWanted
    expect(wanted).toBeGreaterThan(1)
    makeSegmentFile(log.path, wanted, segmentation.fileBytes)
    control.fileMade(wanted, true)
    keep()
    expect(log.spares).toBe(1)
    keep()
    expect(control.fileWanted).toBe(wanted)
    log.close()
  })

  test("asks for none and deletes all but one where room is short", () => {
    const { log, control, keep } = kept(0)
    keep()
    expect(control.fileWanted).toBe(0)
    for (let i = 0; i < 5; i++) log.spare()
    for (let i = 0; i < 9; i++) keep()
    expect(log.spares).toBe(1)
    log.close()
  })

  test("keeps as many spare files as is kept for replicas, and four times as many under load", () => {
    const { log, keep } = kept(2 * logSegmentFileBytes)
    for (let i = 0; i < 12; i++) log.spare()
    for (let i = 0; i < 20; i++) keep()
    expect(log.spares).toBe(8)
    for (let i = 0; i < 20; i++) keep(true)
    expect(log.spares).toBe(2)
    log.close()
  })

  test("tells readers what is cut, and never cuts the batch that the table ends with", () => {
    const { log, control, keep } = kept(0)
    for (let i = 0; i < 60; i++) log.append(64)
    control.cutBatch = 33
    keep()
    expect(control.firstBatch).toBeGreaterThan(20)
    expect(control.firstBatch).toBeLessThanOrEqual(33)
    expect(log.writer.firstBatch).toBe(control.firstBatch)
    log.first = control.firstBatch
    log.check()
    log.close()
  })
})
