import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { recordKind } from "../../../src/core/entry/record.ts"
import { batchHeaderBytes, openBatch, sealBatch } from "../../../src/storage/log/batch.ts"
import { LogControl } from "../../../src/storage/log/control.ts"
import { LogReader } from "../../../src/storage/log/reader.ts"
import { readTail } from "../../../src/storage/log/recover-log.ts"
import { elsewhere, LogRing } from "../../../src/storage/log/ring.ts"
import { segmentHeaderBytes } from "../../../src/storage/log/segment.ts"
import { readWitness, Witness } from "../../../src/storage/log/witness.ts"
import { LogWriter } from "../../../src/storage/log/writer.ts"
import { temporaryDirectory } from "./support/directory.ts"

const directory = temporaryDirectory()

function sealed(
  number: number,
  start: number,
  previous: number,
  length = 64,
): { bytes: Uint8Array; checksum: number } {
  const bytes = new Uint8Array(batchHeaderBytes + length).fill(number)
  return { bytes, checksum: sealBatch(bytes, length, number, start, previous) }
}

describe("a batch", () => {
  test("says what it holds", () => {
    const { bytes, checksum } = sealed(3, 2 ** 40, 77)
    expect(openBatch(bytes, 3)).toEqual({
      number: 3,
      start: 2 ** 40,
      end: 2 ** 40 + 64,
      previous: 77,
      checksum,
    })
    expect(openBatch(bytes, 4)).toBe("holds number 3")
  })

  test("does not open with any bit flipped, or cut", () => {
    const { bytes } = sealed(3, 128, 77)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Uint8Array.from(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
      // The last four bytes of the header mean nothing.
      if (bit >= 36 * 8 && bit < 40 * 8) continue
      expect(typeof openBatch(damaged, 3)).toBe("string")
    }
    for (let length = 0; length < bytes.length; length++)
      expect(typeof openBatch(bytes.subarray(0, length), 3)).toBe("string")
  })
})

describe("the witness", () => {
  test("remembers the last batch, and survives the loss of one copy", () => {
    const path = directory()
    const witness = new Witness(path, true)
    witness.write(1, 11, true)
    witness.write(2 ** 40, 22, true)
    witness.close()
    const expected = { batch: 2 ** 40, checksum: 22, synced: true }
    expect(readWitness(path)).toEqual(expected)
    const file = join(path, "WITNESS")
    const whole = readFileSync(file)
    for (const at of [3, 9, 20, 515, 530]) {
      const damaged = Uint8Array.from(whole)
      damaged[at] = (damaged[at] as number) ^ 4
      writeFileSync(file, damaged)
      expect(readWitness(path)).toEqual(expected)
    }
    writeFileSync(file, new Uint8Array(1024))
    expect(() => readWitness(path)).toThrow(/WITNESS: damaged/)
  })
})

