/** What goes together in one append: a frame bounds it, and one record may be as long as a frame allows. */
import { describe, expect, it } from "vitest"
import {
  appendBytesMax,
  contentBytesMax,
  peerFrameBytesMax,
  peerWindowBytes,
} from "../../../src/core/lib/limits.ts"
import { RecordView } from "../../../src/core/entry/record.ts"
import type { Append, DataMessage } from "../../../src/core/node/data-message.ts"
import { Follower } from "../../../src/core/replication/follower.ts"
import { sendRecord } from "../../../src/core/replication/primary.ts"
import { Replication } from "../../../src/core/replication/replication.ts"
import { decodePeerFrame, writeData } from "../../../src/wire/peer/frame.ts"
import { Writer } from "../../../src/wire/writer.ts"
import { latin1, MapMemory } from "../../support/map-memory.ts"
import { ArraySink } from "../../support/data-rig.ts"

const slotCount = 4096
/** The longest record: header, client, alias, the content, and the one that it replaced, which the client is told. */
const longest = 2 * contentBytesMax + 4096

function primary() {
  const replication = new Replication({
    memory: new MapMemory(),
    log: new ArraySink(),
    text: latin1,
    slotCount,
  })
  const sent: DataMessage[] = []
  const identity = { nodeId: "1-1-1-1", storageId: "a", boot: 1, address: "n0:2836" }
  replication.self = identity
  replication.host = { sendData: (_: string, message: DataMessage) => sent.push(message) } as never
  const peer = replication.peer("b")
  peer.address = "n1:2836"
  const followers = replication.slots.map((slot) => new Follower(slot, peer, 1, false))
  const send = (slot: number, length: number) => {
    const bytes = new Uint8Array(length)
    new DataView(bytes.buffer).setUint32(0, length, true)
    sendRecord(replication, followers[slot] as Follower, new RecordView().at(bytes, 0))
  }
  const ask = (slot: number) => peer.segmentOf(followers[slot] as Follower)
  const appends = () => {
    replication.sendAppend(peer)
    return sent.map(({ body }) => body as Append)
  }
  return { send, ask, appends, sent, peer }
}

function frameBytes(message: DataMessage): number {
  const writer = new Writer()
  writeData(writer, message)
  return writer.position - 4
}

describe("an append", () => {
  it("takes the longest record alone, whatever waits in front of it", () => {
    const { send, ask, appends, sent } = primary()
    for (let slot = 1; slot < slotCount; slot++) ask(slot)
    send(0, appendBytesMax - 8)
    send(0, longest)
    send(0, 104)
    expect(appends().map(({ records, segments }) => [segments.length, records.length])).toEqual([
      [slotCount, appendBytesMax - 8],
      [1, longest],
      [1, 104],
    ])
    const writer = new Writer()
    writeData(writer, sent[1] as DataMessage)
    const decoded = decodePeerFrame(writer.bytes, 4, writer.position)
    expect(decoded.kind).toBe("data")
    expect(Math.max(...sent.map(frameBytes))).toBeLessThanOrEqual(peerFrameBytesMax)
  })

  it("is sent when it is full, and holds no more", () => {
    const { send, appends, peer } = primary()
    for (let i = 0; i < 6; i++) send(i, (appendBytesMax / 8) * 3)
    expect(appends().map(({ segments }) => segments.length)).toEqual([2, 2, 2])
    expect(peer.hasRoom).toBe(true)
    send(0, peerWindowBytes)
    expect(peer.hasRoom).toBe(false)
  })
})
