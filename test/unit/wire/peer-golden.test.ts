/**
 * The memory of the wire between nodes and of `meta.db`: what was once sent or stored is read for ever, and written the same.
 * To add one, append it to `peer.json`; rows that are there never change.
 */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { DurableRecord, PeerMessage } from "../../../src/core/member/event.ts"
import type { DataMessage } from "../../../src/core/node/data-message.ts"
import { decodePeerFrame, writeControl, writeData } from "../../../src/wire/peer/frame.ts"
import { decodeRecords, encodeRecord } from "../../../src/wire/peer/record.ts"
import { Writer } from "../../../src/wire/writer.ts"
import { bodyKinds, dataKinds } from "../../property/wire/peer-messages.ts"

interface GoldenData {
  readonly name: string
  readonly data: DataMessage
  readonly frame: string
}
interface GoldenMessage {
  readonly name: string
  readonly message: PeerMessage
  readonly frame: string
}
type GoldenRecord = DurableRecord & { readonly name: string; readonly bytes: string }

const text = readFileSync(new URL("../../fixtures/wire/peer.json", import.meta.url), "utf8")
/** A byte string stands as `{ hex }`. */
const rows = JSON.parse(text, (_key, value: unknown) =>
  typeof value === "object" && value !== null && "hex" in value && typeof value.hex === "string"
    ? new Uint8Array(Buffer.from(value.hex, "hex"))
    : value,
) as (GoldenMessage | GoldenData | GoldenRecord)[]
const messages = rows.filter((row): row is GoldenMessage => "message" in row)
const datas = rows.filter((row): row is GoldenData => "data" in row)
const records = rows.filter((row): row is GoldenRecord => "key" in row)
const headerBytes = 4

describe("messages between nodes", () => {
  it.each(messages)("$name", ({ message, frame }) => {
    const bytes = Buffer.from(frame, "hex")
    expect(bytes.readUInt32LE(0)).toBe(bytes.length - headerBytes)
    expect(decodePeerFrame(bytes, headerBytes, bytes.length)).toEqual({ kind: "control", message })
    const writer = new Writer()
    writeControl(writer, message)
    expect(Buffer.from(writer.copy()).toString("hex")).toBe(frame)
  })

  it("every kind has one", () => {
    expect([...new Set(messages.map(({ message }) => message.body.kind))].sort()).toEqual(
      [...bodyKinds].sort(),
    )
  })
})

describe("messages about entries", () => {
  it.each(datas)("$name", ({ data, frame }) => {
    const bytes = new Uint8Array(Buffer.from(frame, "hex"))
    expect(decodePeerFrame(bytes, headerBytes, bytes.length)).toEqual({ kind: "data", message: data })
    const writer = new Writer()
    writeData(writer, data)
    expect(Buffer.from(writer.copy()).toString("hex")).toBe(frame)
  })

  it("every kind has one", () => {
    expect([...new Set(datas.map(({ data }) => data.body.kind))].sort()).toEqual([...dataKinds].sort())
  })
})

describe("records of membership", () => {
  it.each(records)("$name", (row) => {
    const { key, value, bytes } = row
    const stored = new Map([[key, new Uint8Array(Buffer.from(bytes, "hex"))]])
    expect(decodeRecords(stored, false)).toMatchObject({ [key]: value })
    expect(Buffer.from(encodeRecord({ key, value } as DurableRecord)).toString("hex")).toBe(bytes)
  })
})
