import { describe, expect, it } from "vitest"
import { Draft } from "../../../src/core/view/draft.ts"
import { noEvidence, type Evidence } from "../../../src/core/view/evidence.ts"
import { foundedView, isVoid, viewZero, voidView } from "../../../src/core/view/founded.ts"
import { demotedBy, illegalSuccessor } from "../../../src/core/view/legal.ts"
import { freezeView, type View } from "../../../src/core/view/view.ts"
import { settings } from "../member/network.ts"
import { smallView } from "./sample.ts"

const view = smallView()
const after = (change: (draft: Draft) => void): View => {
  const draft = new Draft(view)
  change(draft)
  return draft.finish()
}
const certificate = { epoch: 7, slot: 0, primary: "s0", boot: 4, learner: "s2" }
const release = { epoch: 7, slot: 0, primary: "s0", boot: 4 }
const certified = (changes = {}): Evidence => ({
  certificates: [{ ...certificate, ...changes }],
  releases: [],
})
const released = (changes = {}): Evidence => ({ certificates: [], releases: [{ ...release, ...changes }] })
const promote = after((draft) => draft.setSlot(0, ["s0", "s1", "s2"], []))
const swap = after((draft) => draft.setSlot(0, ["s1", "s0"], ["s2"]))

describe("a legal successor", () => {
  const legal: [string, View, Evidence?][] = [
    ["the same again", after(() => {})],
    ["a takeover by a backup", after((draft) => draft.setSlot(0, ["s1"], []))],
    ["a backup dropped", after((draft) => draft.setSlot(0, ["s0"], ["s2"]))],
    ["a learner promoted by certificate", promote, certified()],
    ["one voter less", after((draft) => draft.setVoters(["s0", "s2"]))],
    ["a boot raised", after((draft) => draft.setMember({ ...member("s0"), boot: 5 }))],
  ]
  it.each(legal)("%s", (_, next, evidence = noEvidence) => {
    expect(illegalSuccessor(view, next, evidence)).toBeUndefined()
  })

  it("raises the slot epoch where the list or the primary's boot changed, and nowhere else", () => {
    expect(promote.slots[0]?.slotEpoch).toBe(8)
    expect(after((draft) => draft.setMember({ ...member("s0"), boot: 5 })).slots[0]?.slotEpoch).toBe(8)
    expect(after((draft) => draft.setMember({ ...member("s1"), boot: 5 })).slots[0]?.slotEpoch).toBe(3)
    expect(after((draft) => draft.setSlot(0, ["s0", "s1"], [])).slots[0]?.slotEpoch).toBe(3)
  })
})

describe("an illegal successor", () => {
  const slots = (inSync: string[], slotEpoch: number, learners: string[] = []) => [
    { inSync, learners, slotEpoch },
  ]
  const with_ = (changes: Partial<View>): View => freezeView({ ...view, epoch: 8, ...changes })
  const illegal: [string, View, RegExp, Evidence?][] = [
    ["skips an epoch", with_({ epoch: 9 }), /epoch/],
    ["is of another cluster", with_({ clusterId: "other" }), /cluster/],
    ["promotes without a certificate", promote, /certified/],
    ["promotes by one of an older epoch", promote, /certified/, certified({ epoch: 6 })],
    ["promotes by one of an older boot", promote, /certified/, certified({ boot: 3 })],
    ["promotes by one of another primary", promote, /certified/, certified({ primary: "s1" })],
    ["promotes by one for another slot", promote, /certified/, certified({ slot: 1 })],
    ["makes a learner primary", with_({ slots: slots(["s2", "s0"], 8) }), /not in sync/, certified()],
    ["drops the last in-sync replica", with_({ slots: slots(["s2"], 8) }), /not in sync/, certified()],
    ["leaves a slot to nobody", with_({ slots: slots([], 8) }), /nobody/],
    ["gives two places", with_({ slots: slots(["s0", "s1", "s0"], 8) }), /two places/],
    ["forgets to raise a slot epoch", with_({ slots: slots(["s1"], 3) }), /slot epoch/],
    ["raises one for nothing", with_({ slots: slots(["s0", "s1"], 8, ["s2"]) }), /slot epoch/],
    ["changes two voters", with_({ voters: ["s0"] }), /2 changes/],
    ["has no voters", with_({ voters: [] }), /0 voters/],
    ["has a voter who is no member", with_({ voters: ["s0", "s1", "s2", "s9"] }), /no member/],
    ["lets a boot fall", after((draft) => draft.setMember({ ...member("s1"), boot: 3 })), /falls/],
    ["removes who holds a place", after((draft) => draft.removeMember("s1")), /no member/],
    ["has a node id twice", after((draft) => draft.setMember({ ...member("s1"), storageId: "s9" })), /twice/],
    ["has another number of slots", with_({ slots: [] }), /number of slots/],
  ]
  it.each(illegal)("%s", (_, next, reason, evidence = noEvidence) => {
    expect(illegalSuccessor(view, next, evidence)).toMatch(reason)
  })
})

