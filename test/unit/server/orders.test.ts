/** Orders as a node takes them: what is refused and why, when it answers, and that a node without a vote passes them on. */
import { afterEach, describe, expect, it } from "vitest"
import { operation } from "../../../src/core/entry/operation.ts"
import { Request } from "../../../src/core/entry/request.ts"
import { isFulfilled, type Order } from "../../../src/core/member/order.ts"
import type { View, ViewMember } from "../../../src/core/view/view.ts"
import { type OrderAnswer, ClusterOrders } from "../../../src/server/node/orders.ts"
import { code, type ErrorName } from "../../../src/wire/errors.ts"
import { RequestWriter } from "../../../src/wire/request-writer.ts"
import { decodeRequest } from "../../../src/wire/request.ts"
import type { ValueMap } from "../../../src/wire/writer.ts"
import { FakeCluster } from "../client/fake-cluster.ts"
import { FakeServer } from "../client/fake-server.ts"

const servers: FakeServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop()
})

const encode = (text: string) => new TextEncoder().encode(text)

function viewOf(change: Partial<View> = {}, addresses = ["a:1", "b:1", "c:1"]): View {
  const members = addresses.map((address, i): ViewMember => ({
    nodeId: String(i + 1).padStart(64, "0"),
    storageId: `s${i + 1}`,
    boot: 1,
    address,
    standing: "up",
    weight: 1,
    zone: "",
  }))
  const names = members.map((m) => m.storageId)
  const slots = Array.from({ length: 12 }, (_, i) => ({
    inSync: [names[i % names.length] as string, names[(i + 1) % names.length] as string],
    learners: [],
    slotEpoch: 1,
  }))
  const settings = {
    replicationFactor: 2,
    slotCount: 12,
    sync: true,
    transient: false,
    entryBytesMax: 1024,
    leaseMs: 3000,
    suspectMs: 1500,
    repairGraceMs: 30_000,
  }
  return { clusterId: "c", epoch: 7, members, voters: names, settings, slots, losses: [], ...change }
}

function withDown(view: View, storageId: string): View {
  const members = view.members.map((m) =>
    m.storageId === storageId ? { ...m, standing: "down" as const } : m,
  )
  return { ...view, members }
}

interface Rig {
  view: View | undefined
  nowMs: number
  readonly given: Order[]
  readonly told: (string | ValueMap)[]
  readonly orders: ClusterOrders
  ask(write: (writer: RequestWriter) => void): void
}

function rig(view: View | undefined = viewOf(), storageId = "s1"): Rig {
  const told: (string | ValueMap)[] = []
  const given: Order[] = []
  const answer: OrderAnswer = {
    done: () => void told.push("done"),
    document: (document) => void told.push(document),
    error: (errorCode, message) => {
      const name = Object.keys(code).find((n) => code[n as ErrorName] === errorCode)
      told.push(message === undefined ? `${name}` : `${name}: ${message}`)
    },
  }
  const made: Rig = {
    view,
    nowMs: 0,
    given,
    told,
    orders: new ClusterOrders(
      {
        get view() {
          return made.view
        },
        storageId,
        order: (order) => void given.push(order),
        now: () => ({ monotonicMs: made.nowMs, wallMs: 0 }),
      },
      "test",
    ),
    ask(write) {
      const writer = new RequestWriter()
      write(writer)
      const bytes = writer.copy()
      const request = new Request()
      expect(decodeRequest(bytes, 4, bytes.length, request)).toBe(0)
      made.orders.handle(request, answer)
    },
  }
  return made
}

const set = (name: string, value: string) => (writer: RequestWriter) =>
  writer.setRequest(1, 0, 10_000, encode(name), encode(value))
const remove =
  (node: string, force = 0) =>
  (writer: RequestWriter) =>
    writer.removeNodeRequest(1, 0, 10_000, encode(node), force)
const recover = (nodes: string) => (writer: RequestWriter) =>
  writer.aliasRequest(operation.cluster_recover, 1, 0, 10_000, encode(nodes))
const plan =
  (added: number, removed = "") =>
  (writer: RequestWriter) =>
    writer.planRequest(1, 0, 10_000, added, encode(removed))

