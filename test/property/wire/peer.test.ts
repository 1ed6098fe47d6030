/** Messages between nodes and the records of `meta.db`: read back as written, and nothing else is taken. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { DurableRecord, PeerMessage } from "../../../src/core/member/event.ts"
import type { DataMessage } from "../../../src/core/node/data-message.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import {
  decodePeerFrame,
  writeControl,
  writeData,
  writePing,
  writePong,
  writeProof,
} from "../../../src/wire/peer/frame.ts"
import { decodeRecords, encodeRecord } from "../../../src/wire/peer/record.ts"
import { Writer } from "../../../src/wire/writer.ts"
import { guarded, hostile, margin, surrounded } from "./hostile.ts"
import {
  acceptor,
  anyData,
  anyMessage,
  anyView,
  bodyKinds,
  dataKinds,
  dataOf,
  founding,
  messageOf,
} from "./peer-messages.ts"

const parameters = { numRuns: 3000, seed: 20261127 } as const

/** The frame's content, its length left away. */
function frameOf(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer()
  write(writer)
  const reader = new FrameReader(2 ** 26)
  reader.push(writer.bytes, 0, writer.position)
  expect(reader.next()).toBe(frameState.whole)
  return reader.bytes.slice(reader.start, reader.end)
}

const control = (message: PeerMessage) => frameOf((writer) => writeControl(writer, message))
const decode = (bytes: Uint8Array) => decodePeerFrame(bytes, 0, bytes.length)
const data = (message: DataMessage) => frameOf((writer) => writeData(writer, message))
const inputs = hostile(fc.oneof(anyMessage.map(control), anyData.map(data)))

describe("messages between nodes", () => {
  it.each(bodyKinds)("%s is read back as it was written", (kind) => {
    fc.assert(
      fc.property(messageOf(kind), (message) => {
        expect(decode(control(message))).toEqual({ kind: "control", message })
      }),
      { ...parameters, numRuns: 300 },
    )
  })

  it.each(dataKinds)("%s is read back as it was written", (kind) => {
    fc.assert(
      fc.property(dataOf(kind), (message) => {
        expect(decode(data(message))).toEqual({ kind: "data", message })
      }),
      { ...parameters, numRuns: 300 },
    )
  })

  it("any bytes give a frame or `malformed`, by nothing but themselves", () => {
    const kinds = new Map<string, number>()
    fc.assert(
      fc.property(inputs, (input) => {
        const end = margin + input.length
        const frame = decodePeerFrame(guarded(surrounded(input, 0xff), margin, end), margin, end)
        expect(decodePeerFrame(surrounded(input, 0x01), margin, end)).toEqual(frame)
        kinds.set(frame.kind, (kinds.get(frame.kind) ?? 0) + 1)
        // What is taken can be written again and means the same.
        if (frame.kind === "control") expect(decode(control(frame.message))).toEqual(frame)
        if (frame.kind === "data") expect(decode(data(frame.message))).toEqual(frame)
      }),
      parameters,
    )
    for (const kind of ["control", "data", "malformed"]) expect(kinds.get(kind) ?? 0).toBeGreaterThan(100)
  })

  it("a good message followed by anything is none", () => {
    fc.assert(
      fc.property(anyMessage.map(control), fc.uint8Array({ minLength: 1, maxLength: 4 }), (bytes, more) => {
        expect(decode(Uint8Array.of(...bytes, ...more))).toEqual({ kind: "malformed" })
      }),
      { ...parameters, numRuns: 500 },
    )
  })

  it("pings, pongs and proofs", () => {
    expect(decode(frameOf((writer) => writePing(writer, 7)))).toEqual({ kind: "ping", number: 7 })
    expect(decode(frameOf((writer) => writePong(writer, 2 ** 40)))).toEqual({ kind: "pong", number: 2 ** 40 })
    const proof = Uint8Array.from({ length: 32 }, (_, i) => i)
    expect(decode(frameOf((writer) => writeProof(writer, proof)))).toEqual({ kind: "proof", proof })
    const long = new Uint8Array(10_000)
    expect(decode(frameOf((writer) => writeProof(writer, long)))).toEqual({ kind: "malformed" })
  })
})

describe("records of membership on disk", () => {
  const record: fc.Arbitrary<DurableRecord> = fc.oneof(
    anyView.map((value) => ({ key: "view", value }) as const),
    acceptor.map((value) => ({ key: "acceptor", value }) as const),
    founding.map((value) => ({ key: "founding", value }) as const),
  )

  it("are read back as they were written", () => {
    fc.assert(
      fc.property(record, fc.boolean(), (written, unclean) => {
        const stored = new Map([[written.key, encodeRecord(written)]])
        const nothing = { view: undefined, acceptor: undefined, founding: undefined }
        expect(decodeRecords(stored, unclean)).toEqual({ ...nothing, unclean, [written.key]: written.value })
      }),
      { ...parameters, numRuns: 1000 },
    )
  })

  it("any other bytes name the key that cannot be read", () => {
    let refused = 0
    fc.assert(
      fc.property(hostile(acceptor.map((value) => encodeRecord({ key: "acceptor", value }))), (bytes) => {
        const found = decodeRecords(new Map([["acceptor", bytes]]), false)
        if (typeof found === "string") {
          expect(found).toBe("acceptor")
          refused++
        } else if (found.acceptor !== undefined) {
          const again = encodeRecord({ key: "acceptor", value: found.acceptor })
          expect(decodeRecords(new Map([["acceptor", again]]), false)).toEqual(found)
        }
      }),
      parameters,
    )
    expect(refused).toBeGreaterThan(1000)
  })
})
