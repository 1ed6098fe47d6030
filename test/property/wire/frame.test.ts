/** The frame reader against a slow model, for every way of cutting a stream into chunks. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { frameBufferBytesMin, frameBufferKeptBytesMax } from "../../../src/core/lib/limits.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import { joined, parameters } from "./hostile.ts"

const frameBytesMax = 1000

function framed(content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + content.length)
  new DataView(bytes.buffer).setUint32(0, content.length, true)
  bytes.set(content, 4)
  return bytes
}

/** What a stream holds, by looking at all of it at once. */
function framesOf(stream: Uint8Array): { frames: Uint8Array[]; tooLong: boolean } {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength)
  const frames: Uint8Array[] = []
  let at = 0
  while (stream.length - at >= 4) {
    const length = view.getUint32(at, true)
    if (length > frameBytesMax) return { frames, tooLong: true }
    if (stream.length - at - 4 < length) break
    frames.push(stream.slice(at + 4, at + 4 + length))
    at += 4 + length
  }
  return { frames, tooLong: false }
}

const frame = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 30 }).map(framed) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 200, max: frameBytesMax }).map((n) => framed(new Uint8Array(n).fill(n))),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) },
)
const stream = fc.array(frame, { maxLength: 12 }).map((frames) => joined(...frames))
const cuts = fc.oneof(
  fc.constant([0]),
  fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 20 }),
  fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: 1, maxLength: 4 }),
)

/** Pieces of the stream in turn of these lengths; where all are 0, one piece. */
function* piecesOf(bytes: Uint8Array, lengths: readonly number[]): Generator<Uint8Array> {
  if (lengths.every((length) => length === 0)) return yield bytes
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] as number
    yield bytes.subarray(at, at + length)
    at += length
  }
}

describe("frame reader", () => {
  it("finds the same frames however the stream is cut", () => {
    fc.assert(
      fc.property(stream, cuts, (bytes, lengths) => {
        const expected = framesOf(bytes)
        const reader = new FrameReader(frameBytesMax)
        const frames: Uint8Array[] = []
        let arrived = 0
        let state: number = frameState.starved
        for (const piece of piecesOf(bytes, lengths)) {
          arrived += piece.length
          // Nothing of a chunk as small as this is needed once the reader is starved: it is overwritten here.
          const chunk = new Uint8Array(piece.length + 8).fill(0xee)
          chunk.set(piece, 4)
          reader.push(chunk, 4, 4 + piece.length)
          while ((state = reader.next()) === frameState.whole) {
            frames.push(reader.bytes.slice(reader.start, reader.end))
          }
          chunk.fill(0xdd)
          expect(reader.heldBytes).toBeLessThanOrEqual(Math.max(2 * arrived, frameBufferBytesMin))
          if (state === frameState.tooLong) break
        }
        expect(frames).toEqual(expected.frames)
        expect(state === frameState.tooLong).toBe(expected.tooLong)
      }),
      parameters,
    )
  })

  it("finds the same frames when chunks come before the last one was read, or are held", () => {
    fc.assert(
      fc.property(stream, cuts, fc.infiniteStream(fc.nat(3)), (bytes, lengths, choices) => {
        const expected = framesOf(bytes)
        const reader = new FrameReader(frameBytesMax)
        const frames: Uint8Array[] = []
        const take = (count: number) => {
          for (let i = 0; i < count && reader.next() === frameState.whole; i++) {
            frames.push(reader.bytes.slice(reader.start, reader.end))
          }
        }
        for (const piece of piecesOf(bytes, lengths)) {
          const chunk = piece.slice()
          reader.push(chunk)
          take(choices.next().value)
          reader.hold()
          chunk.fill(0xdd)
        }
        take(Number.POSITIVE_INFINITY)
        expect(frames).toEqual(expected.frames)
        expect(reader.next() === frameState.tooLong).toBe(expected.tooLong)
      }),
      parameters,
    )
  })

  it("keeps little memory once a large frame is read", () => {
    const reader = new FrameReader(2 ** 20)
    const bytes = framed(new Uint8Array(2 ** 19))
    for (const piece of piecesOf(bytes, [1000])) {
      reader.push(piece)
      reader.next()
    }
    expect(reader.end - reader.start).toBe(2 ** 19)
    expect(reader.next()).toBe(frameState.starved)
    expect(reader.heldBytes).toBeLessThanOrEqual(frameBufferKeptBytesMax)
  })
})
