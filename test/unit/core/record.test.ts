import { describe, expect, it } from "vitest"
import { noResult, recordBytes, recordHeaderBytes, RecordView } from "../../../src/core/entry/record.ts"
import { DataRig } from "../../support/data-rig.ts"

describe("a record", () => {
  it("is the same bytes wherever it is written: nothing of the buffer before shows through", () => {
    // Contents of every length modulo 8, in a buffer full of garbage.
    for (let length = 0; length < 16; length++) {
      const rig = new DataRig()
      rig.ask({ op: "put", alias: "alias", content: "c".repeat(length), number: 1 })
      const bytes = rig.sink.bytes.subarray(8, -8)
      expect(bytes.length).toBe(recordBytes(5, length, noResult))
      expect(bytes.length % 8).toBe(0)
      const padding = bytes.subarray(recordHeaderBytes + 5 + length)
      expect([...padding]).toEqual(new Array(padding.length).fill(0))
      expect(Buffer.from(bytes).toString("hex")).not.toContain("eeee")
      expect([...rig.sink.bytes.subarray(0, 8), ...rig.sink.bytes.subarray(-8)]).toEqual(
        new Array(16).fill(0xee),
      )
    }
  })

  it("of the node's own holds no client", () => {
    const rig = new DataRig()
    rig.do({ op: "put", alias: "a", content: "x", number: 1, expiresMs: rig.now.wallMs + 1 })
    rig.now.wallMs += 1
    rig.do({ op: "get", alias: "a" })
    const bytes = rig.sink.bytes.subarray(8, -8)
    expect([...bytes.subarray(40, 72)]).toEqual(new Array(32).fill(0))
  })

  it("is copied whole and alone, whatever its length and place", () => {
    for (const length of [8, 88, 96, 512, 520, 4_000]) {
      const from = Uint8Array.from({ length: length + 32 }, (_, i) => (i * 7 + 3) & 255)
      new DataView(from.buffer).setUint32(16, length, true)
      const to = new Uint8Array(length + 48).fill(0xee)
      new RecordView().at(from.subarray(8), 8).copyTo(to, new DataView(to.buffer), 24)
      const fence = new Array(24).fill(0xee)
      expect([...to]).toEqual([...fence, ...from.subarray(16, 16 + length), ...fence])
    }
  })
})
