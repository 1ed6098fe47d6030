/** Orders of an operator, and what a change would move, told beforehand and compared with what then happens. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { orderMs } from "../../../src/core/lib/limits.ts"
import { forecast } from "../../../src/core/member/forecast.ts"
import { isFulfilled, type Order, Orders, refusalOf } from "../../../src/core/member/order.ts"
import { memberOf, type View } from "../../../src/core/view/view.ts"
import { type Machine, Network, settings } from "./network.ts"

function founded(
  count: number,
  changed: Partial<typeof settings> = {},
): { network: Network; machines: Machine[] } {
  const network = new Network()
  network.copies = true
  network.settings = { ...settings, ...changed }
  const addresses = Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}:2836`)
  const machines = addresses.map((address, at) => network.add(address, String(at + 1), addresses))
  for (const machine of machines) network.start(machine)
  network.run(20_000, () => network.allServe() && isEven(viewOf(machines)))
  return { network, machines }
}

/** The newest view that anybody has. */
function viewOf(machines: readonly Machine[]): View {
  const views = machines.flatMap((machine) => machine.views.at(-1) ?? [])
  return views.reduce((newest, view) => (view.epoch > newest.epoch ? view : newest))
}

/** Every slot has its replicas, and nothing moves. */
function isEven(view: View): boolean {
  const up = view.members.filter((member) => member.standing === "up").length
  const wanted = Math.min(view.settings.replicationFactor, up)
  return view.slots.every(({ inSync, learners }) => inSync.length === wanted && learners.length === 0)
}

function give(network: Network, machine: Machine, order: Order): void {
  network.hand(machine, { kind: "order", order, forMs: orderMs })
}

const storageOf = (machine: Machine) => `${machine.address}#${machine.generation}`
const at = (machines: readonly Machine[], index: number) => machines[index] as Machine

describe("an order to set something", () => {
  it("holds for all, whoever got it, and is followed by the copies that it needs", () => {
    const { network, machines } = founded(3)
    give(network, at(machines, 2), { kind: "set", change: { replicationFactor: 3, repairGraceMs: 5000 } })
    network.run(20_000, () => viewOf(machines).settings.replicationFactor === 3 && isEven(viewOf(machines)))
    expect(viewOf(machines).settings).toEqual({ ...settings, replicationFactor: 3, repairGraceMs: 5000 })
    expect(viewOf(machines).slots.every(({ inSync }) => inSync.length === 3)).toBe(true)
    give(network, at(machines, 0), { kind: "set", change: { replicationFactor: 1 } })
    network.run(20_000, () => viewOf(machines).settings.replicationFactor === 1 && isEven(viewOf(machines)))
    expect(viewOf(machines).slots.every(({ inSync }) => inSync.length === 1)).toBe(true)
    // The newest view is at first one node's; a slot handed over in it is served when its new primary has it, too.
    network.run(1000, () => network.allServe())
    expect(network.allServe()).toBe(true)
  })

  it("that is so already changes nothing", () => {
    const { network, machines } = founded(3)
    network.run(3000)
    const { epoch } = viewOf(machines)
    give(network, at(machines, 0), { kind: "set", change: { replicationFactor: 2 } })
    network.run(3000)
    expect(viewOf(machines).epoch).toBe(epoch)
  })

  it("is given up when its time is over", () => {
    const orders = new Orders()
    const { machines } = founded(1)
    const order: Order = { kind: "set", change: { suspectMs: 1 } }
    expect(orders.take(order, 1000, { monotonicMs: 500, wallMs: 0 })).toBe(true)
    expect(orders.present(viewOf(machines), { monotonicMs: 1499, wallMs: 0 })).toEqual([order])
    expect(orders.present(viewOf(machines), { monotonicMs: 1500, wallMs: 0 })).toEqual([])
    expect(orders.open).toEqual([])
  })

  it("is one of few that a voter keeps", () => {
    const orders = new Orders()
    const now = { monotonicMs: 0, wallMs: 0 }
    const taken = Array.from({ length: 300 }, (_, i) =>
      orders.take({ kind: "set", change: { suspectMs: i } }, 1000, now),
    )
    expect(taken.filter((t) => t).length).toBe(256)
  })
})