describe("reading the log back", () => {
  const batchBytes = batchHeaderBytes + 64
  const writeLog = (count: number) => {
    const path = directory()
    LogWriter.create(path)
    const log = new LogWriter(path, true, { batch: 0, position: 0, offset: 0 })
    let previous = 0
    for (let number = 1; number <= count; number++) {
      const { bytes, checksum } = sealed(number, (number - 1) * 64, previous)
      log.append(number, bytes, number * 64)
      previous = checksum
    }
    log.close()
    return { path, last: previous }
  }
  const batchOf = (path: string, number: number) => new LogReader(path).from(number, number)[0]?.batch
  const read = async (
    path: string,
    witnessed: number,
    applied = 0,
    synced = true,
    checksum = -1,
    held = applied,
  ) => {
    const bytes = batchOf(path, witnessed)
    const header = bytes === undefined ? undefined : openBatch(bytes, witnessed)
    const own = typeof header === "object" ? header.checksum : 0
    const seen: number[] = []
    const tail = await readTail(
      new LogReader(path),
      { batch: applied, position: applied * 64 },
      held,
      { batch: witnessed, checksum: checksum === -1 ? own : checksum, synced },
      (_records, { number }) => void seen.push(number),
    )
    return { tail, seen }
  }
  const change = (path: string, number: number, batch: Uint8Array) => {
    const file = openSync(join(path, "log-000"), "r+")
    writeSync(file, batch, 0, batch.length, segmentHeaderBytes + (number - 1) * batchBytes)
    closeSync(file)
  }

  test("tells all batches behind the applied one", async () => {
    const { path, last } = writeLog(40)
    const { tail, seen } = await read(path, 40, 17)
    expect(seen).toEqual(Array.from({ length: 23 }, (_, i) => 18 + i))
    expect(tail).toEqual({
      batch: 40,
      position: 40 * 64,
      checksum: last,
      offset: 40 * batchBytes,
      checkedFrom: 17,
      notice: undefined,
    })
    // A batch that was durable and not yet witnessed when the process died.
    expect((await read(path, 39)).tail.batch).toBe(40)
  })

  test("refuses a log that ends before what was acknowledged, unless nothing was promised", async () => {
    const { path } = writeLog(5)
    await expect(read(path, 6)).rejects.toThrow(/log-\*: ends at batch 5, but batch 6 was acknowledged/)
    expect((await read(path, 6, 0, false)).tail.notice).toMatch(/`sync` is false/)
    // Whatever was promised of the end: the table has seen that there was more.
    await expect(read(path, 6, 9, false)).rejects.toThrow(/ends at batch 0, but batch 9 was acknowledged/)
    // One file of the table is enough: it would take what comes next for what it has.
    await expect(read(path, 6, 2, false, -1, 6)).rejects.toThrow(
      /ends at batch 5, but batch 6 was acknowledged/,
    )
    expect((await read(path, 6, 2, false, -1, 5)).tail.batch).toBe(5)
    await expect(read(path, 3, 9)).rejects.toThrow(/log-\*: ends at batch 0, but batch 9 was acknowledged/)
    await expect(read(path, 5, 0, true, 123)).rejects.toThrow(/batch 5 is not the one that was acknowledged/)
  })

  test("refuses gaps, damage and strangers among what was acknowledged", async () => {
    const { path } = writeLog(6)
    const original = (batchOf(path, 4) as Uint8Array).slice()
    const damaged = original.slice()
    damaged[50] = (damaged[50] as number) ^ 1
    change(path, 4, damaged)
    await expect(read(path, 6)).rejects.toThrow(/log-\*: batch 4: checksum does not match/)
    expect((await read(path, 6, 0, false)).tail).toMatchObject({
      batch: 3,
      notice: expect.stringMatching(/batch 4 is cut: .*`sync` is false/),
    })
    expect((await read(path, 6, 1, false, -1, 3)).tail.batch).toBe(3)
    await expect(read(path, 6, 1, false, -1, 4)).rejects.toThrow(/log-\*: batch 4: checksum does not match/)
    change(path, 4, sealed(4, 3 * 64, 1234).bytes)
    await expect(read(path, 6)).rejects.toThrow(/log-\*: batch 4: does not follow/)
    change(path, 4, sealed(9, 3 * 64, 1234).bytes)
    await expect(read(path, 6)).rejects.toThrow(/log-\*: ends at batch 3, but batch 6 was acknowledged/)
    change(path, 4, original)
    expect((await read(path, 6)).seen.length).toBe(6)
    const file = openSync(join(path, "log-000"), "r+")
    writeSync(file, new Uint8Array([1]), 0, 1, 20)
    closeSync(file)
    await expect(read(path, 6)).rejects.toThrow(/log-\*: ends at batch 0, but batch 6 was acknowledged/)
  })

  test("cuts a torn tail that nobody was told of", async () => {
    const { path } = writeLog(6)
    change(path, 6, (batchOf(path, 6) as Uint8Array).fill(9, 60))
    const { tail, seen } = await read(path, 5)
    expect(seen).toEqual([1, 2, 3, 4, 5])
    expect(tail).toMatchObject({ batch: 5, offset: 5 * batchBytes })
    expect(tail.notice).toMatch(/batch 6 was never acknowledged and is cut: checksum does not match/)
    change(path, 6, new Uint8Array(batchHeaderBytes))
    expect((await read(path, 5)).tail).toMatchObject({ batch: 5, offset: 5 * batchBytes, notice: undefined })
    await expect(read(path, 6)).rejects.toThrow(/log-\*: ends at batch 5, but batch 6 was acknowledged/)
  })
})

