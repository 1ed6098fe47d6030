/** What is told of a write that a node may have taken up before, and how often a forwarded one is taken. */
import { describe, expect, it } from "vitest"
import { forwardsRemembered } from "../../../src/core/lib/limits.ts"
import { Clients } from "../../../src/core/replication/clients.ts"
import { Peer } from "../../../src/core/replication/peer.ts"
import { latin1 } from "../../../src/platform/latin1.ts"
import { scopes } from "../../small-scope/scope.ts"
import { firstView } from "../../small-scope/seat-steps.ts"
import { Machine } from "../../small-scope/slot-node.ts"
import { slotScopes } from "../../small-scope/slot-scopes.ts"

describe("a write", () => {
  const id = "client-number-01"
  const bytes = new TextEncoder().encode(`xx${id}`)
  const write = (number: number) => ({ bytes, clientStart: 2, number })

  it("has been seen once it is in the log, and when its client is done with it", () => {
    const clients = new Clients(latin1)
    expect(clients.hasSeen(write(7))).toBe(false)
    expect(clients.size, "to ask makes no row").toBe(0)
    const row = clients.row(id, 0)
    expect(clients.hasSeen(write(7))).toBe(false)
    row.prepare(7, 3)
    expect(clients.hasSeen(write(7))).toBe(true)
    expect(clients.hasSeen(write(8))).toBe(false)
    row.commit(7, 3, 0, undefined)
    expect(clients.hasSeen(write(7))).toBe(true)
    row.raiseFloor(9)
    expect(clients.hasSeen(write(8))).toBe(true)
    expect(clients.hasSeen(write(9))).toBe(false)
  })

  it("that was cut out of the log has not; nor has a read, which has no number", () => {
    const clients = new Clients(latin1)
    const row = clients.row(id, 0)
    row.prepare(7, 3)
    row.unprepare(7)
    expect(clients.hasSeen(write(7))).toBe(false)
    expect(clients.hasSeen(write(0))).toBe(false)
  })
})

describe("a forwarded request", () => {
  it("is taken once, from each process anew", () => {
    const peer = new Peer("s1")
    expect([4, 4, 2, 4, 2, 5].map((number) => peer.takesForward(number))).toEqual([
      true,
      false,
      true,
      false,
      false,
      true,
    ])
    peer.restart(2)
    expect(peer.takesForward(4)).toBe(true)
  })

  it("is remembered for so many others", () => {
    const peer = new Peer("s1")
    for (let number = 0; number < forwardsRemembered; number++) expect(peer.takesForward(number)).toBe(true)
    expect(peer.takesForward(0)).toBe(false)
    expect(peer.takesForward(forwardsRemembered)).toBe(true)
    expect(peer.takesForward(1)).toBe(false)
    expect(peer.takesForward(0)).toBe(true)
  })
})

describe("a node that serves no more", () => {
  const scope = {
    ...slotScopes.slotMove,
    disk: "slow",
    before: 0,
    requests: [7, 8].map((number) => ({ op: "update", alias: "a", content: "x", number }) as const),
  } as const
  const view = firstView({ ...scopes.duel, inSync: [0, 1], learners: [] })

  it("does not say of a write in its log that nothing was done, and says it of others", () => {
    const machine = new Machine(scope, 0, 1, view, 0, [], true)
    machine.run({ kind: "request", request: 0 })
    expect(machine.host.answers).toEqual([])
    machine.run({ kind: "demoted" })
    machine.run({ kind: "request", request: 0 })
    machine.run({ kind: "request", request: 1 })
    expect(machine.host.answers).toEqual([
      { request: 0, text: "in_doubt" },
      { request: 1, text: "unstable_cluster" },
    ])
  })

  it("answers what another node forwards once, however often it comes", () => {
    const machine = new Machine(scope, 0, 1, view, 0, [], true)
    const { clusterId, epoch } = view
    const answersTo = (boot: number, id: number) => {
      machine.host.sent = []
      const body = { kind: "forward", id, hops: 1, timeLeftMs: 1_000, frame: new Uint8Array(0) } as const
      const message = { clusterId, from: { storageId: "s1", boot }, to: "s0", epoch, body }
      machine.run({ kind: "deliver", message })
      return machine.host.sent.filter((sent) => sent.body.kind === "forwarded").length
    }
    expect([answersTo(1, 5), answersTo(1, 5), answersTo(1, 6), answersTo(2, 5)]).toEqual([1, 0, 1, 1])
  })
})
