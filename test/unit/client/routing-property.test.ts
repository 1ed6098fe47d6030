/**
 * The way of requests through a cluster that changes, by seeds: members join, leave, die, freeze and come back, views reach nodes
 * late, connections are reset, attempts are refused, lost, or executed later, and names lead nowhere for a while. Each request
 * ends exactly once and by its deadline, agrees with what was executed (`callers.ts`), and once the faults have stopped
 * nothing goes astray.
 */
import { describe, expect, it } from "vitest"
import { connect } from "../../../src/client/client.ts"
import { isWrite } from "../../../src/core/entry/operation.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { code } from "../../../src/wire/errors.ts"
import { Callers } from "./callers.ts"
import { type Action, FakeCluster } from "./fake-cluster.ts"
import { FakeRing } from "./fake-ring.ts"
import { VirtualWorld } from "./virtual-world.ts"

const addresses = Array.from({ length: 6 }, (_, i) => `10.0.0.${i + 1}:2836`)
const requestsWanted = 120

interface Outcome {
  readonly callers: Callers
  readonly ring: FakeRing
  /** How much later than its deadline the latest request ended, ms. */
  readonly overdueMs: number
  readonly strayAfterwards: number
  readonly connectionsLeft: number
}

function randomAction(prng: Prng): Action {
  if (prng.chance(8, 10)) return { do: "answer", delayMs: prng.between(0, 30) }
  switch (prng.below(6)) {
    case 0:
      return { do: "refuse", code: prng.pick([code.unstable_cluster, code.wrong_node, code.overloaded]) }
    case 1:
      return { do: "refuse", code: code.in_doubt, execute: prng.chance(1, 2), delayMs: prng.between(0, 500) }
    case 2:
      return { do: "reset", execute: prng.pick(["never", "before"] as const) }
    case 3:
      return { do: "reset", execute: "later", laterMs: prng.between(1, 8000) }
    case 4:
      return { do: "cut" }
    default:
      return { do: "answer", delayMs: prng.between(0, 5000) }
  }
}

/** One fault, or the end of one. */
function disturb(prng: Prng, ring: FakeRing, silent: Set<string>): void {
  const node = prng.pick(ring.members)
  const lateMs = (at: string) => (prng.chance(1, 3) && at !== "" ? prng.between(0, 2000) : 0)
  switch (prng.below(8)) {
    case 0:
      if (ring.members.filter((m) => !ring.isDead(m)).length > 2) ring.kill(node)
      break
    case 1:
      if (ring.members.filter((m) => !ring.isDead(m)).length > 2) ring.freeze(node)
      break
    case 2:
    case 3:
      for (const dead of ring.members) if (ring.isDead(dead)) ring.moveAway(dead, lateMs)
      break
    case 4:
      for (const dead of addresses) if (ring.isDead(dead) && prng.chance(1, 2)) ring.revive(dead)
      break
    case 5: {
      const outside = addresses.filter((a) => !ring.members.includes(a) && !ring.isDead(a))
      if (outside.length > 0) ring.decide({ members: [...ring.members, prng.pick(outside)].sort() }, lateMs)
      break
    }
    case 6:
      if (ring.members.length > 2) ring.decide({ members: ring.members.filter((m) => m !== node) }, lateMs)
      break
    default:
      if (silent.delete(node)) break
      silent.add(node)
  }
}

async function simulate(seed: number): Promise<Outcome> {
  const prng = new Prng(seed)
  const world = new VirtualWorld(new FakeCluster(), seed)
  const ring = new FakeRing(world, addresses.slice(0, 3))
  const silent = new Set<string>()
  const dial = world.dialOutcome
  world.dialOutcome = (address, n) => (silent.has(address) ? "silent" : dial(address, n))
  const callers = new Callers(ring.cluster)
  const client = await world.outcome(
    connect({ daemons: addresses.slice(0, 2), runtime: world.runtime(), timeoutMs: 20_000 }),
  )
  ring.serve = (request) => {
    if (isWrite(request.opcode)) callers.check(request)
    return isWrite(request.opcode) ? randomAction(prng) : { do: "answer" }
  }
  const chaos = () => {
    if (callers.told.size >= requestsWanted) return
    if (prng.chance(1, 3)) world.reset(prng.pick(ring.members))
    else disturb(prng, ring, silent)
    world.at(world.nowMs + prng.between(50, 1500), chaos)
  }
  chaos()
  let overdueMs = -Infinity
  const caller = async (name: number) => {
    for (let i = 0; i < requestsWanted / 8; i++) {
      const alias = `${name}.${i}`
      const timeoutMs = prng.between(500, 20_000)
      const endsMs = world.nowMs + timeoutMs
      const ask = prng.chance(1, 4)
        ? client.remove(alias, { timeoutMs })
        : client.put(alias, "x", { timeoutMs })
      await callers.settled(alias, ask)
      overdueMs = Math.max(overdueMs, world.nowMs - endsMs)
    }
  }
  await world.outcome(Promise.all(Array.from({ length: 8 }, (_, i) => caller(i))))
  // The faults stop: all come back, and the view is whole.
  ring.serve = () => ({ do: "answer" })
  silent.clear()
  for (const address of addresses) ring.revive(address)
  ring.decide({ members: ring.members })
  const afterwards = async (count: number, name: string) => {
    const all = Array.from({ length: count }, (_, i) => client.update(`${name}${i}`, "y"))
    await world.outcome(Promise.all(all))
    await world.run(() => false, world.nowMs + 3000)
  }
  for (let i = 0; i < 3; i++) await afterwards(60, `after${i}.`)
  ring.forwarded = 0
  const { sent, astray } = client.routing
  await afterwards(200, "last")
  const strayAfterwards = ring.forwarded + client.routing.astray - astray
  expect(client.routing.sent - sent).toBe(200)
  await world.outcome(client.close())
  await world.run(() => false)
  const connectionsLeft = addresses.reduce((sum, address) => sum + world.openTo(address), 0)
  return { callers, ring, overdueMs, strayAfterwards, connectionsLeft }
}

describe("requests through a changing cluster", () => {
  const outcomes = new Map<string, number>()
  let views = 0
  for (let group = 0; group < 6; group++) {
    it(`end once, in time, and truthfully: seeds ${group * 10} to ${group * 10 + 9}`, async () => {
      for (let seed = group * 10; seed < group * 10 + 10; seed++) {
        const run = await simulate(seed)
        const context = `seed ${seed}`
        expect(run.callers.told.size, context).toBe(requestsWanted)
        run.callers.expectAgreement()
        expect(run.overdueMs, context).toBeLessThan(50)
        expect(run.strayAfterwards, context).toBe(0)
        expect(run.connectionsLeft, context).toBe(0)
        views += run.ring.epoch
        for (const t of run.callers.told.values()) outcomes.set(t.outcome, (outcomes.get(t.outcome) ?? 0) + 1)
      }
    })
  }

  it("were tried with every outcome, and through many views", () => {
    for (const name of ["done", "in_doubt", "alias_not_found"])
      expect(outcomes.get(name) ?? 0, name).toBeGreaterThan(3)
    expect(outcomes.get("done")).toBeGreaterThan(60 * requestsWanted * 0.5)
    expect(views).toBeGreaterThan(300)
  })
})
