/** A start from a directory with a view on it: what counts as a word of the voters, and what an old copy comes to. */
import { expect, it } from "vitest"
import type { PeerMessage } from "../../../src/core/member/event.ts"
import { Network, type Machine } from "./network.ts"

const addresses = ["a", "b", "c"]

/** Three nodes in a cluster; the first is started once more from its directory, and what welcomes that start is kept. */
function startedAgain() {
  const network = new Network()
  const [first, ...others] = addresses.map((address, i) =>
    network.add(address, String(i + 1), addresses),
  ) as [Machine, ...Machine[]]
  for (const machine of [first, ...others]) network.start(machine)
  network.run(10_000, () => network.allServe())
  network.kill(first)
  const copy = { disk: { ...first.disk }, boot: first.boot }
  const welcomes: PeerMessage[] = []
  network.onEffect = (_, effect) => {
    if (effect.kind === "send" && effect.address === first.address && effect.message.body.kind === "welcome")
      welcomes.push(effect.message)
  }
  network.start(first)
  network.run(10_000, () => first.member?.phase === "active")
  network.onEffect = () => {}
  expect(welcomes.length).toBeGreaterThanOrEqual(others.length)
  return { network, first, copy, welcomes }
}

it("is a member again once a majority of the voters has answered this process", () => {
  const { network, first } = startedAgain()
  network.run(10_000, () => network.allServe())
  expect(network.allServe()).toBe(true)
  expect(first.ended).toBeUndefined()
})

it("does not take an answer to an earlier process for one to itself, though boot and directory are the same", () => {
  const { network, first, copy, welcomes } = startedAgain()
  network.run(10_000, () => network.allServe())
  network.kill(first)
  // Put back from the copy: the next start has the boot that the cluster knows by now.
  first.disk = copy.disk
  first.boot = copy.boot
  network.isolate(first)
  network.start(first)
  network.run(600)
  // On their way since then: answers of a time when nobody knew of that boot yet.
  for (const message of welcomes) network.hand(first, { kind: "message", message })
  network.run(5_000)
  expect(first.member?.phase).toBe("rejoining")
  network.heal()
  network.run(5_000)
  expect(first.ended).toBe("failed")
  expect(network.log.at(-1)).toMatch(/old copy/)
})
