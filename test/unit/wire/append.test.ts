/** What is written by hand is bounded as what the codecs put together is. */
import { expect, test } from "vitest"
import { slotsMax } from "../../../src/core/lib/limits.ts"
import type { DataBody } from "../../../src/core/node/data-message.ts"
import { decodePeerFrame, writeData } from "../../../src/wire/peer/frame.ts"
import { Writer } from "../../../src/wire/writer.ts"

const segment = { slot: 0, slotEpoch: 1, previousEpoch: 1, previousSequence: 0, commitSequence: 0, count: 0 }
const acknowledgement = { slot: 0, slotEpoch: 1, sequence: 0, committedSequence: 0 }
const bodies: Record<string, (length: number) => DataBody> = {
  append: (length) => ({
    kind: "append",
    number: 1,
    segments: Array.from({ length }, () => segment),
    records: new Uint8Array(0),
  }),
  appended: (length) => ({
    kind: "appended",
    number: 1,
    acknowledged: Array.from({ length }, () => acknowledgement),
    refused: [],
  }),
}

for (const [name, bodyOf] of Object.entries(bodies))
  test(`${name}: of as many slots as there can be, and of no more`, () => {
    const decoded = (length: number) => {
      const writer = new Writer()
      const head = { clusterId: "c", from: { storageId: "s1", boot: 1 }, to: "s0", epoch: 1 }
      writeData(writer, { ...head, body: bodyOf(length) })
      return decodePeerFrame(writer.bytes, 4, writer.position)
    }
    expect(decoded(slotsMax)).toMatchObject({ kind: "data", message: { body: { kind: name, number: 1 } } })
    expect(decoded(slotsMax + 1)).toEqual({ kind: "malformed" })
  })
