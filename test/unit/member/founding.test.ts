/** Whole members on a small network of virtual time: founding, a death, a return. The simulator covers what goes wrong. */
import { describe, expect, it } from "vitest"
import { Network } from "./network.ts"

const addresses = ["10.0.0.1:2836", "10.0.0.2:2836", "10.0.0.3:2836"]

function founded(): Network {
  const network = new Network()
  const machines = addresses.map((address, at) =>
    network.add(
      address,
      String(at + 1),
      addresses.filter((peer) => peer !== address),
    ),
  )
  for (const machine of machines) network.start(machine)
  network.run(20_000, () => network.allServe())
  return network
}

describe("three founders", () => {
  it("agree on one cluster and serve every slot, once each", () => {
    const network = founded()
    expect(network.allServe()).toBe(true)
    const clusters = new Set([...network.machines.values()].map((machine) => machine.views.at(-1)?.clusterId))
    expect(clusters.size).toBe(1)
  })

  it("wait for the one that is missing, and name it", () => {
    const network = new Network()
    const machines = addresses.map((address) => network.add(address, address.at(7) ?? "1", addresses))
    for (const machine of machines.slice(0, 2)) network.start(machine)
    network.run(10_000)
    expect([...network.machines.values()].every((machine) => machine.views.length === 0)).toBe(true)
    expect(network.log.join("\n")).toContain(addresses[2])
  })
})

describe("a member that dies", () => {
  it("is taken out of its slots after its lease, and comes back with a higher boot", () => {
    const network = founded()
    const victim = network.machines.get(addresses[2] as string)
    if (victim === undefined) throw new Error("the third founder")
    network.kill(victim)
    network.run(30_000, () => network.allServe())
    expect(network.allServe()).toBe(true)
    network.start(victim)
    const { boot } = victim
    network.run(30_000, () => (victim.views.at(-1)?.members ?? []).some((member) => member.boot === boot))
    expect(boot).toBe(2)
    expect(victim.ended).toBeUndefined()
    expect(network.allServe()).toBe(true)
  })
})
