/** Moves wait for one another; nothing else waits for them. */
import { describe, expect, it } from "vitest"
import { heartbeatMs, moveGatherMs, wantsPerHeartbeatMax } from "../../../src/core/lib/limits.ts"
import type { Want } from "../../../src/core/member/event.ts"
import { isPressing, onlyMoves } from "../../../src/core/member/patience.ts"
import { freezeView, type Settings, type View } from "../../../src/core/view/view.ts"
import { drawView } from "../view/sample.ts"
import { type Machine, Network, settings } from "./network.ts"

const slotCount = 64
/** What a view takes to be told of, proposed and adopted. */
const viewMs = 1_000

class Cluster {
  readonly network = new Network()
  readonly machines: Machine[]
  /** When slots were released, and when views came. */
  readonly releasedAtMs: number[] = []

  constructor(count: number, others: Partial<Settings> = {}) {
    const { network } = this
    network.settings = { ...settings, slotCount, ...others }
    network.onEffect = (_machine, effect) => {
      if (effect.kind === "released") this.releasedAtMs.push(network.nowMs)
    }
    const addresses = Array.from({ length: count }, (_, i) => `n${i}:1`)
    this.machines = addresses.map((address, i) => network.add(address, String(i + 1), addresses))
    for (const machine of this.machines) network.start(machine)
    network.run(20_000, () => network.allServe())
  }

  get view(): View {
    return this.machines[0]?.member?.view as View
  }

  /** One more member. @returns in a view in which slots learn */
  join(): Machine {
    const machine = this.network.add("nx:1", "ff", [this.machines[0]?.address as string])
    this.machines.push(machine)
    this.network.start(machine)
    this.runUntil(() => this.view.slots.some(({ learners }) => learners.length > 0))
    this.network.run(50)
    return machine
  }

  runUntil(until: () => boolean): void {
    this.network.run(60_000, until)
    expect(until()).toBe(true)
  }

  /** Each primary vouches for some of its learners. */
  vouch(count: number): void {
    const { view } = this
    for (const machine of this.machines) {
      const { member } = machine
      if (member === undefined) continue
      const { storageId: primary, boot } = member.self
      const wants: Want[] = view.slots.flatMap(({ inSync, learners }, slot) =>
        inSync[0] === primary
          ? learners.map((learner) => ({
              kind: "promote",
              certificate: { epoch: view.epoch, slot, primary, boot, learner },
            }))
          : [],
      )
      this.network.hand(machine, { kind: "wants", wants: wants.slice(0, count) })
    }
  }

  promoted(before: View): number {
    return before.slots.filter(
      ({ learners }, slot) =>
        learners[0] !== undefined && this.view.slots[slot]?.inSync.includes(learners[0]),
    ).length
  }
}

