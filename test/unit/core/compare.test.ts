/** Replicas that are compared, and what a damaged one wants. */
import { describe, expect, it } from "vitest"
import { compareMs } from "../../../src/core/lib/limits.ts"
import type { Now } from "../../../src/core/lib/clock.ts"
import type { DataMessage, SlotHash } from "../../../src/core/node/data-message.ts"
import type { NodeHost } from "../../../src/core/node/host.ts"
import { onCompare, tickCompare } from "../../../src/core/replication/compare.ts"
import { markDamaged, stepDown, wantOfDamaged } from "../../../src/core/replication/damage.ts"
import { Replication } from "../../../src/core/replication/replication.ts"
import { adoptView } from "../../../src/core/replication/roles.ts"
import type { FlushedSlot } from "../../../src/core/replication/transfer.ts"
import { freezeView, type SlotAssignment, type View } from "../../../src/core/view/view.ts"
import { ArraySink, ForgetfulMemory } from "../../support/data-rig.ts"
import { latin1 } from "../../support/map-memory.ts"

const now: Now = { monotonicMs: 1_000_000, wallMs: 1.7e12 }
const name = (n: number) => `s${n}`

function viewOf(epoch: number, slots: readonly SlotAssignment[]): View {
  const members = [1, 2, 3].map((n) => ({
    nodeId: String(n).padStart(64, "0"),
    storageId: name(n),
    boot: 1,
    address: `n${n}:2836`,
    standing: "up" as const,
    weight: 1,
    zone: "",
  }))
  const settings = {
    replicationFactor: 2,
    slotCount: slots.length,
    sync: true,
    transient: false,
    entryBytesMax: 1024,
    leaseMs: 3_000,
    suspectMs: 1_500,
    repairGraceMs: 1_000,
  }
  return freezeView({ clusterId: "c", epoch, members, voters: [name(1)], settings, slots, losses: [] })
}

/** Slot 0 has its primary on 1, slot 1 on 2; slot 2 is held by 1 alone. */
const slots: readonly SlotAssignment[] = [
  { inSync: [name(1), name(2)], learners: [], slotEpoch: 1 },
  { inSync: [name(2), name(1)], learners: [], slotEpoch: 1 },
  { inSync: [name(1)], learners: [name(2)], slotEpoch: 1 },
]

class Rig {
  readonly sent: DataMessage[] = []
  readonly said: string[] = []
  readonly flushed = new Map<number, FlushedSlot>()
  readonly replication: Replication

  constructor(n: number) {
    this.replication = new Replication({
      memory: new ForgetfulMemory(),
      log: new ArraySink(),
      text: latin1,
      slotCount: slots.length,
    })
    this.replication.self = { nodeId: "", storageId: name(n), boot: 1, address: `n${n}:2836` }
    const host: Partial<NodeHost> = {
      flushedSlot: (slot) => this.flushed.get(slot),
      sendData: (_, message) => this.sent.push(message),
      log: (_, text) => this.said.push(text),
      settle: () => undefined,
    }
    this.replication.host = host as NodeHost
    this.adopt(1, slots)
  }

  adopt(epoch: number, assignments: readonly SlotAssignment[]): void {
    adoptView(this.replication, viewOf(epoch, assignments), now)
    for (const slot of this.replication.slots) {
      for (const follower of slot.followers) follower.ackedSequence = slot.sequence
      this.replication.advance(slot, now)
    }
  }

  /** The other states this of its slots. */
  told(...stated: SlotHash[]): void {
    const message = { clusterId: "c", from: { storageId: name(2), boot: 1 }, to: name(1), epoch: 1 }
    const body = { kind: "compare", slots: stated } as const
    onCompare(this.replication, { ...message, body }, body)
  }
}

const state = { slot: 1, slotEpoch: 1, sequence: 7, count: 3, hash: 99 }

