/**
 * Exactly once, by seeds: several callers write through one client while connections are lost at every moment, replies are
 * cut, delayed and reordered, nodes refuse, lie silent, or execute later what lay in a buffer. Afterwards, with everything
 * that was still in flight delivered, what was executed must agree with what each caller was told (`callers.ts`).
 */
import { describe, expect, it } from "vitest"
import { connect } from "../../../src/client/client.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { code } from "../../../src/wire/errors.ts"
import { Callers } from "./callers.ts"
import { type Action, FakeCluster } from "./fake-cluster.ts"
import { VirtualWorld } from "./virtual-world.ts"

const daemons = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]
const refusals = [
  code.unstable_cluster,
  code.wrong_node,
  code.overloaded,
  code.shutting_down,
  code.disk_full,
  code.entry_too_large,
]
const doubts = [code.in_doubt, code.timeout, code.internal_error]

function randomAction(prng: Prng): Action {
  if (prng.chance(6, 10)) return { do: "answer", delayMs: prng.between(0, 40) }
  const delayMs = prng.between(0, 40)
  switch (prng.below(7)) {
    case 0:
      return { do: "refuse", code: prng.pick(refusals), delayMs }
    case 1:
      return { do: "refuse", code: prng.pick(doubts), execute: prng.chance(1, 2), delayMs }
    case 2:
      return { do: "reset", execute: prng.pick(["never", "before"] as const) }
    case 3:
      return { do: "reset", execute: "later", laterMs: prng.between(1, 8000) }
    case 4:
      return { do: "cut" }
    case 5:
      return prng.chance(1, 3) ? { do: "ignore", execute: prng.chance(1, 2) } : { do: "answer" }
    default:
      return { do: "answer", delayMs: prng.between(0, 2000) }
  }
}

async function simulate(seed: number): Promise<Callers> {
  const prng = new Prng(seed)
  const cluster = new FakeCluster()
  const world = new VirtualWorld(cluster, seed)
  world.dialOutcome = () => (prng.chance(1, 5) ? prng.pick(["refused", "silent"] as const) : "open")
  let client = undefined as Awaited<ReturnType<typeof connect>> | undefined
  while (client === undefined) {
    const connecting = connect({ daemons, runtime: world.runtime(), timeoutMs: 6000, learnAddresses: false })
    client = await world.outcome(connecting.catch(() => undefined))
  }
  const callers = new Callers(cluster)
  cluster.behaviour = (request) => {
    callers.check(request)
    return randomAction(prng)
  }
  const chaos = () => {
    world.reset(prng.pick(daemons))
    if (callers.told.size < 60) world.at(world.nowMs + prng.between(50, 900), chaos)
  }
  chaos()
  // Each alias is written by one request only, so its execution is told by its number.
  const caller = async (name: number) => {
    for (let i = 0; i < 10; i++) {
      const alias = `${name}.${i}`
      const control = new AbortController()
      if (prng.chance(1, 10)) world.at(world.nowMs + prng.between(0, 300), () => control.abort())
      const options = { signal: control.signal, timeoutMs: prng.between(200, 6000) }
      const ask = prng.chance(1, 4) ? client.remove(alias, options) : client.put(alias, `c${alias}`, options)
      await callers.settled(alias, ask)
    }
  }
  await world.outcome(Promise.all([0, 1, 2, 3, 4, 5].map(caller)))
  await world.outcome(client.close())
  // What lies in buffers is delivered.
  await world.run(() => false)
  return callers
}

describe("exactly once", () => {
  const outcomes = new Map<string, number>()
  for (let group = 0; group < 6; group++) {
    it(`holds for seeds ${group * 10} to ${group * 10 + 9}`, async () => {
      for (let seed = group * 10; seed < group * 10 + 10; seed++) {
        const run = await simulate(seed)
        expect(run.told.size).toBe(60)
        run.expectAgreement()
        for (const t of run.told.values()) outcomes.set(t.outcome, (outcomes.get(t.outcome) ?? 0) + 1)
      }
    })
  }

  it("was tried with every outcome", () => {
    for (const name of ["done", "in_doubt", "timeout", "cancelled", "alias_not_found", "disk_full"]) {
      expect(outcomes.get(name) ?? 0, name).toBeGreaterThan(3)
    }
  })

  it("a seed gives the same run again", async () => {
    const trace = (run: Callers) => JSON.stringify([[...run.told.values()], run.cluster.log])
    const stripped = (text: string) => text.replaceAll(/"client":"[^"]*"/g, "")
    expect(stripped(trace(await simulate(7)))).toBe(stripped(trace(await simulate(7))))
  })
})
