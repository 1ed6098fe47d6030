/** Records that wait to be committed must not hold the log for ever. */
import { describe, expect, it } from "vitest"
import { recordKind, RecordView } from "../../../src/core/entry/record.ts"
import { tailAwaitedMs, tailHeldMs, tailsCarriedBytesMax } from "../../../src/core/lib/limits.ts"
import type { NodeHost } from "../../../src/core/node/host.ts"
import { LogQueue } from "../../../src/core/replication/log-queue.ts"
import type { Prepared } from "../../../src/core/replication/prepared.ts"
import { RecordWriter } from "../../../src/core/replication/record-writer.ts"
import { Replication } from "../../../src/core/replication/replication.ts"
import { ArraySink, ForgetfulMemory } from "../../support/data-rig.ts"
import { latin1 } from "../../support/map-memory.ts"

const never = Infinity

/** A ring of one slot: whoever reads a record's place after it was released reads garbage. */
function rig() {
  const log = new ArraySink()
  const replication = new Replication({ memory: new ForgetfulMemory(), log, text: latin1, slotCount: 2 })
  const slot = replication.slot(0)
  const append = (alias: string, index = 0) => {
    const slot = replication.slot(index)
    const bytes = Uint8Array.from(alias, (letter) => letter.charCodeAt(0))
    slot.slotEpoch = 1
    replication.append(slot, new RecordWriter(log).removeExpired(slot, bytes, 0, bytes.length))
  }
  return { log, replication, slot, append }
}

const at = (monotonicMs: number) => ({ monotonicMs, wallMs: 0 })

describe("records that wait", () => {
  it("leave the ring at the second tick, and are what they were", () => {
    const { log, replication, slot, append } = rig()
    append("a")
    append("b")
    const { queue } = replication
    queue.takeDurable(log.position)
    queue.takeDurable(log.position)
    replication.pinned.tick(replication, at(0))
    queue.move()
    expect(queue.releasedPosition).toBe(0)
    replication.pinned.tick(replication, at(100))
    queue.move()
    expect([queue.releasedPosition, queue.settledPosition]).toEqual([log.position, 0])
    for (const { bytes } of log.records) bytes.fill(0xee)
    const texts: string[] = []
    for (let next = slot.first; next !== undefined; next = next.nextInSlot) {
      const record = new RecordView().at(next.bytes, next.offset)
      texts.push(latin1(record.bytes, record.aliasOffset, record.contentOffset))
    }
    expect(texts).toEqual(["a", "b"])
  })

  it("are copied up to a bound, which those that are done free", () => {
    const queue = new LogQueue()
    const log = new ArraySink()
    const { slot } = rig()
    const lengths: number[] = []
    for (const alias of ["a", "b", "c"]) {
      const record = new RecordWriter(log).removeExpired(slot, new TextEncoder().encode(alias), 0, 1)
      lengths.push(new RecordView().at(record.bytes, record.offset).length)
      queue.push(record)
    }
    const [length] = lengths as [number]
    expect(queue.copyOut(never)).toBe(0) // not durable: the disk may still read them
    for (let i = 0; i < 3; i++) queue.takeDurable(log.position)
    expect(queue.copyOut(2 * length)).toBe(2)
    expect(queue.copyOut(2 * length)).toBe(0)
    queue.done(queue.pinned as Prepared)
    expect(queue.copyOut(2 * length)).toBe(1)
  })

  it.each([
    ["none", 1, [1, 2]],
    ["backup", 1, []],
    ["primary", 1, []],
    ["learner", 1, [2]],
    // Before the view knows of this process.
    ["learner", 0, []],
    ["none", 0, [1, 2]],
  ] as const)(
    "of a slot in which this node is %s, and whose view names its boot %i: carried on after a minute: %j",
    (role, viewBoot, carried) => {
      const { log, replication, slot, append } = rig()
      replication.self = { nodeId: "0-0-0-1", storageId: "s", boot: 1, address: "a" }
      const member = { nodeId: "0-0-0-1", storageId: "s", boot: viewBoot, address: "a" } as const
      const members = [{ ...member, standing: "up", weight: 1, zone: "" } as const]
      replication.view = { ...replication.view, members }
      append("a")
      append("b")
      slot.role = role
      slot.matchedSequence = 1
      replication.persisted(log.position, at(0))
      replication.pinned.tick(replication, at(0))
      replication.pinned.tick(replication, at(tailHeldMs - 1))
      const { length } = log.records
      replication.pinned.tick(replication, at(tailHeldMs))
      const sequences = sequencesOf(log.records.slice(length))
      expect(sequences).toEqual(carried.length === 0 ? [] : [cut, ...carried])
      expect([slot.sequence, slot.matchedSequence]).toEqual([2, role === "none" ? 0 : 1])
      replication.persisted(log.position, at(tailHeldMs))
      expect(slot.durableSequence).toBe(2)
      // The first record of a learner is of the living slot, and holds the table back as such.
      if (role === "none") expect(replication.queue.settledPosition).toBe(log.records[length]?.end)
    },
  )

  it("are carried on at once where somebody waits for the table, again and again, and stay what they are", () => {
    const { log, replication, append } = rig()
    replication.host = awaiting
    append("a", 0)
    append("b", 1)
    for (const slot of replication.slots) slot.role = "none"
    let settled = 0
    for (let round = 0; round < 3; round++) {
      replication.persisted(log.position, at(0))
      replication.pinned.tick(replication, at(round * 1_000))
      replication.pinned.tick(replication, at(round * 1_000 + tailAwaitedMs - 1))
      expect(replication.queue.settledPosition).toBe(settled)
      const { position } = log
      replication.pinned.tick(replication, at(round * 1_000 + tailAwaitedMs))
      replication.persisted(log.position, at(0))
      settled = replication.queue.settledPosition
      expect(settled).toBeGreaterThan(position)
      for (const [place, slot] of replication.slots.entries()) {
        const record = new RecordView().at(slot.first?.bytes ?? new Uint8Array(0), slot.first?.offset ?? 0)
        expect(latin1(record.bytes, record.aliasOffset, record.contentOffset)).toBe("ab"[place])
        expect([record.sequence, record.uncommitted, record.slotEpoch]).toEqual([1, 1, 1])
      }
    }
  })

  it("are cut where they are too much to be carried", () => {
    const { log, replication, append } = rig()
    replication.host = awaiting
    const length = Math.ceil(tailsCarriedBytesMax / 2)
    append("a".repeat(length), 0)
    append("b".repeat(length), 1)
    for (const slot of replication.slots) slot.role = "none"
    replication.persisted(log.position, at(0))
    replication.pinned.tick(replication, at(0))
    replication.pinned.tick(replication, at(tailAwaitedMs))
    replication.persisted(log.position, at(0))
    expect(replication.slots.map((slot) => slot.sequence)).toEqual([0, 0])
    expect(replication.queue.settledPosition).toBe(log.position)
  })
})

const awaiting = { isTableAwaited: () => true, settle: () => undefined } as unknown as NodeHost

const cut = "cut"

function sequencesOf(records: readonly { readonly bytes: Uint8Array }[]): (number | string)[] {
  return records.map(({ bytes }) => {
    const record = new RecordView().at(bytes, 8)
    return record.kind === recordKind.cut ? cut : record.sequence
  })
}
