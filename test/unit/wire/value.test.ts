import { encode } from "@msgpack/msgpack"
import { describe, expect, it } from "vitest"
import { documentBytesMax, documentDepthMax, documentValuesMax } from "../../../src/core/lib/limits.ts"
import { integer64 } from "../../../src/wire/status.ts"
import { decodeArray, decodeValue, malformed } from "../../../src/wire/value.ts"
import { Writer, type Value } from "../../../src/wire/writer.ts"

function valueOf(...bytes: readonly number[]): unknown {
  return decodeValue(Uint8Array.from(bytes), 0, bytes.length)
}

function nested(depth: number, wrap: (value: Value) => Value): Value {
  let value: Value = 1
  for (let i = 0; i < depth; i++) value = wrap(value)
  return value
}

function decoded(value: unknown): unknown {
  const bytes = encode(value, { maxDepth: 1000 })
  return decodeValue(bytes, 0, bytes.length)
}

describe("decodeValue", () => {
  it.each([
    ["nothing", []],
    ["the byte that is never used", [0xc1]],
    ["an extension", [0xd4, 0x01, 0x00]],
    ["a timestamp", [0xd6, 0xff, 0, 0, 0, 0]],
    ["two values", [0x01, 0x02]],
    ["a string that is not UTF-8", [0xa1, 0xff]],
    ["a string behind the end", [0xa2, 0x61]],
    ["a huge string that is not there", [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ["a huge array that is not there", [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["a huge map that is not there", [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ["a huge byte string that is not there", [0xc6, 0xff, 0xff, 0xff, 0xff, 0x00]],
    ["a key that is an integer", [0x81, 0x01, 0x01]],
    ["a key that comes twice", [0x82, 0xa1, 0x61, 0x01, 0xa1, 0x61, 0x02]],
    ["an integer above 2^53 - 1", [0xcf, 0x00, 0x20, 0, 0, 0, 0, 0, 0]],
    ["an integer below -(2^53 - 1)", [0xd3, 0xff, 0xe0, 0, 0, 0, 0, 0, 0]],
    ["half a float", [0xcb, 0x00]],
  ])("refuses %s", (_what, bytes) => {
    expect(valueOf(...bytes)).toBe(malformed)
  })

  it("reads the largest and the smallest integer", () => {
    expect(valueOf(0xcf, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)).toBe(Number.MAX_SAFE_INTEGER)
    expect(valueOf(0xd3, 0xff, 0xe0, 0, 0, 0, 0, 0, 1)).toBe(Number.MIN_SAFE_INTEGER)
  })

  it("nests as deep as allowed, and no deeper", () => {
    for (const wrap of [(value: Value) => [value], (value: Value) => ({ a: value })]) {
      expect(decoded(nested(documentDepthMax, wrap))).toEqual(nested(documentDepthMax, wrap))
      expect(decoded(nested(documentDepthMax + 1, wrap))).toBe(malformed)
    }
    expect(valueOf(...new Uint8Array(100_000).fill(0x91))).toBe(malformed)
  })

  it("makes as many values as allowed, and no more", () => {
    const most = Array.from({ length: documentValuesMax - 1 }, () => 0)
    expect(decoded(most)).toHaveLength(documentValuesMax - 1)
    expect(decoded([...most, 0])).toBe(malformed)
  })

  it("takes no longer document than allowed", () => {
    const bytes = encode(new Uint8Array(documentBytesMax - 5))
    expect(bytes.length).toBe(documentBytesMax)
    expect(decodeValue(bytes, 0, bytes.length)).toHaveLength(documentBytesMax - 5)
    const longer = encode(new Uint8Array(documentBytesMax - 4))
    expect(decodeValue(longer, 0, longer.length)).toBe(malformed)
  })

  it("gives `__proto__` no meaning", () => {
    const bytes = Uint8Array.of(0x81, 0xa9, ...new TextEncoder().encode("__proto__"), 0x81, 0xa1, 0x61, 0x01)
    const value = decodeValue(bytes, 0, bytes.length) as object
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value)).toEqual(["__proto__"])
    expect("a" in value).toBe(false)
  })

  it("copies byte strings: the frame's memory is used again", () => {
    const bytes = Uint8Array.of(0xc4, 0x01, 0x07)
    const value = decodeValue(bytes, 0, 3) as Uint8Array
    bytes.fill(0)
    expect(value).toEqual(Uint8Array.of(7))
  })

  it("decodeArray takes an array and nothing else", () => {
    expect(decodeArray(Uint8Array.of(0x92, 1, 2), 0, 3)).toEqual([1, 2])
    expect(decodeArray(Uint8Array.of(0x80), 0, 1)).toBeUndefined()
    expect(decodeArray(Uint8Array.of(0x92, 1), 0, 2)).toBeUndefined()
  })
})

describe("writer", () => {
  it.each([31, 32, 255, 256, 65535, 65536])("writes strings of %i bytes as the library does", (length) => {
    for (const text of [
      "a".repeat(length),
      "é".repeat(length / 2),
      "€".repeat(length / 3),
      "𝄞".repeat(length / 4),
    ]) {
      const writer = new Writer(8)
      writer.string(text)
      expect(writer.copy()).toEqual(encode(text))
    }
  })

  it.each([15, 16, 65535, 65536])(
    "writes lists, maps and byte strings of %i as the library does",
    (count) => {
      const list = Array.from({ length: count }, (_, index) => index)
      for (const value of [list, Object.fromEntries(list.map((n) => [`k${n}`, n])), new Uint8Array(count)]) {
        const writer = new Writer(8)
        writer.value(value)
        expect(writer.copy()).toEqual(encode(value))
      }
    },
  )

  it("writes integers on both sides of each width as the library does", () => {
    const edges = [2 ** 5, 2 ** 7, 2 ** 8, 2 ** 15, 2 ** 16, 2 ** 31, 2 ** 32, 2 ** 53 - 2]
    const around = edges.flatMap((edge) => [edge - 1, edge, edge + 1])
    for (const value of [0, ...around, ...around.map((each) => -each)]) {
      const writer = new Writer(8)
      writer.number(value)
      expect(writer.copy()).toEqual(encode(value))
      expect(decodeValue(writer.bytes, 0, writer.position)).toBe(value)
    }
  })

  it("refuses what is no value: a programmer's error", () => {
    expect(() => new Writer().value(undefined as unknown as Value)).toThrow("a value of a document")
    expect(() => new Writer().value({ a: undefined as unknown as Value })).toThrow("a value of a document")
  })

  it("writes 64-bit figures exactly", () => {
    expect(integer64(2n ** 64n - 1n)).toBe("18446744073709551615")
    expect(integer64(Number.MAX_SAFE_INTEGER)).toBe("9007199254740991")
  })
})