describe("a view in which slots only move", () => {
  it("waits for more learners, and takes all that came meanwhile", () => {
    const cluster = new Cluster(3)
    cluster.join()
    const before = cluster.view
    expect(onlyMoves(before)).toBe(true)
    cluster.vouch(1)
    cluster.network.run(moveGatherMs / 2)
    cluster.vouch(2)
    cluster.network.run(moveGatherMs / 2 - viewMs)
    expect(cluster.view.epoch).toBe(before.epoch)
    cluster.network.run(2 * viewMs)
    expect(cluster.view.epoch).toBe(before.epoch + 1)
    expect(cluster.promoted(before)).toBe(6)
  })

  it("is told of them with the heartbeats that are due", () => {
    const cluster = new Cluster(3)
    cluster.join()
    const heartbeats = new Set<string>()
    const { network } = cluster
    network.onEffect = ({ address }, effect) => {
      if (effect.kind === "send" && effect.message.body.kind === "heartbeat")
        heartbeats.add(`${address} at ${network.nowMs}`)
    }
    const before = cluster.view
    for (let count = 1; count < 4; count++) {
      cluster.vouch(count)
      network.run(100)
    }
    expect(cluster.view.epoch).toBe(before.epoch)
    expect(heartbeats.size).toBeGreaterThan(0)
    expect(heartbeats.size).toBeLessThanOrEqual(cluster.machines.length)
  })

  it("is followed at once when all that learn have learnt", () => {
    const cluster = new Cluster(3)
    cluster.join()
    const before = cluster.view
    const beganMs = cluster.network.nowMs
    cluster.vouch(slotCount)
    cluster.runUntil(() => cluster.view.epoch > before.epoch)
    expect(cluster.network.nowMs - beganMs).toBeLessThan(heartbeatMs - 100)
    expect(cluster.promoted(before)).toBe(before.slots.filter(({ learners }) => learners.length > 0).length)
  })

  it("is followed at once when anything else is wanted", () => {
    const cluster = new Cluster(3)
    cluster.join()
    const { view, network } = cluster
    const slot = view.slots.findIndex(({ learners }) => learners.length === 0)
    const backup = cluster.machines.find((m) => m.member?.self.storageId === view.slots[slot]?.inSync[1])
    const beganMs = network.nowMs
    network.hand(backup as Machine, {
      kind: "wants",
      wants: [{ kind: "giveUp", epoch: view.epoch, slot }],
    })
    cluster.runUntil(() => cluster.view.epoch > view.epoch)
    expect(network.nowMs - beganMs).toBeLessThan(heartbeatMs - 100)
    expect(cluster.view.slots[slot]?.inSync).toHaveLength(1)
  })

  it("is followed at once when somebody fails", () => {
    const cluster = new Cluster(4, { leaseMs: 1_000, suspectMs: 1_000 })
    cluster.join()
    cluster.vouch(1)
    const { view, network } = cluster
    const last = cluster.machines[3] as Machine
    network.kill(last)
    const beganMs = network.nowMs
    cluster.runUntil(() => cluster.view.epoch > view.epoch)
    expect(cluster.view.members.find((m) => m.address === last.address)?.standing).toBe("down")
    expect(network.nowMs - beganMs).toBeLessThan(moveGatherMs - heartbeatMs)
  })

  it("is followed by another that says who leads, right behind the release", () => {
    const cluster = new Cluster(3)
    const newcomer = cluster.join()
    const { epoch } = cluster.view
    cluster.vouch(slotCount)
    cluster.runUntil(() => cluster.view.epoch > epoch && onlyMoves(cluster.view))
    cluster.releasedAtMs.length = 0
    const { network, view } = cluster
    const holds = view.slots.some(({ inSync }) => inSync.includes(newcomer.member?.self.storageId ?? ""))
    expect(holds, "there is somebody to hand over to").toBe(true)
    const enteredMs = network.nowMs
    cluster.vouch(1)
    cluster.runUntil(() => cluster.view.epoch > view.epoch)
    const first = cluster.releasedAtMs[0] as number
    expect(first - enteredMs).toBeGreaterThanOrEqual(moveGatherMs - 2 * heartbeatMs)
    expect(network.nowMs - first).toBeLessThan(viewMs / 2)
    const led = cluster.view.slots.filter(({ inSync }) => inSync[0] === newcomer.member?.self.storageId)
    expect(led.length).toBeGreaterThan(0)
  })
})

describe("a primary of so many moves that one heartbeat does not hold them", () => {
  it("tells as many at once", () => {
    const view = drawView(1, 3, 2 * wantsPerHeartbeatMax)
    const moving = freezeView({
      ...view,
      slots: view.slots.map(() => ({ inSync: ["s0", "s1"], learners: ["s2"], slotEpoch: 1 })),
    })
    const wants = Array.from({ length: wantsPerHeartbeatMax }, (): Want => {
      const certificate = { epoch: view.epoch, slot: 0, primary: "s0", boot: 1, learner: "s2" }
      return { kind: "promote", certificate }
    })
    expect(isPressing(moving, "s0", wants.slice(1))).toBe(false)
    expect(isPressing(moving, "s0", wants)).toBe(true)
  })
})

describe("a view in which replicas are missing", () => {
  it("is followed as soon as one primary vouches", () => {
    const cluster = new Cluster(3, { replicationFactor: 3 })
    const { network } = cluster
    const last = cluster.machines[2] as Machine
    network.kill(last)
    cluster.runUntil(() => cluster.view.members.some(({ standing }) => standing === "down"))
    network.start(last)
    cluster.runUntil(() => cluster.view.slots.some(({ learners }) => learners.length > 0))
    network.run(50)
    const before = cluster.view
    expect(onlyMoves(before)).toBe(false)
    cluster.vouch(1)
    const beganMs = network.nowMs
    cluster.runUntil(() => cluster.view.epoch > before.epoch)
    expect(network.nowMs - beganMs).toBeLessThan(viewMs)
    expect(cluster.promoted(before)).toBeGreaterThan(0)
  })
})
