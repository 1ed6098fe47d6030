/** Copies of slots that an operator gave up: the one that goes on, and those that are discarded. */
import { describe, expect, it } from "vitest"
import type { NodeHost } from "../../../src/core/node/host.ts"
import { adoptView } from "../../../src/core/replication/roles.ts"
import { Replication } from "../../../src/core/replication/replication.ts"
import type { SlotLog } from "../../../src/core/replication/slot-log.ts"
import { wantsOf } from "../../../src/core/replication/wants.ts"
import type { Loss } from "../../../src/core/view/loss.ts"
import { freezeView, type SlotAssignment, type View } from "../../../src/core/view/view.ts"
import { latin1 } from "../../support/map-memory.ts"
import { ArraySink, ForgetfulMemory } from "../../support/data-rig.ts"

const now = { monotonicMs: 1000, wallMs: 1_000_000 }
const name = (n: number) => `s${n}`

function viewOf(epoch: number, slot: SlotAssignment, down: readonly number[], losses: readonly Loss[]): View {
  const members = [1, 2, 3].map((n) => ({
    nodeId: String(n),
    storageId: name(n),
    boot: 1,
    address: `n${n}:2836`,
    standing: down.includes(n) ? ("down" as const) : ("up" as const),
    weight: 1,
    zone: "",
  }))
  const settings = {
    replicationFactor: 2,
    slotCount: 1,
    sync: true,
    transient: false,
    entryBytesMax: 1024,
    leaseMs: 3_000,
    suspectMs: 1_500,
    repairGraceMs: 1_000,
  }
  return freezeView({ clusterId: "c", epoch, members, voters: [name(1)], settings, slots: [slot], losses })
}

const orphan = viewOf(5, { inSync: [name(3)], learners: [], slotEpoch: 4 }, [3], [])
const loss = { epoch: 6, lost: [{ storageId: name(3), address: "n3:2836" }], slots: [0] }
const given = viewOf(6, { inSync: [name(1)], learners: [], slotEpoch: 6 }, [3], [loss])

/** The view behind that one, which names the heir's present boot. */
function named(view: View, boot: number): View {
  const epoch = view.epoch + 1
  const members = view.members.map((member) => (member.storageId === name(1) ? { ...member, boot } : member))
  const slots = view.slots.map((slot) => ({ ...slot, slotEpoch: epoch }))
  return freezeView({ ...view, epoch, members, slots })
}

/** A node whose copy ends with this entry, of slot epoch 2, in the view in which only the third has the slot in sync. */
function node(n: number, sequence: number): { replication: Replication; slot: SlotLog } {
  const replication = new Replication({
    memory: new ForgetfulMemory(),
    log: new ArraySink(),
    text: latin1,
    slotCount: 1,
  })
  replication.self = { nodeId: "", storageId: name(n), boot: 1, address: `n${n}:2836` }
  replication.host = {
    sendData: () => undefined,
    log: () => undefined,
    settle: () => undefined,
  } as Partial<NodeHost> as NodeHost
  const slot = replication.slot(0)
  slot.restart(2, sequence)
  adoptView(replication, orphan, now)
  return { replication, slot }
}

describe("a slot that an operator gave up", () => {
  it("is offered by who has an older copy, with its last entry, and by who has none", () => {
    const offer = { kind: "offer", epoch: 5, slot: 0 }
    expect(wantsOf(node(1, 7).replication)).toEqual([{ ...offer, lastEpoch: 2, sequence: 7 }])
    expect(wantsOf(node(1, -1).replication)).toMatchObject([{ ...offer, sequence: 0 }])
  })

  it.each([
    ["an older copy", 7, 8],
    ["none", -1, 1],
  ])("goes on at its heir with %s, and serves once its first entry is durable", (_, before, first) => {
    const { replication, slot } = node(1, before)
    adoptView(replication, given, now)
    expect([slot.role, slot.sequence, slot.serving]).toEqual(["primary", first, false])
    expect(slot.epochs.at(first)).toBe(6)
    replication.persisted(replication.log.position, now)
    expect([slot.serving, slot.committedSequence, slot.isIncomplete]).toEqual([true, first, false])
    // It begins once, whatever views follow.
    adoptView(replication, viewOf(7, given.slots[0] as SlotAssignment, [], [loss]), now)
    expect([slot.sequence, slot.serving]).toEqual([first, true])
  })

  it.each(["while it was told", "since"])(
    "is kept by its heir that has restarted %s, until it is named",
    (when) => {
      const { replication, slot } = node(1, 7)
      // The view names the process before this one.
      replication.self = { nodeId: "", storageId: name(1), boot: 2, address: "n1:2836" }
      // Whoever has restarted since finds it on its disk.
      if (when === "since") replication.view = { ...orphan, epoch: 0, slots: [], members: [] }
      adoptView(replication, given, now)
      expect([slot.role, slot.sequence]).toEqual(["backup", 7])
      adoptView(replication, named(given, 2), now)
      expect([slot.role, slot.sequence, slot.epochs.at(7)]).toEqual(["primary", 8, 2])
      replication.persisted(replication.log.position, now)
      expect([slot.serving, slot.committedSequence]).toEqual([true, 8])
    },
  )

  it("is discarded by everybody else, also where the loss is only heard of in a later view", () => {
    for (const inSync of [[name(1)], [name(1), name(3)]]) {
      const { replication, slot } = node(2, 9)
      adoptView(replication, viewOf(8, { inSync, learners: [name(2)], slotEpoch: 8 }, [], [loss]), now)
      expect([slot.role, slot.sequence]).toEqual(["learner", -1])
    }
  })

  it("is kept where the copy is of the history since", () => {
    const { replication, slot } = node(2, 9)
    slot.restart(6, 9)
    adoptView(
      replication,
      viewOf(8, { inSync: [name(1), name(2)], learners: [], slotEpoch: 8 }, [], [loss]),
      now,
    )
    expect([slot.role, slot.sequence]).toEqual(["backup", 9])
  })
})
