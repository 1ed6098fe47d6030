/** Waiting for a cluster, in virtual time: how often it asks, and what it says was missing when the time is over. */
import { describe, expect, it } from "vitest"
import { watchCluster } from "../../../src/client/cluster-watch.ts"
import { type QdbError, qdbError } from "../../../src/client/error.ts"
import { clusterWatchMs, dialTimeoutMsDefault } from "../../../src/core/lib/limits.ts"
import type { ValueMap } from "../../../src/wire/writer.ts"
import { FakeCluster } from "./fake-cluster.ts"
import { VirtualWorld } from "./virtual-world.ts"

type Answer = ValueMap | QdbError | "none"

const waits: ValueMap = { state: "serving", reasons: ["10.0.0.3:2836 is not up"] }
const isStable = ({ state }: ValueMap) => state === "stable"

/** Waits with these answers, the last again and again. @returns what came of it, and when each question was asked */
async function watch(timeoutMs: number, ...answers: Answer[]) {
  const world = new VirtualWorld(new FakeCluster(), 1)
  const runtime = world.runtime()
  const askedMs: number[] = []
  const ask = (options: { timeoutMs: number }) =>
    new Promise<ValueMap>((resolve, reject) => {
      const answer = answers[Math.min(askedMs.length, answers.length - 1)] as Answer
      askedMs.push(world.nowMs)
      if (answer === "none") world.at(world.nowMs + options.timeoutMs, () => reject(qdbError("timeout")))
      else if (answer instanceof Error) reject(answer)
      else resolve(answer)
    })
  const watched = watchCluster(ask, runtime, isStable, timeoutMs)
  const message = await world.outcome(watched.then(String, (error: Error) => error.message))
  return { message, askedMs, endedMs: world.nowMs }
}

describe("waiting for a cluster", () => {
  it("asks until it is as wanted", async () => {
    const { askedMs } = await watch(10_000, waits, qdbError("unstable_cluster"), { state: "stable" })
    expect(askedMs).toEqual([0, clusterWatchMs, 2 * clusterWatchMs])
  })

  it("says at the end what the last answer named, though a question that was cut short found none", async () => {
    const { message, endedMs } = await watch(297.2, waits, "none")
    expect(message).toBe("The cluster is not as wanted after 0.3 s: 10.0.0.3:2836 is not up.")
    expect(endedMs).toBeLessThan(297.2 + clusterWatchMs)
  })

  it("says that nobody answers any more where a question had all its time", async () => {
    const { message } = await watch(2 * dialTimeoutMsDefault, waits, "none")
    expect(message).toBe(
      `The cluster is not as wanted after 10 s: ${qdbError("timeout").message.replace(/\.$/, "")}.`,
    )
  })

  it("ends at once where no waiting helps", async () => {
    const { message, endedMs } = await watch(10_000, waits, qdbError("invalid_argument"))
    expect([message, endedMs]).toEqual([qdbError("invalid_argument").message, clusterWatchMs])
  })
})
