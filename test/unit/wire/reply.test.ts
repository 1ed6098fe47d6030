import { encode } from "@msgpack/msgpack"
import { describe, expect, it } from "vitest"
import { writerKeptBytesMax } from "../../../src/core/lib/limits.ts"
import { code, errorOf } from "../../../src/wire/errors.ts"
import {
  decodeDocument,
  decodeListPiece,
  decodeReply,
  errorMessage,
  Reply,
  replyKind,
} from "../../../src/wire/reply.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"

const into = new Reply()
function resultOf(message: unknown): number {
  const bytes = encode(message)
  return decodeReply(bytes, 0, bytes.length, into)
}

describe("decodeReply", () => {
  it.each([
    ["no array", 5],
    ["an empty array", []],
    ["no request id", [0]],
    ["a request id above 32 bits", [0, 2 ** 32]],
    ["success with two results", [0, 5, 1, 2]],
    ["a negative integer", [0, 5, -1]],
    ["nil for a result", [0, 5, null]],
    ["an error without a message", [1, 5, "alias_not_found"]],
    ["an error whose name is an integer", [1, 5, 7, "text", false]],
    ["an error whose retry is an integer", [1, 5, "name", "text", 1]],
    ["an error whose message is not UTF-8", [1, 5, "name", Uint8Array.of(0xff), false]],
  ])("refuses %s", (_what, message) => {
    expect(resultOf(message)).toBe(code.protocol_error)
  })

  it("refuses bytes behind a reply", () => {
    for (const message of [
      [0, 5],
      [0, 5, 7],
      [0, 5, Uint8Array.of(1)],
      [1, 5, "name", "text", false],
    ]) {
      const bytes = Uint8Array.of(...encode(message), 0)
      expect(decodeReply(bytes, 0, bytes.length - 1, into)).toBe(0)
      expect(decodeReply(bytes, 0, bytes.length, into)).toBe(code.protocol_error)
    }
  })

  it("reads an error of a newer node: an unknown code keeps its own texts", () => {
    expect(resultOf([4000, 5, "too_new", "Something new.", true])).toBe(0)
    expect([into.kind, into.code, into.retryable]).toEqual([replyKind.error, 4000, true])
    expect(errorMessage(into)).toBe("Something new.")
    expect(errorOf(into.code).name).toBe("internal_error")
  })

  it("reads the catalogue's message where the node sent none", () => {
    expect(resultOf([code.disk_full, 5, "disk_full", "", true])).toBe(0)
    expect(errorMessage(into)).toBe(errorOf(code.disk_full).message)
  })

  it.each([
    ["half a cursor", [0, 5, [], 7, null]],
    ["an empty alias", [0, 5, [new Uint8Array(0)], null, null]],
    ["an alias of 1025 bytes", [0, 5, [new Uint8Array(1025)], null, null]],
    ["a slot above 65535", [0, 5, [], 65536, new Uint8Array(0)]],
    ["no list", [0, 5, 1, null, null]],
  ])("refuses a list with %s", (_what, message) => {
    expect(resultOf(message)).toBe(0)
    expect(into.kind).toBe(replyKind.list)
    expect(decodeListPiece(into)).toBeUndefined()
  })

  it("a list that lies about its length ends with the frame", () => {
    const bytes = Uint8Array.of(0x95, 0x00, 0x05, 0xdd, 0xff, 0xff, 0xff, 0xff, 0xa1, 0x61)
    expect(decodeReply(bytes, 0, bytes.length, into)).toBe(0)
    expect(decodeListPiece(into)).toBeUndefined()
  })

  it("gives no document for what is none", () => {
    for (const broken of [
      [0x93, 0x00, 0x05, 0x81],
      [0x93, 0x00, 0x05, 0x81, 0x01, 0x01],
    ]) {
      const bytes = Uint8Array.from(broken)
      expect(decodeReply(bytes, 0, bytes.length, into)).toBe(0)
      expect(into.kind).toBe(replyKind.document)
      expect(decodeDocument(into)).toBeUndefined()
    }
  })
})

describe("reply writer", () => {
  it("gives a large buffer back, and keeps a small one", () => {
    const writer = new ReplyWriter()
    const small = writer.bytes
    writer.okReply(1)
    writer.clear()
    expect(writer.bytes).toBe(small)
    writer.beginContentReply(1, writerKeptBytesMax)
    writer.clear()
    expect(writer.bytes.length).toBe(4096)
    expect(writer.position).toBe(0)
  })

  it("writes the length of frames that need each of its bytes", () => {
    for (const length of [100, 0x1234, 0x12_3456, 0x102_0304]) {
      const writer = new ReplyWriter()
      writer.beginContentReply(1, length)
      expect(new DataView(writer.bytes.buffer).getUint32(0, true)).toBe(writer.position - 4)
    }
  })

  it("knows the bytes of its list so far", () => {
    const writer = new ReplyWriter()
    writer.beginListReply(1)
    expect(writer.listBytes).toBe(0)
    writer.listAlias(Uint8Array.of(1, 2, 3), 0, 3)
    expect(writer.listBytes).toBe(5)
    writer.endListReply()
    expect(() => writer.endListReply()).toThrow("a list has begun")
    writer.beginListReply(1)
    expect(() => writer.beginListReply(2)).toThrow("one list")
  })

  it("writes lists whose header needs each width", () => {
    const alias = Uint8Array.of(0x61)
    for (const count of [0, 15, 16, 65535, 65536]) {
      const writer = new ReplyWriter()
      writer.beginListReply(1)
      for (let i = 0; i < count; i++) writer.listAlias(alias, 0, 1)
      writer.endListReply()
      expect(writer.copy().subarray(4)).toEqual(
        encode([0, 1, Array.from({ length: count }, () => alias), null, null]),
      )
    }
  })
})
