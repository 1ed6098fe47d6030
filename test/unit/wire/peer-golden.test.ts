/**
 * The memory of the wire between nodes and of `meta.db`: what was once sent or stored is read for ever, and written the same.
 * To add one, append it to `peer.json`; rows that are there never change.
 */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import type { DurableRecord, PeerMessage } from "../../../src/core/member/event.ts"
import { decodePeerFrame, writeControl } from "../../../src/wire/peer/frame.ts"
import { decodeRecords, encodeRecord } from "../../../src/wire/peer/record.ts"
import { Writer } from "../../../src/wire/writer.ts"
import { bodyKinds } from "../../property/wire/peer-messages.ts"

interface GoldenMessage {
  readonly name: string
  readonly message: PeerMessage
  readonly frame: string
}
type GoldenRecord = DurableRecord & { readonly name: string; readonly bytes: string }

const text = readFileSync(new URL("../../fixtures/wire/peer.json", import.meta.url), "utf8")
const rows = JSON.parse(text) as (GoldenMessage | GoldenRecord)[]
const messages = rows.filter((row): row is GoldenMessage => "message" in row)
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

describe("records of membership", () => {
  it.each(records)("$name", (row) => {
    const { key, value, bytes } = row
    const stored = new Map([[key, new Uint8Array(Buffer.from(bytes, "hex"))]])
    expect(decodeRecords(stored, false)).toMatchObject({ [key]: value })
    expect(Buffer.from(encodeRecord({ key, value } as DurableRecord)).toString("hex")).toBe(bytes)
  })
})
