/**
 * The wire's memory: messages that once were sent are read for ever, and opcodes, error codes and the bytes of a message
 * never change. All three lists only grow.
 *
 * To add a message, append it to `golden.json` with an empty `frame`; the failure says the frame. Then append a row to
 * `frozenPrefixes` with the count and the digest that the failure says.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { encode } from "@msgpack/msgpack"
import { describe, expect, it } from "vitest"
import { operation } from "../../../src/core/entry/operation.ts"
import { Request } from "../../../src/core/entry/request.ts"
import { helloFrameBytesMax } from "../../../src/core/lib/limits.ts"
import { code, type ErrorName, errorTable } from "../../../src/wire/errors.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import { decodeFirstFrame, writeHello } from "../../../src/wire/hello.ts"
import { decodeDocument, decodeListPiece, decodeReply, Reply, replyKind } from "../../../src/wire/reply.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"
import { decodeRequest } from "../../../src/wire/request.ts"
import { RequestWriter } from "../../../src/wire/request-writer.ts"
import { topologyOf } from "../../../src/wire/topology.ts"
import { type Value, Writer } from "../../../src/wire/writer.ts"
import { writeReply, writeRequest } from "../../property/wire/write.ts"
import { bytesOf, type Golden, hexOf, valueOf } from "./golden.ts"

const text = readFileSync(new URL("../../fixtures/wire/golden.json", import.meta.url), "utf8")
const golden = JSON.parse(text) as Golden[]

/** How many messages there were, and the SHA-256 of their lines: rows are appended, none is changed. */
const frozenPrefixes: readonly (readonly [count: number, digest: string])[] = [
  [51, "5d14274dd56b9d717af234df4f86fe2d06e56200b8f22d2ad8bacc71b2a98cbb"],
  [52, "b0f913db947e24dc90a3491de3c5e5ee6cbb206bd7f32788aaa14d079030a0e6"],
  [58, "de00a66e2350d14258bbd8f4e3b4c398375c5f19ef78b2ab9f6f206dcc73246f"],
  [59, "9d9689de1932adb7df393aca378f15de151cf4d7d22f5eecae305ff099b21d7b"],
]

// oxfmt-ignore
const frozenOpcodes = [
  "ping 1",
  "get 2",
  "put 3",
  "update 4",
  "remove 5",
  "get_update 6",
  "get_remove 7",
  "cas 8",
  "remove_if 9",
  "expires_at 10",
  "expires_from_now 11",
  "get_expiry 12",
  "prefix_get 13",
  "node_status 14",
  "node_config 15",
  "node_topology 16",
  "stop_node 17",
  "cluster_status 18",
  "cluster_plan 19",
  "cluster_remove_node 20",
  "cluster_recover 21",
  "cluster_set 22",
  "slots_list 23",
]

// oxfmt-ignore
const frozenErrors = [
  "alias_not_found 1",
  "alias_already_exists 2",
  "unmatched_content 3",
  "reserved_alias 4",
  "invalid_argument 5",
  "unstable_cluster 6",
  "wrong_node 7",
  "timeout 8",
  "in_doubt 9",
  "disk_full 10",
  "entry_too_large 11",
  "too_many_sessions 12",
  "unsupported_version 13",
  "protocol_error 14",
  "unknown_operation 15",
  "stale_request 16",
  "data_corrupt 17",
  "overloaded 18",
  "shutting_down 19",
  "authentication_failed 20",
  "wrong_cluster 21",
  "operation_disabled 22",
  "connection_refused 23",
  "connection_lost 24",
  "internal_error 25",
  "cancelled 26",
  "factor_would_fall 27",
  "loss_not_accepted 28",
]

const ofKind = (kind: Golden["kind"]) => golden.filter((entry) => entry.kind === kind)

/** The frame's message, out of a reader that gets it in two chunks. */
function messageIn(entry: Golden): Uint8Array {
  const frame = bytesOf(entry.frame)
  const reader = new FrameReader(helloFrameBytesMax)
  reader.push(frame, 0, 5 % frame.length)
  if (reader.next() === frameState.starved) {
    reader.push(frame, 5 % frame.length)
    expect(reader.next()).toBe(frameState.whole)
  }
  return reader.bytes.slice(reader.start, reader.end)
}