describe("an order", () => {
  it("is answered when the view has it", () => {
    const r = rig()
    r.ask(set("replication_factor", "3"))
    expect(r.given).toEqual([{ kind: "set", change: { replicationFactor: 3 } }])
    r.orders.tick()
    expect(r.told).toEqual([])
    r.view = viewOf({ settings: { ...viewOf().settings, replicationFactor: 3 } })
    r.orders.tick()
    r.orders.tick()
    expect(r.told).toEqual(["done"])
  })

  it("that is fulfilled already is answered at once, and not given", () => {
    const r = rig()
    r.ask(set("replication_factor", "2"))
    expect([r.told, r.given]).toEqual([["done"], []])
  })

  it("that takes too long is a time-out", () => {
    const r = rig()
    r.ask(set("repair_grace_seconds", "5"))
    expect(r.given).toEqual([{ kind: "set", change: { repairGraceMs: 5000 } }])
    r.nowMs = 9_999
    r.orders.tick()
    expect(r.told).toEqual([])
    r.nowMs = 10_000
    r.orders.tick()
    expect(r.told).toEqual(["timeout"])
  })

  it("is one of few", () => {
    const r = rig()
    for (let i = 0; i < 65; i++) r.ask(set("suspect_ms", String(1600 + i)))
    expect(r.told).toEqual(["overloaded"])
  })

  it("is refused where it makes no sense", () => {
    const r = rig()
    r.ask(set("lease_ms", "1000"))
    r.ask(set("replication_factor", "5"))
    r.ask(set("replication_factor", "2.5"))
    r.ask(set("suspect_ms", "2501"))
    r.ask(remove("x:1"))
    r.ask(remove("b:1"))
    expect(r.told).toEqual([
      'invalid_argument: "lease_ms" is no setting that may change while the cluster runs: replication_factor, repair_grace_seconds, suspect_ms are.',
      "invalid_argument: replication_factor is a whole number from 1 to 4.",
      "invalid_argument: replication_factor is a whole number from 1 to 4.",
      "invalid_argument: suspect_ms is a whole number from 1000 to 2500.",
      'invalid_argument: No member has the node id or the address "x:1"; cluster_status lists them.',
    ])
    expect(r.given).toEqual([{ kind: "remove", storageId: "s2" }])
  })

  it("to give members up names them all, is refused unless all are down, and is answered with what was lost", () => {
    const up = rig()
    up.ask(recover("x:1"))
    up.ask(recover("b:1"))
    expect(up.told[0]).toMatch(/^invalid_argument: No member has .*"x:1"/)
    expect(up.told[1]).toMatch(/^invalid_argument: Nothing is given up: not all of b:1 are down/)
    const r = rig(withDown(viewOf(), "s2"))
    r.ask(recover("b:1,c:1"))
    expect(r.told[0]).toMatch(/not all of b:1,c:1 are down/)
    r.ask(recover("b:1,b:1"))
    expect([up.given, r.given]).toEqual([[], [{ kind: "recover", storageIds: ["s2"] }]])
    const members = viewOf().members.filter((member) => member.storageId !== "s2")
    const losses = [{ epoch: 8, lost: [{ storageId: "s2", address: "b:1" }], slots: [1, 4] }]
    r.view = viewOf({ epoch: 9, members, losses })
    r.orders.tick()
    expect(r.told[1]).toEqual({ nodes: ["b:1"], slots: 2, epoch: 9 })
  })

  it("to remove a node names it by address or id, and respects the factor and the only copy", () => {
    const two = rig(viewOf({}, ["a:1", "b:1"]))
    two.ask(remove("b:1"))
    two.ask(remove("0-0-0-2", 1))
    expect(two.told).toEqual(["factor_would_fall"])
    expect(two.given).toEqual([{ kind: "remove", storageId: "s2" }])
    const view = viewOf()
    const alone = { inSync: ["s3"], learners: [], slotEpoch: 1 }
    const r = rig(withDown({ ...view, slots: [alone, ...view.slots.slice(1)] }, "s3"))
    r.ask(remove("c:1", 1))
    expect(r.told).toEqual([
      "loss_not_accepted: Entries would be lost: c:1 is down and holds the only copy of some.",
    ])
  })

  it("is not taken by a node that is in no cluster", () => {
    const r = rig(undefined)
    r.view = undefined
    r.ask(remove("b:1"))
    r.ask(plan(1))
    expect(r.told).toEqual(Array(2).fill("unstable_cluster: This node is in no cluster yet."))
  })
})

