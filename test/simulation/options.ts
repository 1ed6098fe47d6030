/**
 * All that a seed decides, as one typed object: the cluster, its surroundings, and the list of faults (TigerBeetle
 * `packet_simulator.zig`). It is plain data: it can be printed, kept, and shrunk fault by fault.
 */
import { Prng } from "../../src/core/lib/prng.ts"
import type { DiskTiming } from "./disk.ts"
import { drawFaults, drawLastFaults, drawLeftOver, drawMeeting, drawReplacements } from "./faults.ts"
import type { Fault } from "./faults.ts"
import type { LinkQuality } from "./network.ts"

export interface SimulationOptions {
  readonly seed: number
  /** How long faults go on; the cluster has `settleMs` more to become stable. */
  readonly virtualMs: number
  readonly settleMs: number
  readonly nodes: number
  /** `list`: all name each other. `first`: node 0 founds alone, the others name it. `chain`: each names the one before. `two`: every other node is of another cluster. */
  readonly bootstrap: "list" | "first" | "chain" | "two"
  /** Nodes start within this. */
  readonly startSpreadMs: number
  readonly slotCount: number
  readonly replicationFactor: number
  readonly sync: boolean
  readonly leaseMs: number
  readonly suspectMs: number
  readonly repairGraceMs: number
  readonly tickMs: number
  readonly wallErrorMs: number
  readonly network: LinkQuality
  readonly disk: DiskTiming
  /** How long a learner takes until its primary certifies it. */
  readonly catchUpMsMax: number
  /** Of 1,000 times that a node looks at its slots, it moves one so often. */
  readonly movesPerMille: number
  readonly faults: readonly Fault[]
  /** What befalls the cluster once more when it is stable and nothing else disturbs it; their times count from then. */
  readonly lastFaults?: readonly Fault[]
}

/** @param virtualMinutes how long faults go on */
export function drawOptions(seed: number, virtualMinutes: number): SimulationOptions {
  const options = drawDisturbed(seed, virtualMinutes)
  const prng = new Prng(seed * 2 + 2)
  const isLeftOver = prng.chance(1, 2)
  const more = isLeftOver ? drawLeftOver(prng, options) : []
  if (options.bootstrap === "two") more.push(drawMeeting(prng, options), drawMeeting(prng, options))
  return {
    ...options,
    faults: [...options.faults, ...more].sort((a, b) => a.atMs - b.atMs),
    // Among other faults somebody soon wants another view, and finishes what was begun without meaning to.
    lastFaults: isLeftOver ? drawLastFaults(prng, options.nodes, options.suspectMs) : [],
  }
}

function drawDisturbed(seed: number, virtualMinutes: number): SimulationOptions {
  const prng = new Prng(seed * 2 + 1)
  const virtualMs = virtualMinutes * 60_000
  const nodes = prng.between(3, 7)
  // Shorter ones would not outlast a few heartbeats, which come every half second.
  const leaseMs = prng.pick([3_000, 3_000, 6_000])
  const options = drawCluster(prng, seed, nodes, virtualMs, leaseMs)
  const surroundings = { virtualMs, nodes, leaseMs }
  if (!prng.chance(1, 8)) {
    // Where one node founds alone, whoever wipes it wipes the cluster: nothing to be learnt from that.
    const list = options.bootstrap === "list" || options.bootstrap === "two"
    const faults = drawFaults(prng, surroundings)
    return {
      ...options,
      faults: list ? faults : faults.map((f) => ("wipe" in f ? { ...f, wipe: false } : f)),
    }
  }
  // Replacing all voters within a lease takes a large cluster and a fast network.
  const large = { virtualMs, nodes: 7, leaseMs: 6_000 }
  return {
    ...options,
    ...large,
    bootstrap: "list",
    suspectMs: 3_000,
    network: calm,
    disk: { latencyMsMin: 0, latencyMsMax: 2 },
    tickMs: 50,
    faults: [...drawReplacements(prng, large), ...drawFaults(prng, large).slice(0, 10)].sort(
      (a, b) => a.atMs - b.atMs,
    ),
  }
}

function drawCluster(
  prng: Prng,
  seed: number,
  nodes: number,
  virtualMs: number,
  leaseMs: number,
): Omit<SimulationOptions, "faults"> {
  return {
    seed,
    virtualMs,
    settleMs: 60_000,
    nodes,
    bootstrap: prng.pick(["list", "list", "list", "first", "chain", nodes > 3 ? "two" : "list"] as const),
    startSpreadMs: prng.pick([0, 500, 5_000]),
    slotCount: prng.pick([2, 4, 8, 16]),
    replicationFactor: prng.between(1, 4),
    sync: prng.chance(4, 5),
    leaseMs,
    suspectMs: prng.pick([1_500, leaseMs / 2]),
    repairGraceMs: prng.pick([1_000, 5_000, 30_000]),
    tickMs: nodes < 5 ? 50 : prng.pick([50, 100, 100]),
    wallErrorMs: prng.pick([0, 100, 3_600_000]),
    network: drawQuality(prng),
    disk: prng.pick([
      { latencyMsMin: 0, latencyMsMax: 2 },
      { latencyMsMin: 1, latencyMsMax: 20 },
      { latencyMsMin: 5, latencyMsMax: 120 },
    ]),
    catchUpMsMax: prng.pick([200, 2_000, 10_000]),
    movesPerMille: prng.pick([0, 2, 10]),
  }
}

const calm: LinkQuality = {
  delayMsMin: 0,
  delayMsMax: 1,
  lossPerMille: 0,
  duplicatePerMille: 0,
  latePerMille: 0,
  lateMsMax: 0,
  reorders: false,
}

function drawQuality(prng: Prng): LinkQuality {
  return prng.pick<LinkQuality>([
    calm,
    {
      delayMsMin: 1,
      delayMsMax: 20,
      lossPerMille: 2,
      duplicatePerMille: 2,
      latePerMille: 1,
      lateMsMax: 60_000,
      reorders: true,
    },
    {
      delayMsMin: 1,
      delayMsMax: 80,
      lossPerMille: 20,
      duplicatePerMille: 30,
      latePerMille: 5,
      lateMsMax: 30_000,
      reorders: true,
    },
    {
      delayMsMin: 20,
      delayMsMax: 250,
      lossPerMille: 5,
      duplicatePerMille: 10,
      latePerMille: 10,
      lateMsMax: 20_000,
      reorders: true,
    },
  ])
}
