import { describe, expect, it } from "vitest"
import { frameBytesMax, framePieceBytes, helloFrameBytesMax } from "../../../src/core/lib/limits.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"

const header = (length: number) => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, length, true)
  return bytes
}

describe("frame reader", () => {
  it("gives a frame that lies in one chunk where it lies", () => {
    const reader = new FrameReader()
    const chunk = Uint8Array.of(9, 9, 2, 0, 0, 0, 7, 8, 1, 0, 0, 0, 5, 9)
    reader.push(chunk, 2, 13)
    expect(reader.next()).toBe(frameState.whole)
    expect(reader.bytes).toBe(chunk)
    expect([reader.start, reader.end]).toEqual([6, 8])
    expect(reader.next()).toBe(frameState.whole)
    expect(reader.bytes).toBe(chunk)
    expect([reader.start, reader.end]).toEqual([12, 13])
    expect(reader.next()).toBe(frameState.starved)
    expect(reader.heldBytes).toBe(0)
  })

  it("refuses a length above the bound at once, whatever follows, and for ever", () => {
    const reader = new FrameReader()
    reader.push(header(helloFrameBytesMax + 1))
    expect(reader.next()).toBe(frameState.tooLong)
    expect(reader.heldBytes).toBe(0)
    reader.push(Uint8Array.of(1, 0, 0, 0, 5))
    expect(reader.next()).toBe(frameState.tooLong)
  })

  it("takes frames of exactly the bound", () => {
    const reader = new FrameReader()
    reader.push(header(helloFrameBytesMax))
    expect(reader.next()).toBe(frameState.starved)
    reader.push(new Uint8Array(helloFrameBytesMax))
    expect(reader.next()).toBe(frameState.whole)
    expect(reader.end - reader.start).toBe(helloFrameBytesMax)
  })

  it("allocates for what has arrived, not for what was announced", () => {
    const reader = new FrameReader(frameBytesMax)
    reader.push(header(frameBytesMax))
    expect(reader.next()).toBe(frameState.starved)
    expect(reader.heldBytes).toBeLessThanOrEqual(256)
    reader.push(new Uint8Array(10_000))
    expect(reader.next()).toBe(frameState.starved)
    expect(reader.heldBytes).toBeLessThanOrEqual(2 * 10_004)
  })

  it("reads frames behind the hello in the same chunk under the new bound", () => {
    const reader = new FrameReader()
    const large = helloFrameBytesMax + 100
    const chunk = new Uint8Array(4 + 1 + 4 + large)
    chunk.set(header(1))
    chunk.set(header(large), 5)
    reader.push(chunk)
    expect(reader.next()).toBe(frameState.whole)
    reader.limit(frameBytesMax)
    expect(reader.next()).toBe(frameState.whole)
    expect(reader.end - reader.start).toBe(large)
  })

  it("refuses a range outside of the chunk: a programmer's error", () => {
    const reader = new FrameReader()
    expect(() => reader.push(new Uint8Array(4), 0, 5)).toThrow("range")
    expect(() => reader.push(new Uint8Array(4), 3, 2)).toThrow("range")
  })

  const longBody = 9 * framePieceBytes + 12_345
  /** Steps of one length, and single bytes around each place where a piece begins. */
  const steps = (step: number) => (at: number) => {
    const edge = Math.round(at / framePieceBytes) * framePieceBytes
    if (Math.abs(at - edge) < 4) return 1
    return edge > at ? Math.min(step, edge - 3 - at) : step
  }

  it.each([997, framePieceBytes - 5, framePieceBytes, 300_000, 524_288].map((step) => [step] as const))(
    "joins a frame of many pieces that arrives by %i bytes, and holds no more than twice of it",
    (step) => {
      const frame = new Uint8Array(4 + longBody)
      frame.set(header(longBody))
      for (let at = 4; at < frame.length; at++) frame[at] = (at * 31) >> 3
      let turn = 0
      const mixed = () => (turn++ % 3 === 0 ? 5 : step)
      for (const lengthAt of [() => step, steps(step), mixed]) {
        const reader = new FrameReader(longBody)
        for (let at = 0, next; at < frame.length; at = next) {
          next = Math.min(frame.length, at + lengthAt(at))
          reader.push(frame.slice(at, next))
          expect(reader.next()).toBe(next === frame.length ? frameState.whole : frameState.starved)
          if (next < frame.length) expect(reader.heldBytes).toBeLessThanOrEqual(Math.max(2 * next, 256))
        }
        expect([reader.start, reader.end]).toEqual([4, frame.length])
        expect(Buffer.compare(reader.bytes.subarray(0, reader.end), frame)).toBe(0)
        reader.push(Uint8Array.of(1, 0, 0, 0, 5))
        expect(reader.next()).toBe(frameState.whole)
        expect(reader.heldBytes).toBe(0)
      }
    },
  )

  it.each([70_000, 150_000, 300_000, 524_288].map((step) => [step] as const))(
    "finds frames one behind another, long and short, that arrive by %i bytes",
    (step) => {
      const lengths = [200_000, 3, 70_000, 400_000, 0, 65_536, 131_072, 1_000_000, 5]
      const frames = lengths.map((length, i) => new Uint8Array(length).fill(i + 1))
      const stream = Buffer.concat(frames.flatMap((frame) => [header(frame.length), frame]))
      const reader = new FrameReader(frameBytesMax)
      const found: Uint8Array[] = []
      for (let at = 0; at < stream.length; at += step) {
        // As the system hands them over: each with memory of its own.
        reader.push(Uint8Array.from(stream.subarray(at, at + step)))
        while (reader.next() === frameState.whole) found.push(reader.bytes.slice(reader.start, reader.end))
        reader.hold()
      }
      expect(found.map(({ length }) => length)).toEqual(lengths)
      for (const [i, frame] of found.entries()) expect(Buffer.compare(frame, frames[i] as Uint8Array)).toBe(0)
    },
  )

  it("never copies megabytes for a frame that has not ended", () => {
    const reader = new FrameReader(frameBytesMax)
    reader.push(header(frameBytesMax))
    expect(reader.next()).toBe(frameState.starved)
    const chunkBytes = framePieceBytes - 1
    for (let arrived = 4 + chunkBytes; arrived < 20 * 2 ** 20; arrived += chunkBytes) {
      const before = reader.heldBytes
      reader.push(new Uint8Array(chunkBytes))
      expect(reader.next()).toBe(frameState.starved)
      expect(reader.heldBytes - before).toBeLessThanOrEqual(2 * framePieceBytes)
    }
  })

  it("keeps a large chunk as it is, until the frame is whole", () => {
    const head = new Uint8Array(framePieceBytes)
    const parts = () =>
      [framePieceBytes, 3 * framePieceBytes, 7].map((length) => new Uint8Array(length).fill(length % 251))
    const chunks = parts()
    const body = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    head.set(header(head.length - 4 + body))
    const reader = new FrameReader(frameBytesMax)
    reader.push(head)
    expect(reader.next()).toBe(frameState.starved)
    for (const chunk of chunks.slice(0, 2)) {
      const before = reader.heldBytes
      reader.push(chunk)
      expect(reader.next()).toBe(frameState.starved)
      expect(reader.heldBytes - before).toBe(chunk.length)
    }
    reader.push(chunks[2] as Uint8Array)
    expect(reader.next()).toBe(frameState.whole)
    expect(Buffer.compare(reader.bytes, Buffer.concat([head, ...parts()]))).toBe(0)
    expect(chunks.map(({ length }) => length)).toEqual([0, 0, 7])
  })

  it("does not give back the memory of a chunk that is a view of something larger", () => {
    const frame = new Uint8Array(4 * framePieceBytes)
    frame.set(header(frame.length - 4))
    const reader = new FrameReader(frameBytesMax)
    reader.push(frame.subarray(0, framePieceBytes))
    expect(reader.next()).toBe(frameState.starved)
    reader.push(frame.subarray(framePieceBytes))
    expect(reader.next()).toBe(frameState.whole)
    expect(frame.length).toBe(4 * framePieceBytes)
  })

  it("does not keep a large chunk for the little of it that belongs to an unfinished frame", () => {
    const first = new Uint8Array(4 + 4 * framePieceBytes)
    first.set(header(first.length - 4))
    const chunk = new Uint8Array(first.length + 2 * framePieceBytes)
    chunk.set(first)
    chunk.set(header(frameBytesMax), first.length)
    const reader = new FrameReader(frameBytesMax)
    reader.push(chunk)
    expect(reader.next()).toBe(frameState.whole)
    expect(reader.next()).toBe(frameState.starved)
    expect(reader.heldBytes).toBe(2 * framePieceBytes)
  })

  it("gives the memory of a long frame back when it is read, and when the connection is gone", () => {
    const body = 100 * 1024
    const half = new Uint8Array(4 + body / 2)
    new DataView(half.buffer).setUint32(0, body, true)
    const reader = new FrameReader(body)
    reader.push(half)
    expect(reader.next()).toBe(frameState.starved)
    reader.push(new Uint8Array(body / 2))
    expect(reader.next()).toBe(frameState.whole)
    const { buffer } = reader.bytes
    expect(buffer.byteLength).toBeGreaterThan(body)
    expect(reader.next()).toBe(frameState.starved)
    expect(buffer.byteLength).toBe(0)

    reader.push(half)
    expect(reader.next()).toBe(frameState.starved)
    expect(reader.heldBytes).toBeGreaterThan(body / 2)
    reader.close()
    expect(reader.heldBytes).toBe(0)
    expect(reader.next()).toBe(frameState.tooLong)
  })
})
