import { encode } from "@msgpack/msgpack"
import { describe, expect, it } from "vitest"
import { helloFrameBytesMax } from "../../../src/core/lib/limits.ts"
import { code } from "../../../src/wire/errors.ts"
import { decodeFirstFrame, negotiateVersion, versionRefusal } from "../../../src/wire/hello.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"

const good: readonly unknown[] = [
  "qdb",
  [1, 1],
  "node",
  "0.1.0",
  "cluster",
  ["1-2-3-4", "storage", 7],
  null,
  1_790_000_000_000,
]

function first(message: unknown) {
  const bytes = encode(message)
  return decodeFirstFrame(bytes, 0, bytes.length)
}

describe("decodeFirstFrame", () => {
  it.each([
    ["another protocol", ["amqp", ...good.slice(1)], "no hello of qdb"],
    ["a request", [1, 5, 0, 0], "no hello of qdb"],
    ["no array", "qdb", "no hello of qdb"],
    ["seven elements", good.slice(0, 7), "fewer than eight"],
    ["one version", good.with(1, 1), "no pair"],
    ["versions in the wrong order", good.with(1, [2, 1]), "no range"],
    ["another role", good.with(2, "admin"), "role"],
    ["an endless software version", good.with(3, "x".repeat(129)), "software version"],
    ["a cluster id that is bytes", good.with(4, Uint8Array.of(1)), "cluster id"],
    ["a node without a boot", good.with(5, ["1-2-3-4", "storage"]), "node is not"],
    ["a node that hides", good.with(5, null), "does not say who it is"],
    ["an endless authentication", good.with(6, new Uint8Array(257)), "authentication"],
    ["a clock that is a string", good.with(7, "now"), "clock"],
    ["a frame that is too long", [...good, new Uint8Array(helloFrameBytesMax)], "too long"],
  ])("refuses %s and says why", (_what, message, reason) => {
    const frame = first(message)
    expect(frame.kind).toBe("malformed")
    if (frame.kind === "malformed") expect(frame.reason).toContain(reason)
  })

  it("ignores what a newer version has behind the eighth element", () => {
    expect(first([...good, { more: [1, 2] }])).toEqual(first(good))
    expect(first(good).kind).toBe("hello")
  })

  it("reads a refusal", () => {
    const writer = new ReplyWriter()
    writer.errorReply(code.unsupported_version, 0, versionRefusal(3, 4, 1, 1))
    expect(decodeFirstFrame(writer.bytes, 4, writer.position)).toEqual({
      kind: "refusal",
      code: code.unsupported_version,
      message: "No common protocol version: the peer speaks versions 3 to 4, this node speaks version 1.",
      retryable: false,
    })
  })

  it("finds no version where the ranges do not meet", () => {
    expect(negotiateVersion(2, 3, 1, 1)).toBe(0)
    expect(negotiateVersion(1, 3, 2, 5)).toBe(3)
  })
})
