/** All that a seed decides about a run of a cluster: what membership's runs decide, clients, and what they want. */
import { Prng } from "../../../src/core/lib/prng.ts"
import type { WorkloadOptions } from "../data/workload.ts"
import type { Fault } from "../faults.ts"
import { drawOptions } from "../options.ts"
import type { SimulationOptions } from "../options.ts"
import { drawLoad, type LoadOptions } from "./load.ts"

/** Clients of the library. */
export interface ConnectedOptions {
  readonly clients: number
  /** Operations that each of them has under way. */
  readonly callers: number
  readonly dialTimeoutMs: number
  /** Of 1,000 things that a caller does so many are lists. */
  readonly scanPerMille: number
  /** Contents are made so long. */
  readonly contentBytes: number
}

export interface ClusterOptions extends SimulationOptions {
  /** Those whose requests are datagrams. */
  readonly clients: number
  /** Absent in seeds kept from before there were any. */
  readonly connected?: ConnectedOptions
  /** Somebody without the cluster's secret speaks to its nodes. */
  readonly stranger?: boolean
  /** Nodes ask for no secret: what they then believe is a test of the test. */
  readonly isOpen?: boolean
  /** Nodes start without an entry that their directory holds: another one. */
  readonly isForgetful?: boolean
  /** How long an operation may take, and one attempt of it. */
  readonly timeoutMs: number
  readonly attemptMs: number
  readonly workload: WorkloadOptions
  /** Log that nodes keep behind the table for others to catch up from. */
  readonly tailBytes: number
  /** Absent in seeds kept from before there was any. */
  readonly load?: LoadOptions
}

/** What dying is instructive after, in the data path. */
const labels = [
  "data append",
  "data appended",
  "data piece",
  "data taken",
  "data forward",
  "data forwarded",
  "reply",
] as const

/**
 * @param virtualMinutes how long faults go on
 * @param isCluster false: what membership's runs decide stays as it is
 */
export function drawClusterOptions(seed: number, virtualMinutes: number, isCluster = true): ClusterOptions {
  const base = drawOptions(seed, virtualMinutes)
  const prng = new Prng(seed * 2 + 77)
  const drawn = drawData(prng, base)
  if (!isCluster) return { ...drawn, ...base }
  const { load, faults } = drawLoad(seed, drawn)
  return { ...drawn, load, faults: [...drawn.faults, ...faults].sort((a, b) => a.atMs - b.atMs) }
}

function drawData(prng: Prng, base: SimulationOptions): ClusterOptions {
  return {
    ...base,
    // Two clusters have nothing to do with each other, as membership's own runs show; so here is one, and no wrong peer.
    bootstrap: base.bootstrap === "two" ? "list" : base.bootstrap,
    slotCount: prng.pick([1, 2, 4, 8]),
    replicationFactor: prng.pick([1, 2, 2, 2, 3, 4]),
    faults: [
      ...base.faults.filter(({ kind }) => kind !== "wrongPeer").map((fault) => aimAtData(prng, fault)),
      ...drawFlips(prng, base),
      ...drawOrders(prng, base),
    ].sort((a, b) => a.atMs - b.atMs),
    // The daemon's own where there are nodes enough to make up for it.
    tickMs: base.nodes < 4 ? 50 : 100,
    clients: prng.pick([0, 1, 1, 2]),
    connected: {
      clients: prng.between(1, 3),
      callers: prng.pick([1, 1, 2, 3]),
      dialTimeoutMs: prng.pick([1_000, 5_000]),
      scanPerMille: prng.pick([0, 10, 40]),
      contentBytes: prng.pick([0, 0, 60, 600]),
    },
    stranger: prng.chance(1, 4),
    timeoutMs: prng.pick([5_000, 20_000]),
    attemptMs: prng.pick([500, 2_000]),
    workload: {
      // One alone is hot.
      keys: prng.pick([1, 2, 4, 8]),
      thinkMsMax: prng.pick([20, 100, 400]),
      expiryPerMille: prng.pick([0, 0, 300]),
      expiryMsMax: prng.pick([500, 5_000]),
      keptKeys: prng.pick([0, 3]),
      locks: prng.pick([0, 1]),
      counters: prng.pick([0, 1]),
    },
    // The most is all of a short run, and not so much that long ones spend their time copying it.
    tailBytes: prng.pick([0, 500, 5_000, 200_000]),
  }
}

function drawFlips(prng: Prng, { nodes, virtualMs }: SimulationOptions): Fault[] {
  return Array.from({ length: prng.pick([0, 0, 1, 3]) }, () => ({
    kind: "bitFlip",
    target: { role: prng.pick(["primary", "backup"] as const), nth: prng.below(nodes) },
    nth: prng.below(100),
    atMs: prng.between(5_000, virtualMs - 1_000),
  }))
}

function drawOrders(prng: Prng, { nodes, virtualMs }: SimulationOptions): Fault[] {
  const atMs = () => prng.between(10_000, Math.max(10_000, virtualMs - 1_000))
  const faults: Fault[] = []
  if (prng.chance(1, 2))
    for (let i = prng.between(1, 3); i > 0; i--)
      faults.push({ kind: "setFactor", factor: prng.between(1, 4), atMs: atMs() })
  if (prng.chance(1, 4))
    faults.push({ kind: "remove", target: { role: "index", index: prng.below(nodes) }, atMs: atMs() })
  if (nodes > 3 && prng.chance(1, 4)) {
    const acceptedAfterMs = prng.pick([5_000, 12_000])
    const latestMs = Math.max(10_000, virtualMs - 40_000)
    faults.push({
      kind: "loseForGood",
      nth: prng.below(8),
      acceptedAfterMs,
      atMs: prng.between(10_000, latestMs),
    })
  }
  // Heartbeats pass and replication does not, or the reverse.
  if (prng.chance(1, 3))
    faults.push({
      kind: "loseAnswers",
      target: { role: prng.pick(["primary", "backup"] as const), nth: prng.below(nodes) },
      labels: prng.pick([
        ["data append", "data appended", "data piece", "data taken"],
        ["heartbeat", "heartbeatReply"],
      ]),
      durationMs: prng.between(500, 12_000),
      atMs: atMs(),
    })
  for (let i = prng.between(0, 3); i > 0; i--)
    faults.push({
      kind: "breakConnections",
      target: { role: "index", index: prng.below(nodes) },
      atMs: atMs(),
    })
  return faults
}

function aimAtData(prng: Prng, fault: Fault): Fault {
  if (fault.kind !== "killOnSend" || prng.chance(1, 2)) return fault
  return { ...fault, label: prng.pick(labels) }
}