describe("golden messages", () => {
  it("are the frozen ones, and none was changed", () => {
    const lines = text.split("\n").slice(1, -2)
    expect(lines).toHaveLength(golden.length)
    for (const [count, digest] of frozenPrefixes) {
      const prefix = lines.slice(0, count).map((line) => line.replace(/,$/, ""))
      expect(createHash("sha256").update(prefix.join("\n")).digest("hex")).toBe(digest)
    }
    expect(frozenPrefixes.at(-1)?.[0], "a new message needs a row of its own").toBe(golden.length)
    expect(new Set(golden.map((entry) => entry.name)).size).toBe(golden.length)
  })

  it.each(golden.filter((entry) => entry.message !== undefined))(
    "$name is what a library encodes",
    (entry) => {
      const body = encode(valueOf(entry.message as Value))
      const frame = new Uint8Array(4 + body.length)
      new DataView(frame.buffer).setUint32(0, body.length, true)
      frame.set(body, 4)
      expect(hexOf(frame)).toBe(entry.frame)
    },
  )

  it.each(ofKind("request"))("$name is written and read", (entry) => {
    const message = valueOf(entry.message as Value) as Value[]
    const writer = new RequestWriter()
    writeRequest(writer, message)
    expect(hexOf(writer.copy())).toBe(entry.frame)
    const body = messageIn(entry)
    const into = new Request()
    expect(decodeRequest(body, 0, body.length, into)).toBe(0)
    expect([into.opcode, into.requestId, into.epoch, into.timeLeftMs]).toEqual(message.slice(0, 4))
  })

  it.each(ofKind("reply"))("$name is written and read", (entry) => {
    const message = valueOf(entry.message as Value) as Value[]
    const body = messageIn(entry)
    const into = new Reply()
    expect(decodeReply(body, 0, body.length, into)).toBe(0)
    expect([into.code, into.requestId]).toEqual(message.slice(0, 2))
    if (into.kind === replyKind.error) {
      // A text may be reworded; its code and name never.
      expect(message[2]).toBe(errorTable.find((error) => error.code === into.code)?.name)
    } else {
      const writer = new ReplyWriter()
      writeReply(writer, message)
      expect(hexOf(writer.copy())).toBe(entry.frame)
    }
    if (into.kind === replyKind.integer) expect(into.integer).toBe(message[2])
    if (into.kind === replyKind.list) expect(decodeListPiece(into)?.aliases).toEqual(message[2])
    if (into.kind === replyKind.document) {
      const document = decodeDocument(into)
      expect(document).toEqual(message[2])
      expect(topologyOf(document ?? {})).toEqual(message[2])
    }
    const content = into.contentStart < 0 ? undefined : body.slice(into.contentStart, into.contentEnd)
    expect(content).toEqual(
      message.slice(2).find((item) => item instanceof Uint8Array && message.length !== 5),
    )
  })

  it.each(ofKind("hello"))("$name is read, and written as it was", (entry) => {
    const body = messageIn(entry)
    const first = decodeFirstFrame(body, 0, body.length)
    expect(first.kind).toBe(entry.name === "hello_refused" ? "refusal" : "hello")
    if (first.kind !== "hello" || entry.name === "hello_future") return
    const writer = new Writer()
    writeHello(writer, first.hello)
    expect(hexOf(writer.copy())).toBe(entry.frame)
  })

  it.each(ofKind("refused"))("$name is refused as it was", (entry) => {
    const body = messageIn(entry)
    expect(decodeRequest(body, 0, body.length, new Request())).toBe(code[entry.error as ErrorName])
  })

  it.each(ofKind("accepted"))("$name is accepted, and means the get of city", (entry) => {
    const body = messageIn(entry)
    const into = new Request()
    expect(decodeRequest(body, 0, body.length, into)).toBe(0)
    expect([into.opcode, into.requestId, into.epoch, into.timeLeftMs]).toEqual([operation.get, 2, 7, 60_000])
    expect(body.slice(into.aliasStart, into.aliasEnd)).toEqual(new TextEncoder().encode("city"))
  })
})

describe("numbers of the wire", () => {
  it("opcodes never change: new ones are appended here", () => {
    expect(Object.entries(operation).map(([name, opcode]) => `${name} ${opcode}`)).toEqual(frozenOpcodes)
  })

  it("error codes never change: new ones are appended here", () => {
    expect(errorTable.map((error) => `${error.name} ${error.code}`)).toEqual(frozenErrors)
  })
})