describe("a slot that is given up", () => {
  const down = ["s0", "s1"]
  const dead = freezeView({
    ...view,
    members: view.members.map((m) =>
      Object.freeze({ ...m, standing: down.includes(m.storageId) ? ("down" as const) : m.standing }),
    ),
  })
  const lost = dead.members.filter((m) => down.includes(m.storageId))
  const given = (change: (draft: Draft) => void): View => {
    const draft = new Draft(dead)
    change(draft)
    return draft.finish()
  }
  const right = given((draft) => draft.giveUpSlot(0, lost, "s2"))
  const loss = right.losses[0] as View["losses"][0]
  const spoilt = (changes: Partial<typeof loss>): View =>
    freezeView({ ...right, losses: [{ ...loss, ...changes }] })

  it("goes to another, and the view says so", () => {
    expect(illegalSuccessor(dead, right, noEvidence)).toBeUndefined()
    expect(right.losses).toEqual([
      { epoch: 8, lost: lost.map(({ storageId, address }) => ({ storageId, address })), slots: [0] },
    ])
    expect(right.slots[0]).toEqual({ inSync: ["s2"], learners: [], slotEpoch: 8 })
    expect(demotedBy(dead, right, noEvidence)).toEqual(["s0"])
    const later = new Draft(right).finish()
    expect(later.losses).toBe(right.losses)
    expect(illegalSuccessor(right, later, noEvidence)).toBeUndefined()
  })

  const illegal: [string, View, RegExp, View?][] = [
    ["says nothing of it", freezeView({ ...right, losses: [] }), /not in sync/],
    ["gives up who is up", right, /not down/, view],
    ["gives up less than all that were in sync", spoilt({ lost: loss.lost.slice(0, 1) }), /is in sync/],
    ["gives up a stranger", spoilt({ lost: [...loss.lost, { storageId: "s9", address: "x" }] }), /not down/],
    [
      "names it by another address",
      spoilt({ lost: loss.lost.map((l) => ({ ...l, address: "x" })) }),
      /address/,
    ],
    ["names no slot", spoilt({ slots: [] }), /of nothing/],
    ["names a slot that is none", spoilt({ slots: [0, 1] }), /no slot/],
    ["names another epoch", spoilt({ epoch: 7 }), /another epoch/],
    ["names it twice", freezeView({ ...right, losses: [loss, loss] }), /two losses/],
    ["gives it to one who is lost", given((draft) => draft.giveUpSlot(0, lost, "s1")), /which is lost/],
  ]
  it.each(illegal)("is no legal successor if it %s", (_, next, reason, before = dead) => {
    expect(illegalSuccessor(before, next, noEvidence)).toMatch(reason)
  })

  it("is never forgotten", () => {
    const later = freezeView({ ...new Draft(right).finish(), losses: [] })
    expect(illegalSuccessor(right, later, noEvidence)).toMatch(/forgotten/)
  })
})

describe("who is demoted", () => {
  it("is the primary that loses its place, unless it released it in this epoch and boot", () => {
    expect(demotedBy(view, swap, noEvidence)).toEqual(["s0"])
    expect(demotedBy(view, swap, released())).toEqual([])
    expect(demotedBy(view, swap, released({ epoch: 6 }))).toEqual(["s0"])
    expect(demotedBy(view, swap, released({ boot: 3 }))).toEqual(["s0"])
    expect(demotedBy(view, swap, released({ slot: 1 }))).toEqual(["s0"])
  })

  it("is nobody where a primary only restarts", () => {
    const next = after((draft) => draft.setMember({ ...member("s0"), boot: 5 }))
    expect(demotedBy(view, next, noEvidence)).toEqual([])
  })
})

describe("view 1", () => {
  const founders = ["1", "2", "3"].map((name) => ({
    address: `n${name}:1`,
    nodeId: name.padStart(64, "0"),
    storageId: `s${name}`,
    weight: 1,
    zone: "",
  }))
  const zero = viewZero({ founders, settings })

  it("follows from view 0, and every founder derives the same", () => {
    expect(illegalSuccessor(zero, foundedView(zero), noEvidence)).toBeUndefined()
    expect(illegalSuccessor(zero, voidView(zero), noEvidence)).toBeUndefined()
    expect(isVoid(voidView(zero))).toBe(true)
    expect(foundedView(zero).slots.every((slot) => slot.inSync.length === 2)).toBe(true)
  })

  it("is nothing else", () => {
    const other = freezeView({ ...foundedView(zero), voters: ["s1"] })
    expect(illegalSuccessor(zero, other, noEvidence)).toBeDefined()
  })

  it("has another cluster id for other storages", () => {
    const [first, ...rest] = founders
    const again = viewZero({
      founders: [{ ...first, storageId: "s9" } as (typeof founders)[0], ...rest],
      settings,
    })
    expect(foundedView(again).clusterId).not.toBe(foundedView(zero).clusterId)
  })
})

function member(storageId: string) {
  const found = view.members.find((other) => other.storageId === storageId)
  if (found === undefined) throw new Error(storageId)
  return found
}
