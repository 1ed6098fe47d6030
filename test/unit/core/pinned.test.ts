/** Records that wait to be committed must not hold the log for ever. */
import { describe, expect, it } from "vitest"
import { recordKind, RecordView } from "../../../src/core/entry/record.ts"
import { tailHeldMs } from "../../../src/core/lib/limits.ts"
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
  const append = (alias: string) => {
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
    ["none", true],
    ["backup", false],
    ["learner", false],
  ] as const)("of a slot in which this node is %s: cut after a minute: %s", (role, isCut) => {
    const { log, replication, slot, append } = rig()
    append("a")
    slot.role = role
    replication.persisted(log.position, at(0))
    replication.pinned.tick(replication, at(0))
    replication.pinned.tick(replication, at(tailHeldMs - 1))
    expect(slot.sequence).toBe(1)
    replication.pinned.tick(replication, at(tailHeldMs))
    expect(slot.sequence).toBe(isCut ? 0 : 1)
    replication.persisted(log.position, at(tailHeldMs))
    const { bytes } = log.records.at(-1) as { bytes: Uint8Array }
    expect(new RecordView().at(bytes, 8).kind === recordKind.cut).toBe(isCut)
    expect(replication.queue.settledPosition === log.position).toBe(isCut)
  })
})
