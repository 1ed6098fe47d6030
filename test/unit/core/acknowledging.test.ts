/** When a replica tells its primary how far it has come, and that an append has arrived. */
import { describe, expect, it } from "vitest"
import type { NodeHost } from "../../../src/core/node/host.ts"
import type { Append, Appended, DataMessage, Segment } from "../../../src/core/node/data-message.ts"
import { onAppend } from "../../../src/core/replication/backup.ts"
import { RecordWriter } from "../../../src/core/replication/record-writer.ts"
import { Replication } from "../../../src/core/replication/replication.ts"
import { SlotLog } from "../../../src/core/replication/slot-log.ts"
import { ArraySink, ForgetfulMemory } from "../../support/data-rig.ts"
import { latin1 } from "../../support/map-memory.ts"

const now = { monotonicMs: 1_000, wallMs: 1_000_000 }
const from = { storageId: "primary", boot: 1 }

/** A backup of two slots, empty, in slot epoch 1, and what it has told so far. */
function backup() {
  const log = new ArraySink()
  const replication = new Replication({ memory: new ForgetfulMemory(), log, text: latin1, slotCount: 2 })
  replication.self = { nodeId: "", storageId: "backup", boot: 1, address: "n2:2836" }
  const told: Appended[] = []
  replication.host = {
    sendData: (_: string, { body }: DataMessage) => told.push(body as Appended),
    settle: () => undefined,
  } as Partial<NodeHost> as NodeHost
  replication.view = { ...replication.view, epoch: 1, members: [{ ...from }] as never }
  replication.peer("primary").address = "n1:2836"
  for (const slot of replication.slots)
    Object.assign(slot, { role: "backup", slotEpoch: 1, primary: "primary" })
  let number = 0
  const append = (segments: readonly Partial<Segment>[], records: Uint8Array = new Uint8Array(0)) => {
    const place = {
      slot: 0,
      slotEpoch: 1,
      previousEpoch: 0,
      previousSequence: 0,
      commitSequence: 0,
      count: 0,
    }
    const body: Append = {
      kind: "append",
      number: ++number,
      segments: segments.map((segment) => ({ ...place, ...segment })),
      records,
    }
    onAppend(replication, { clusterId: "", from, to: "backup", epoch: 1, body }, body, now)
    replication.endTurn()
  }
  const persist = () => {
    replication.persisted(log.position, now)
    replication.endTurn()
  }
  return { append, persist, told }
}

/** The first record of the slot's log. */
function first(slot: number): Uint8Array {
  const { bytes, offset } = new RecordWriter(new ArraySink()).beginning(new SlotLog(slot, 1))
  return bytes.subarray(offset, bytes.length - 8)
}

describe("a replica", () => {
  it("acknowledges what it has taken once, when it is durable, and says by that that the append has come", () => {
    const { append, persist, told } = backup()
    append([{ count: 1 }], first(0))
    expect(told).toEqual([])
    persist()
    expect(told).toMatchObject([{ number: 1, acknowledged: [{ slot: 0, sequence: 1 }], refused: [] }])
  })

  it("says at once where it stands when it is asked and nothing is under way", () => {
    const { append, told } = backup()
    append([{ slot: 1 }])
    expect(told).toMatchObject([{ number: 1, acknowledged: [{ slot: 1, sequence: 0 }] }])
  })

  it("does not keep the answer of one slot for what another has taken", () => {
    const { append, persist, told } = backup()
    append([{ count: 1 }, { slot: 1 }], first(0))
    expect(told.map(({ acknowledged }) => acknowledged.map(({ slot }) => slot))).toEqual([[1]])
    persist()
    expect(told.map(({ acknowledged }) => acknowledged.map(({ slot }) => slot))).toEqual([[1], [0]])
  })

  it("refuses what does not follow at once, though another slot waits", () => {
    const { append, told } = backup()
    append([{ count: 1 }, { slot: 1, previousSequence: 3, previousEpoch: 1 }], first(0))
    expect(told).toMatchObject([{ number: 1, acknowledged: [], refused: [{ slot: 1, sequence: 0 }] }])
  })

  it("refuses at once what does not follow, and what is not for it has come all the same", () => {
    const { append, told } = backup()
    append([{ previousSequence: 3, previousEpoch: 1 }])
    append([{ slotEpoch: 2 }])
    append([])
    expect(told).toMatchObject([
      { number: 1, acknowledged: [], refused: [{ slot: 0, sequence: 0 }] },
      { number: 2, acknowledged: [], refused: [] },
      { number: 3, acknowledged: [], refused: [] },
    ])
  })
})