describe("comparing", () => {
  it("primaries state what they have flushed to those in sync, again and again", () => {
    const rig = new Rig(1)
    for (const slot of [0, 1, 2]) rig.flushed.set(slot, { sequence: 7, count: 3, hash: 99 })
    tickCompare(rig.replication, now)
    tickCompare(rig.replication, now)
    const expected = { kind: "compare", slots: [{ ...state, slot: 0 }] }
    expect(rig.sent.map(({ to, body }) => ({ to, body }))).toEqual([{ to: name(2), body: expected }])
    tickCompare(rig.replication, { ...now, monotonicMs: now.monotonicMs + compareMs })
    expect(rig.sent).toHaveLength(2)
  })

  it.each([
    ["the same", { sequence: 7, count: 3, hash: 99 }, false],
    ["another sequence", { sequence: 8, count: 4, hash: 98 }, false],
    ["not flushed", undefined, false],
    ["another hash", { sequence: 7, count: 3, hash: 98 }, true],
    ["another count", { sequence: 7, count: 2, hash: 99 }, true],
  ] as const)("a backup that holds %s", (_, own, differs) => {
    const rig = new Rig(1)
    if (own !== undefined) rig.flushed.set(1, own)
    rig.told(state)
    expect(rig.replication.slot(1).isDamaged).toBe(differs)
    expect([rig.replication.differing, rig.replication.damaged]).toEqual(differs ? [1, 1] : [0, 0])
    expect(rig.said.filter((text) => text.startsWith("slot 1: its copy at 7"))).toHaveLength(differs ? 1 : 0)
    rig.told(state)
    expect(rig.replication.differing).toBe(differs ? 1 : 0)
  })

  it("believes nobody but the slot's primary in the present slot epoch", () => {
    const rig = new Rig(1)
    for (const slot of [0, 1]) rig.flushed.set(slot, { sequence: 7, count: 3, hash: 98 })
    rig.told({ ...state, slot: 0 }, { ...state, slotEpoch: 2 }, { ...state, slot: 77 })
    expect(rig.replication.damaged).toBe(0)
  })
})

describe("a copy that showed entries of different moments", () => {
  /** Node 2 has learnt slot 2 up to 9 when it is promoted. */
  function promoted(role: "backup" | "primary"): Rig {
    const rig = new Rig(2)
    rig.replication.slot(2).restart(1, 9)
    const [first, second] = slots as [SlotAssignment, SlotAssignment]
    rig.adopt(2, [first, second, { inSync: [name(1), name(2)], learners: [], slotEpoch: 1 }])
    if (role === "primary")
      rig.adopt(3, [first, second, { inSync: [name(2), name(1)], learners: [], slotEpoch: 3 }])
    return rig
  }

  it.each([
    [8, 0],
    [9, 1],
  ])("is compared as a backup where it was flushed at %i: %i differ", (sequence, differing) => {
    const rig = promoted("backup")
    rig.flushed.set(2, { sequence, count: 3, hash: 98 })
    const message = { clusterId: "c", from: { storageId: name(1), boot: 1 }, to: name(2), epoch: 2 }
    const body = { kind: "compare", slots: [{ ...state, slot: 2, sequence }] } as const
    onCompare(rig.replication, { ...message, body }, body)
    expect(rig.replication.differing).toBe(differing)
  })

  it.each([
    [8, 0],
    [9, 1],
  ])("is stated as a primary where it was flushed at %i: %i times", (sequence, times) => {
    const rig = promoted("primary")
    expect(rig.replication.slot(2).serving).toBe(true)
    rig.flushed.set(2, { sequence, count: 3, hash: 98 })
    tickCompare(rig.replication, now)
    expect(rig.sent.filter(({ body }) => body.kind === "compare")).toHaveLength(times)
  })
})

describe("a damaged replica", () => {
  it("of a backup gives its place up, and discards the slot once the view without it is there", () => {
    const rig = new Rig(1)
    const slot = rig.replication.slot(1)
    slot.restart(1, 5)
    markDamaged(rig.replication, slot, "x")
    expect(wantOfDamaged(rig.replication, slot)).toEqual({ kind: "giveUp", epoch: 1, slot: 1 })
    const [first, , last] = slots as [SlotAssignment, SlotAssignment, SlotAssignment]
    rig.adopt(2, [first, { inSync: [name(2), name(1)], learners: [], slotEpoch: 1 }, last])
    expect([slot.sequence, slot.isDamaged]).toEqual([5, true])
    rig.adopt(3, [first, { inSync: [name(2)], learners: [name(1)], slotEpoch: 3 }, last])
    expect([slot.sequence, slot.isDamaged]).toEqual([-1, false])
  })

  it("of a primary is released to a backup, and only then shown as released", () => {
    const rig = new Rig(1)
    const slot = rig.replication.slot(0)
    expect(slot.serving).toBe(true)
    markDamaged(rig.replication, slot, "x")
    expect(wantOfDamaged(rig.replication, slot)).toBeUndefined()
    stepDown(rig.replication)
    expect(slot.serving).toBe(false)
    const release = { epoch: 1, slot: 0, primary: name(1), boot: 1 }
    expect(wantOfDamaged(rig.replication, slot)).toEqual({ kind: "release", release, target: name(2) })
  })

  it("that is the last keeps its place, and serves", () => {
    const rig = new Rig(1)
    const slot = rig.replication.slot(2)
    markDamaged(rig.replication, slot, "x")
    stepDown(rig.replication)
    expect(slot.serving).toBe(true)
    expect(wantOfDamaged(rig.replication, slot)).toBeUndefined()
  })
})