describe("the ring", () => {
  /** Reads records as the committer does. */
  class Consumer {
    private tail = 0
    private place = 0
    private readonly ring: LogRing
    readonly own = new Map<number, SharedArrayBuffer>()
    readonly segments = new Set<number>()
    private readonly segmentBytes: number
    constructor(size: number, segmentBytes: number) {
      this.segmentBytes = segmentBytes
      this.ring = new LogRing(size, 0, (id, buffer) => void this.own.set(id, buffer), segmentBytes)
    }
    get log() {
      return this.ring
    }
    take(): number[] {
      const view = new DataView(this.ring.shared)
      const seen: number[] = []
      while (this.tail < this.ring.head) {
        const at = this.place
        const length = view.getUint32(at, true)
        const kind = view.getUint8(at + 4)
        this.segments.add(Math.floor(at / this.segmentBytes))
        if (kind === recordKind.padding) {
          this.place = view.getUint32(at + 8, true)
          continue
        }
        this.place = at + length
        if (kind === elsewhere) {
          const buffer = this.own.get(view.getUint32(at + 8, true)) as SharedArrayBuffer
          expect(buffer.byteLength).toBe(view.getUint32(at + 12, true))
          seen.push(new DataView(buffer).getUint32(8, true))
        } else seen.push(view.getUint32(at + 8, true))
        this.tail += length
      }
      expect(this.tail).toBe(this.ring.head)
      return seen
    }
  }

  test("gives every record once and in order, through links, segments used again and buffers of their own", () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc
          .integer({ min: 2, max: 4000 })
          .map((length) => ({ kind: "append" as const, length: length * 8 })),
      },
      {
        weight: 1,
        arbitrary: fc
          .integer({ min: 4000, max: 16_000 })
          .map((length) => ({ kind: "append" as const, length: length * 8 })),
      },
      {
        weight: 1,
        arbitrary: fc
          .integer({ min: 130_000, max: 200_000 })
          .map((length) => ({ kind: "append" as const, length: length * 8 })),
      },
      { weight: 3, arbitrary: fc.constant({ kind: "publish" as const }) },
      { weight: 3, arbitrary: fc.constant({ kind: "take" as const }) },
      { weight: 2, arbitrary: fc.constant({ kind: "release" as const }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const consumer = new Consumer(256 * 1024, 32 * 1024)
        const ring = consumer.log
        const expected: number[] = []
        const seen: number[] = []
        let next = 0
        let bytes = 0
        // The core reads records until it releases them, which is some time after they are on the disk.
        let held: { view: DataView; offset: number; id: number; end: number }[] = []
        let taken = 0
        const release = () => {
          for (const { view, offset, id } of held) expect(view.getUint32(offset + 8, true)).toBe(id)
          ring.release(taken)
          held = held.filter(({ end }) => end > taken)
        }
        for (const each of steps) {
          if (each.kind === "append") {
            const offset = ring.reserve(each.length)
            bytes += each.length
            expect(ring.position).toBe(bytes)
            expect(offset + each.length).toBeLessThanOrEqual(ring.bytes.length)
            // Whoever writes over a record that is not released, or behind one's end, is seen by the consumer.
            ring.bytes.fill(255, offset, offset + each.length)
            ring.view.setUint32(offset, each.length, true)
            ring.view.setUint8(offset + 4, recordKind.entry)
            ring.view.setUint32(offset + 8, next, true)
            held.push({ view: ring.view, offset, id: next, end: bytes })
            expected.push(next++)
          } else if (each.kind === "publish") ring.mark()
          else if (each.kind === "release") release()
          else {
            ring.mark()
            seen.push(...consumer.take())
            taken = bytes
          }
        }
        ring.mark()
        seen.push(...consumer.take())
        expect(seen).toEqual(expected)
        taken = bytes
        release()
        expect(ring.hasRoom(8)).toBe(true)
        expect(ring.hasRoom(256 * 1024)).toBe(false)
      }),
      { numRuns: 400, seed: 3 },
    )
  })

  test("stays within few segments where little is under way, whatever goes through it", () => {
    const consumer = new Consumer(64 * 1024, 4096)
    const ring = consumer.log
    for (let turn = 0; turn < 200; turn++) {
      for (let i = 0; i < 30; i++) {
        const offset = ring.reserve(200)
        ring.view.setUint32(offset, 200, true)
        ring.view.setUint8(offset + 4, recordKind.entry)
      }
      ring.mark()
      consumer.take()
      ring.release(ring.position)
    }
    expect(consumer.segments.size).toBeLessThanOrEqual(3)
  })

  test("puts a record that is longer than a segment into neighbours, as long as there are any", () => {
    const own: number[] = []
    const ring = new LogRing(64 * 1024, 0, (id) => own.push(id), 4096)
    const bytes = 3 * 4096 - 16
    // The first segment is the present one, one is kept for stubs, and 14 are left.
    const offsets = Array.from({ length: 4 }, () => ring.reserve(bytes))
    expect(own).toEqual([])
    expect(new Set(offsets.map((offset) => Math.floor(offset / 4096))).size).toBe(4)
    ring.reserve(bytes)
    expect(own.length).toBe(1)
    ring.reserve(4000)
    expect(own.length).toBe(1)
    expect(ring.bytes.length).toBe(64 * 1024)
    ring.mark()
    ring.release(ring.position)
    // All but the present one are free again, and one long record after the other finds room for ever.
    for (let i = 0; i < 100; i++) {
      ring.reserve(bytes)
      ring.mark()
      ring.release(ring.position)
    }
    expect(own.length).toBe(1)
  })

  test("says when there is no room, and has it again after release", () => {
    const own: number[] = []
    const ring = new LogRing(16 * 1024 * 1024, 0, (id) => own.push(id))
    let appended = 0
    // The worst case: of two records that follow one another, the second never fits behind the first.
    while (ring.hasRoom(64 * 1024)) {
      ring.reserve(64 * 1024)
      appended += 64 * 1024
    }
    expect(appended).toBeGreaterThan(7 * 1024 * 1024)
    // What was promised last, and as much as is appended before the ring is asked again.
    ring.reserve(64 * 1024)
    ring.reserve(64 * 1024)
    expect(own).toEqual([])
    // Nobody asked: what comes now overflows into buffers of its own, and has its stubs in the ring.
    while (own.length === 0) ring.reserve(128 * 1024 - 16)
    for (let i = 1; i < 4096; i++) ring.reserve(128 * 1024 - 16)
    expect(own.length).toBe(4096)
    ring.mark()
    ring.release(ring.position - 1)
    expect(ring.hasRoom(64 * 1024)).toBe(false)
    ring.release(ring.position)
    expect(ring.hasRoom(64 * 1024)).toBe(true)
    ring.reserve(65 * 1024 * 1024)
    expect(ring.hasRoom(66 * 1024 * 1024)).toBe(false)
    ring.mark()
    ring.release(ring.position)
    expect(ring.hasRoom(66 * 1024 * 1024)).toBe(true)
  })
})

describe("figures of commits", () => {
  test("tell shares within a quarter of a power of two", () => {
    const control = new LogControl()
    expect(control.micros(0.5)).toBe(0)
    for (let i = 1; i <= 1000; i++) control.countCommit(i)
    expect(control.commits).toBe(1000)
    expect(control.micros(0.5)).toBeGreaterThanOrEqual(500)
    expect(control.micros(0.5)).toBeLessThan(600)
    expect(control.micros(0.99)).toBeGreaterThanOrEqual(990)
    expect(control.microsMax).toBe(1000)
  })
})
