/** The general decoder: total, bounded, and equal to a library's wherever it accepts. */
import { decode, encode } from "@msgpack/msgpack"
import * as fc from "fast-check"
import { Packr, Unpackr } from "msgpackr"
import { describe, expect, it } from "vitest"
import { decodeValue, malformed } from "../../../src/wire/value.ts"
import { type Value, Writer } from "../../../src/wire/writer.ts"
import { guarded, hostile, margin, parameters, surrounded } from "./hostile.ts"
import { encoded, value } from "./messages.ts"

const inputs = hostile(encoded(value))

/** Values in it, itself included. */
function size(of: Value): number {
  if (of === null || typeof of !== "object" || of instanceof Uint8Array) return 1
  const parts = Array.isArray(of) ? of : Object.values(of)
  return parts.reduce((sum: number, part: Value) => sum + size(part), 1)
}

describe("value decoder", () => {
  it("reads what a general library reads, or refuses", () => {
    let accepted = 0
    fc.assert(
      fc.property(inputs, (input) => {
        const read = decodeValue(surrounded(input, 0xc0), margin, margin + input.length)
        if (read === malformed) return
        accepted++
        expect(read).toEqual(decode(input))
        // A value takes a byte at least, so what is built is bounded by what has come.
        expect(size(read)).toBeLessThanOrEqual(input.length)
      }),
      parameters,
    )
    expect(accepted).toBeGreaterThan(1000)
  })

  it("reads nothing outside of its range, and the surroundings change nothing", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const end = margin + input.length
        const read = decodeValue(guarded(surrounded(input, 0xff), margin, end), margin, end)
        expect(decodeValue(surrounded(input, 0x01), margin, end)).toEqual(read)
      }),
      parameters,
    )
  })

  it("reads what the writer writes, which is what the libraries write", () => {
    const packr = new Packr({ useRecords: false, variableMapSize: true })
    const unpackr = new Unpackr({ useRecords: false, int64AsType: "number", mapsAsObjects: true })
    fc.assert(
      fc.property(value, (original) => {
        const writer = new Writer(16)
        writer.value(original)
        const bytes = writer.copy()
        expect(bytes).toEqual(encode(original))
        if (!holdsWide(original)) expect(bytes).toEqual(new Uint8Array(packr.pack(original)))
        if (!holdsProto(original)) expect(plain(unpackr.unpack(bytes))).toEqual(plain(original))
        expect(decodeValue(bytes, 0, bytes.length)).toEqual(original)
      }),
      parameters,
    )
  })
})

/** msgpackr writes integers beyond 32 bits as floats; and keeps -0.0, `__proto__` and buffers its own way. */
function holdsWide(of: Value): boolean {
  if (typeof of === "number") return Number.isSafeInteger(of) && (of >= 2 ** 32 || of < -(2 ** 31))
  if (of === null || typeof of !== "object" || of instanceof Uint8Array) return false
  return (Array.isArray(of) ? of : Object.values(of)).some(holdsWide)
}

function holdsProto(of: Value): boolean {
  if (of === null || typeof of !== "object" || of instanceof Uint8Array) return false
  if (Array.isArray(of)) return of.some(holdsProto)
  return Object.hasOwn(of, "__proto__") || Object.values(of).some(holdsProto)
}

function plain(of: unknown): unknown {
  if (of instanceof Uint8Array) return [...of]
  if (Array.isArray(of)) return of.map(plain)
  if (of === null || typeof of !== "object") return of
  return Object.fromEntries(Object.entries(of).map(([key, item]) => [key, plain(item)]))
}