describe("a node without a vote", () => {
  it("passes an order on to a voter, and tells its answer", async () => {
    const cluster = new FakeCluster()
    const asked: unknown[] = []
    cluster.behaviour = (r) => {
      asked.push([r.opcode, r.alias, r.content, r.quantity])
      return r.alias === "b:1" ? { do: "refuse", code: code.factor_would_fall } : { do: "answer" }
    }
    const server = await FakeServer.start(cluster)
    servers.push(server)
    const r = rig(viewOf({ voters: ["s2"] }, ["a:1", server.address, "b:1"]))
    r.ask(set("suspect_ms", "1700"))
    r.ask(remove("b:1", 1))
    while (r.told.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(r.told.toSorted()).toEqual([
      "done",
      "factor_would_fall: With fewer nodes the replication factor could not be kept.",
    ])
    expect(asked.toSorted()).toEqual([
      [operation.cluster_remove_node, "b:1", "", 1],
      [operation.cluster_set, "suspect_ms", "1700", 0],
    ])
    expect(r.given).toEqual([])
  })

  it("says that the cluster is unstable where no voter can be reached", async () => {
    const server = await FakeServer.start(new FakeCluster())
    await server.stop()
    const r = rig(viewOf({ voters: ["s2"] }, ["a:1", server.address, "b:1"]))
    r.ask(set("suspect_ms", "1700"))
    while (r.told.length < 1) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(String(r.told[0])).toMatch(/^unstable_cluster: No daemon could be reached/)
  })
})

describe("a plan", () => {
  it("tells who would hold how much, and what moves", () => {
    const r = rig()
    r.ask(plan(1))
    r.ask(plan(0, "c:1,c:1"))
    const [joined, removed] = r.told as [ValueMap, ValueMap]
    expect(joined).toMatchObject({
      epoch: 7,
      slots: 12,
      factor: { wanted: 2, reached: 2 },
      warnings: [],
      copies: 6,
    })
    expect((joined["members"] as ValueMap[]).map((m) => [m["nodeId"], m["address"], m["change"]])).toEqual([
      ["0-0-0-1", "a:1", "stays"],
      ["0-0-0-2", "b:1", "stays"],
      ["0-0-0-3", "c:1", "stays"],
      ["", "", "joins"],
    ])
    expect(joined["members"]).toContainEqual(
      expect.objectContaining({
        change: "joins",
        before: { primary: 0, replica: 0 },
        after: { primary: 3, replica: 3 },
      }),
    )
    expect(removed).toMatchObject({ copies: 8, factor: { wanted: 2, reached: 2 } })
    expect(removed["members"]).toContainEqual(
      expect.objectContaining({ address: "c:1", change: "leaves", after: { primary: 0, replica: 0 } }),
    )
    expect(JSON.stringify(removed["moves"])).toContain('"from":"0-0-0-3"')
  })

  it("warns of what would go wrong", () => {
    const two = rig(viewOf({}, ["a:1", "b:1"]))
    two.ask(plan(0, "b:1"))
    two.ask(plan(0, "a:1,b:1"))
    two.ask(plan(0, "x:1"))
    expect(two.told.map((t) => (typeof t === "string" ? t : t["warnings"]))).toEqual([
      ["the replication factor is 2, and there would be nodes for 1 copies only"],
      ["no member would be left that is up"],
      'invalid_argument: No member has the node id or the address "x:1"; cluster_status lists them.',
    ])
    const view = viewOf()
    const alone = { inSync: ["s3"], learners: [], slotEpoch: 1 }
    const r = rig(withDown({ ...view, slots: [alone, ...view.slots.slice(1)] }, "s3"))
    r.ask(plan(0, "c:1"))
    r.ask(plan(1))
    expect(r.told.map((t) => (t as ValueMap)["warnings"])).toEqual([
      ["1 slots would be lost: only nodes that are down hold them"],
      ["c:1 is down, and is planned without"],
    ])
  })
})

it("fulfilment is asked of the view alone", () => {
  expect(isFulfilled(viewOf(), { kind: "remove", storageId: "gone" })).toBe(true)
})