describe("an order to remove a node", () => {
  it("moves its slots first, then its vote, then ends it", () => {
    const { network, machines } = founded(4)
    const leaver = at(machines, 0)
    const order: Order = { kind: "remove", storageId: storageOf(leaver) }
    let alwaysServed = true
    give(network, at(machines, 2), order)
    network.run(60_000, () => {
      const view = viewOf(machines)
      if (view.slots.some(({ inSync }) => inSync.length < 2)) alwaysServed = false
      return leaver.ended !== undefined && isEven(view)
    })
    expect(leaver.ended).toBe("stopped")
    expect(network.log.join("\n")).toContain("has left the cluster")
    const view = viewOf(machines)
    expect(view.members.map((member) => member.address)).toEqual(machines.slice(1).map((m) => m.address))
    expect(view.voters.length).toBe(3)
    expect(isFulfilled(view, order)).toBe(true)
    expect([alwaysServed, network.allServe()]).toEqual([true, true])
  })

  it("takes a node out that is down, once it holds nothing any more", () => {
    const { network, machines } = founded(4, { repairGraceMs: 1000 })
    const dead = at(machines, 0)
    network.kill(dead)
    network.run(30_000, () => memberOf(viewOf(machines), storageOf(dead))?.standing === "down")
    give(network, at(machines, 1), { kind: "remove", storageId: storageOf(dead) })
    network.run(30_000, () => memberOf(viewOf(machines), storageOf(dead)) === undefined)
    const view = viewOf(machines)
    expect(view.members.length).toBe(3)
    expect(view.voters).not.toContain(storageOf(dead))
    network.run(30_000, () => isEven(viewOf(machines)))
    expect(isEven(viewOf(machines))).toBe(true)
  })

  it("leaves a cluster with fewer nodes than the factor, where that is forced", () => {
    const { network, machines } = founded(2)
    const order: Order = { kind: "remove", storageId: storageOf(at(machines, 1)) }
    expect(refusalOf(viewOf(machines), order, false)).toBe("factor_would_fall")
    expect(refusalOf(viewOf(machines), order, true)).toBeUndefined()
    give(network, at(machines, 0), order)
    network.run(60_000, () => at(machines, 1).ended !== undefined)
    expect(at(machines, 1).ended).toBe("stopped")
    expect(viewOf(machines).members.length).toBe(1)
    expect(network.allServe()).toBe(true)
  })

  it("is refused where something would be lost, whatever is forced, and for the last node, and for who is none", () => {
    const { network, machines } = founded(2, { replicationFactor: 1 })
    network.kill(at(machines, 1))
    network.run(30_000, () => memberOf(viewOf(machines), storageOf(at(machines, 1)))?.standing === "down")
    const view = viewOf(machines)
    const remove = (storageId: string): Order => ({ kind: "remove", storageId })
    expect(refusalOf(view, remove(storageOf(at(machines, 1))), true)).toBe("loss_not_accepted")
    expect(refusalOf(view, remove(storageOf(at(machines, 0))), true)).toBe("factor_would_fall")
    expect(refusalOf(view, remove("nobody"), true)).toBe("no_such_member")
    expect(refusalOf(view, { kind: "set", change: {} }, false)).toBeUndefined()
  })
})

describe("a forecast", () => {
  it("tells what happens when a node joins", () => {
    const { network, machines } = founded(3)
    network.run(5000)
    const before = viewOf(machines)
    const told = forecast(before, 1, new Set())
    const fourth = network.add("10.0.0.4:2836", "9", ["10.0.0.1:2836"])
    network.start(fourth)
    const all = [...machines, fourth]
    network.run(
      60_000,
      () => viewOf(all).members.length === 4 && isEven(viewOf(all)) && evenPrimaries(viewOf(all)),
    )
    const after = viewOf(all)
    const held = (storageId: string) => after.slots.filter((slot) => slot.inSync.includes(storageId)).length
    for (const member of told.members) {
      const storageId = member.storageId === "" ? storageOf(fourth) : member.storageId
      expect(member.after.primary + member.after.replica, member.change).toBe(held(storageId))
    }
    const copied = after.slots.reduce(
      (sum, { inSync }, slot) => sum + inSync.filter((s) => !before.slots[slot]?.inSync.includes(s)).length,
      0,
    )
    // The cluster plans anew from view to view, and may come to another slot on its way.
    expect(copied).toBeGreaterThanOrEqual(told.copies)
    expect(copied).toBeLessThanOrEqual(told.copies + 1)
    expect(told.moves.reduce((sum, move) => sum + move.slots, 0)).toBe(told.copies)
    expect(told.members.map((member) => member.change)).toEqual(["stays", "stays", "stays", "joins"])
  })

  it("keeps every slot whole, whoever comes and goes", () => {
    const { machines } = founded(5, { slotCount: 64, replicationFactor: 3 })
    const view = viewOf(machines)
    fc.assert(
      fc.property(fc.nat(6), fc.subarray([0, 1, 2, 3]), (added, removed) => {
        const told = forecast(view, added, new Set(removed.map((index) => storageOf(at(machines, index)))))
        const members = 5 + added - removed.length
        expect(told.replicas).toBe(Math.min(3, members))
        const total = told.members.reduce((sum, m) => sum + m.after.primary + m.after.replica, 0)
        expect(total).toBe(64 * told.replicas)
        const primaries = told.members.filter((m) => m.change !== "leaves").map((m) => m.after.primary)
        expect(Math.max(...primaries) - Math.min(...primaries)).toBeLessThanOrEqual(1)
        for (const member of told.members) {
          if (member.change === "leaves") expect(member.after).toEqual({ primary: 0, replica: 0 })
        }
        if (added === 0 && removed.length === 0) expect([told.copies, told.handOvers]).toEqual([0, 0])
      }),
      { seed: 3, numRuns: 60 },
    )
  })
})

function evenPrimaries(view: View): boolean {
  const counts = view.members.map((m) => view.slots.filter((s) => s.inSync[0] === m.storageId).length)
  return Math.max(...counts) - Math.min(...counts) <= 1
}
