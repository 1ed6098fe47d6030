/** One row for each rule of the protocol: what is refused, and by which error. */
import { encode } from "@msgpack/msgpack"
import { describe, expect, it } from "vitest"
import { operation } from "../../../src/core/entry/operation.ts"
import { Request } from "../../../src/core/entry/request.ts"
import { expiresAtMsMax, listPieceBytesMax } from "../../../src/core/lib/limits.ts"
import { code, type ErrorName } from "../../../src/wire/errors.ts"
import { decodeRequest } from "../../../src/wire/request.ts"

const client = new Uint8Array(16).fill(7)
const alias = new TextEncoder().encode("city")
const content = Uint8Array.of(1, 2, 3)
const put: readonly unknown[] = [operation.put, 5, 9, 60_000, client, 3, 2, alias, content, 0]
const prefix: readonly unknown[] = [operation.prefix_get, 5, 9, 60_000, alias, 0, new Uint8Array(0), 4096]
const utf8 = (...bytes: number[]) => Uint8Array.from(bytes)

const into = new Request()
function resultOf(message: unknown, limit?: number): number {
  const bytes = encode(message)
  return decodeRequest(bytes, 0, bytes.length, into, limit)
}

const faults: readonly (readonly [string, unknown, ErrorName])[] = [
  ["no array", 5, "protocol_error"],
  ["an empty array", [], "protocol_error"],
  ["no request id", [operation.ping], "protocol_error"],
  ["a request id that is no integer", [operation.ping, "5", 0, 0], "protocol_error"],
  ["a request id above 32 bits", [operation.ping, 2 ** 32, 0, 0], "protocol_error"],
  ["a negative request id", [operation.ping, -1, 0, 0], "protocol_error"],
  ["a fraction", [operation.ping, 5, 0.5, 0], "protocol_error"],
  ["an element too many", [...put, 0], "protocol_error"],
  ["an element too few", put.slice(0, 9), "protocol_error"],
  ["a nil for an alias", put.with(7, null), "protocol_error"],
  ["an integer for a content", put.with(8, 5), "protocol_error"],
  ["opcode 0", [0, 5], "unknown_operation"],
  ["an opcode of another version", [99, 5, { more: true }], "unknown_operation"],
  ["more than five minutes left", put.with(3, 300_001), "invalid_argument"],
  ["a client id of 15 bytes", put.with(4, new Uint8Array(15)), "invalid_argument"],
  ["a client id of 17 bytes", put.with(4, new Uint8Array(17)), "invalid_argument"],
  ["number 0", put.with(5, 0).with(6, 0), "invalid_argument"],
  ["a floor above the number", put.with(6, 4), "invalid_argument"],
  ["an empty alias", put.with(7, utf8()), "invalid_argument"],
  ["an alias of 1025 bytes", put.with(7, new Uint8Array(1025).fill(97)), "invalid_argument"],
  ["a continuation byte alone", put.with(7, utf8(0x61, 0x80)), "invalid_argument"],
  ["an overlong form", put.with(7, utf8(0xc0, 0xaf)), "invalid_argument"],
  ["an overlong form of three bytes", put.with(7, utf8(0xe0, 0x80, 0xaf)), "invalid_argument"],
  ["a surrogate", put.with(7, utf8(0xed, 0xa0, 0x80)), "invalid_argument"],
  ["a character above U+10FFFF", put.with(7, utf8(0xf4, 0x90, 0x80, 0x80)), "invalid_argument"],
  ["half a character", put.with(7, utf8(0x61, 0xe2, 0x82)), "invalid_argument"],
  ["an expiry behind the year 9999", put.with(9, expiresAtMsMax + 1), "invalid_argument"],
  ["a prefix of 1025 bytes", prefix.with(4, new Uint8Array(1025)), "invalid_argument"],
  ["a slot above 65535", prefix.with(5, 65536), "invalid_argument"],
  ["an empty reason", [operation.stop_node, 5, 0, 0, utf8()], "invalid_argument"],
]

describe("decodeRequest", () => {
  it.each(faults)("refuses %s", (_what, message, name) => {
    expect(resultOf(message)).toBe(code[name])
  })

  it("takes contents up to the limit, and no longer ones", () => {
    expect(resultOf(put, 3)).toBe(0)
    expect(resultOf(put, 2)).toBe(code.entry_too_large)
    const removeIf = [operation.remove_if, 5, 9, 0, client, 3, 2, alias, content]
    expect(resultOf(removeIf, 3)).toBe(0)
    expect(resultOf(removeIf, 2)).toBe(code.entry_too_large)
  })

  it("tells a wrong shape before a value at fault", () => {
    expect(resultOf(put.with(7, new Uint8Array(0)).with(9, "never"))).toBe(code.protocol_error)
  })

  it("refuses bytes behind the message", () => {
    const bytes = Uint8Array.of(...encode(put), 0)
    expect(decodeRequest(bytes, 0, bytes.length, into)).toBe(code.protocol_error)
    expect(into.requestId).toBe(5)
  })

  it("takes characters of every length, and 1024 bytes of them", () => {
    for (const text of ["a", "é", "€", "𝄞", "\u{10ffff}", "\ud7ff\ue000", "a\0b"]) {
      expect(resultOf(put.with(7, new TextEncoder().encode(text)))).toBe(0)
      expect(new TextDecoder().decode(into.bytes.subarray(into.aliasStart, into.aliasEnd))).toBe(text)
    }
    expect(resultOf(put.with(7, new TextEncoder().encode("𝄞".repeat(256))))).toBe(0)
  })

  it("does not look whether an alias is reserved", () => {
    expect(resultOf(put.with(7, new TextEncoder().encode("qdb.x")))).toBe(0)
  })

  it("takes a prefix that ends inside of a character, or is empty, and bounds the piece", () => {
    expect(resultOf(prefix.with(4, utf8(0xe2, 0x82)).with(7, 2 ** 40))).toBe(0)
    expect(into.bytesMax).toBe(listPieceBytesMax)
    expect(resultOf(prefix.with(4, utf8()))).toBe(0)
    expect(into.aliasEnd - into.aliasStart).toBe(0)
  })

  it("leaves nothing of the request before", () => {
    expect(resultOf([operation.cas, 5, 9, 100, client, 3, 2, alias, content, content, 77])).toBe(0)
    expect(resultOf(prefix.with(5, 300).with(6, alias))).toBe(0)
    expect(into.cursorSlot).toBe(300)
    expect(resultOf([operation.ping, 6, 1, 2])).toBe(0)
    const fresh = new Request()
    const bytes = encode([operation.ping, 6, 1, 2])
    decodeRequest(bytes, 0, bytes.length, fresh)
    into.bytes = fresh.bytes
    expect(into).toEqual(fresh)
    expect(resultOf("nonsense")).toBe(code.protocol_error)
    expect([into.opcode, into.requestId]).toEqual([0, 0])
  })
})
