/**
 * The faults as data: what happens, to whom, when, for how long. A run carries out its list; shrinking a failing run
 * means leaving faults out. Targets may be roles, so that a fault still hits the coordinator after another was left out.
 *
 * Durations are drawn around what the protocol waits for (a lease, 1.1 leases, …), a few milliseconds before and after,
 * since that is where an off-by-one lies.
 */
import type { Prng } from "../../src/core/lib/prng.ts"
import { rateMax, rateMin } from "./clock.ts"
import type { LinkQuality } from "./network.ts"

export type Target =
  | { readonly role: "index"; readonly index: number }
  /** Of the newest decided view. `primary` is that of some slot. */
  | { readonly role: "coordinator" | "voter" | "primary" | "backup"; readonly nth: number }

export type FaultKind =
  // processes
  | { readonly kind: "kill"; readonly target: Target; readonly power: boolean; readonly downMs: number }
  | {
      readonly kind: "killMany"
      readonly which: "all" | "voterMajority" | "minority"
      readonly power: boolean
      readonly downMs: number
      readonly spreadMs: number
    }
  | {
      readonly kind: "killOnSend"
      readonly target: Target
      readonly label: string
      readonly power: boolean
      readonly downMs: number
      readonly wipe: boolean
      /** Cut off for so long instead of killed; 0 = killed. */
      readonly isolateMs: number
    }
  /** From then on it hears nothing, and is still heard. */
  | {
      readonly kind: "deafenOnSend"
      readonly target: Target
      readonly label: string
      readonly durationMs: number
    }
  /** It sees everything but answers of these kinds. */
  | {
      readonly kind: "loseAnswers"
      readonly target: Target
      readonly labels: readonly string[]
      readonly durationMs: number
    }
  | {
      readonly kind: "killOnPersist"
      readonly target: Target
      readonly when: "before" | "written" | "durable" | "failed"
      readonly power: boolean
      readonly downMs: number
      readonly wipe: boolean
    }
  | { readonly kind: "restartStorm"; readonly target: Target; readonly times: number; readonly gapMs: number }
  | { readonly kind: "rolling"; readonly gapMs: number; readonly downMs: number }
  | {
      readonly kind: "pause"
      readonly target: Target
      readonly durationMs: number
      readonly midStep: boolean
    }
  /** A primary that nobody hears while its lease runs, and voters that might forget having granted it. */
  | {
      readonly kind: "isolateFromVoters"
      readonly target: Target
      readonly voters: "restart" | "leave" | "stop"
      readonly afterMsMax: number
      /** The voters go first, by so much. */
      readonly isolateAfterMs: number
      readonly durationMs: number
    }
  // time
  | { readonly kind: "suspend"; readonly target: Target; readonly durationMs: number }
  | { readonly kind: "wallJump"; readonly target: Target; readonly byMs: number }
  | { readonly kind: "wallStrobe"; readonly target: Target; readonly byMs: number; readonly times: number }
  | { readonly kind: "drift"; readonly target: Target; readonly rate: number }
  // network
  | {
      readonly kind: "isolate"
      readonly target: Target
      readonly direction: "both" | "in" | "out"
      readonly durationMs: number
    }
  | {
      readonly kind: "cut"
      readonly a: Target
      readonly b: Target
      readonly oneWay: boolean
      readonly durationMs: number
    }
  | { readonly kind: "halves"; readonly side: number; readonly durationMs: number }
  | { readonly kind: "majorityRing"; readonly durationMs: number }
  | {
      readonly kind: "degrade"
      readonly target: Target
      readonly quality: LinkQuality
      readonly durationMs: number
    }
  | { readonly kind: "degradeAll"; readonly quality: LinkQuality; readonly durationMs: number }
  // disks
  | {
      readonly kind: "slowDisk"
      readonly target: Target
      readonly latencyMs: number
      readonly durationMs: number
    }
  | { readonly kind: "hangDisk"; readonly target: Target; readonly durationMs: number }
  | { readonly kind: "wipe"; readonly target: Target; readonly downMs: number }
  /** An entry on the disk of one replica does not match its checksum any more; others hold it whole. */
  | { readonly kind: "bitFlip"; readonly target: Target; readonly nth: number }
  | { readonly kind: "oldCopy"; readonly target: Target; readonly ageMs: number; readonly downMs: number }
  // topology
  | { readonly kind: "stop"; readonly target: Target; readonly downMs: number }
  | { readonly kind: "leave"; readonly target: Target }
  | { readonly kind: "join"; readonly count: number }
  | { readonly kind: "swapAddresses"; readonly a: Target; readonly b: Target; readonly downMs: number }
  // an operator's
  | { readonly kind: "setFactor"; readonly factor: number }
  /** By an order given to a voter, and not to the node itself. */
  | { readonly kind: "remove"; readonly target: Target }
  /** All that have some slot in sync are gone for ever, and after a while an operator accepts the loss. */
  | { readonly kind: "loseForGood"; readonly nth: number; readonly acceptedAfterMs: number }
  // load
  /** A node, or the client with that number, takes nothing of what it is sent. */
  | {
      readonly kind: "slowReader"
      readonly target: Target | { readonly client: number }
      readonly durationMs: number
    }
  /** One turn of the event loop takes so long: what was decided before is carried out after it. */
  | { readonly kind: "blockLoop"; readonly target: Target; readonly durationMs: number }
  /** No room for more entries. */
  | { readonly kind: "fullDisk"; readonly target: Target; readonly durationMs: number }
  /** Connections of clients break, in the middle of what is under way. */
  | { readonly kind: "breakConnections"; readonly target: Target }
  /** Restarted with a list of peers that names a node of another cluster, where there is another. */
  | { readonly kind: "wrongPeer"; readonly target: Target; readonly peer: Target; readonly downMs: number }

export type Fault = FaultKind & { readonly atMs: number }

/** Message kinds after which dying is instructive. */
const labels = [
  "prepare",
  "promise",
  "accept",
  "accepted",
  "refused",
  "heartbeatReply",
  "view",
  "deltas",
  "welcome",
  "hello",
]

interface Surroundings {
  readonly virtualMs: number
  readonly nodes: number
  readonly leaseMs: number
}

/** More than ten faults, since some find nothing to break, and more in longer runs; in the order of their times. */
export function drawFaults(prng: Prng, surroundings: Surroundings): Fault[] {
  const { virtualMs } = surroundings
  const count = prng.between(13, 13 + Math.ceil(virtualMs / 15_000))
  const faults: Fault[] = []
  // A cluster that shall found itself among faults needs some early ones.
  const early = prng.chance(1, 3) ? 3 : 0
  const budget = { wipes: 1, leaves: 1, joins: 2 }
  // A founder that is wiped in the midst of founding, which takes a few writes only.
  if (prng.chance(1, 4)) {
    budget.wipes = 0
    const target: Target = { role: "index", index: prng.below(surroundings.nodes) }
    const downMs = prng.pick([10, 500, 4_000])
    const fault = prng.chance(1, 2)
      ? { kind: "killOnPersist" as const, when: prng.pick(["before", "durable"] as const) }
      : {
          kind: "killOnSend" as const,
          label: prng.pick(["hello", "prepare", "promise", "accept", "accepted"]),
          isolateMs: 0,
        }
    faults.push({ ...fault, target, power: true, downMs, wipe: true, atMs: prng.between(1, 6_000) })
  }
  while (faults.length < count) {
    const fault = drawFault(prng, surroundings, budget)
    if (fault === undefined) continue
    const atMs = faults.length < early ? prng.between(100, 8_000) : prng.between(5_000, virtualMs - 1_000)
    faults.push({ ...fault, atMs })
    // Faults in company: two things at once find more than the same two apart.
    if (prng.chance(1, 3)) {
      const next = drawFault(prng, surroundings, budget)
      if (next !== undefined) faults.push({ ...next, atMs: atMs + prng.between(0, 4_000) })
    }
  }
  return faults.sort((a, b) => a.atMs - b.atMs)
}

/** All voters but an isolated primary leave within its lease, again and again: new ones must reckon with it. */
export function drawReplacements(prng: Prng, { virtualMs, leaseMs, nodes }: Surroundings): Fault[] {
  const faults: Fault[] = []
  for (let atMs = 15_000; atMs < virtualMs - 20_000; atMs += prng.between(30_000, 40_000))
    faults.push({
      kind: "isolateFromVoters",
      target: { role: "primary", nth: prng.below(nodes * 2) },
      voters: "leave",
      afterMsMax: prng.pick([0, 100]),
      isolateAfterMs: prng.between(0, leaseMs / 2),
      durationMs: leaseMs * 2,
      atMs,
    })
  return faults
}

/**
 * A primary is away for about as long as it takes to propose that it lose its place, and whoever proposes that never hears what
 * becomes of it. When all is well again nobody wants it any more, and it must still be finished.
 */
export function drawLeftOver(prng: Prng, { virtualMs, nodes, leaseMs }: Surroundings): Fault[] {
  const durationMs = prng.between(11_000, 13_000)
  const atMs = Math.max(1, virtualMs - durationMs - leaseMs - 3_000)
  const label = prng.pick(["prepare", "accept", "accept"])
  return [
    { ...drawAbsence(prng, nodes), durationMs: prng.between(1_500, leaseMs), atMs },
    { kind: "deafenOnSend", target: coordinator, label, durationMs, atMs: atMs + 1 },
  ]
}

/**
 * The same to a cluster that nothing else disturbs: the primary is back before the next voter proposes it, too, and the
 * coordinator misses nothing but answers to its proposal. If it missed all, primaries would soon want views without it.
 */
export function drawLastFaults(prng: Prng, nodes: number, suspectMs: number): Fault[] {
  const answers = prng.chance(1, 2) ? ["promise", "accepted", "refused"] : ["accepted", "refused"]
  return [
    { ...drawAbsence(prng, nodes), durationMs: suspectMs + prng.between(0, 1_300), atMs: 1 },
    { kind: "loseAnswers", target: coordinator, labels: answers, durationMs: 15_000, atMs: 0 },
  ]
}

const coordinator: Target = { role: "coordinator", nth: 0 }

function drawAbsence(prng: Prng, nodes: number) {
  const target: Target = { role: "primary", nth: prng.below(nodes * 2) }
  return { kind: "isolate", target, direction: "both" } as const
}

/** Somebody's list of peers is mixed up with that of the other cluster. */
export function drawMeeting(prng: Prng, { virtualMs, nodes }: Surroundings): Fault {
  return {
    kind: "wrongPeer",
    target: { role: "index", index: prng.below(nodes) },
    peer: { role: "index", index: prng.below(nodes) },
    downMs: prng.pick([1, 200, 5_000]),
    atMs: prng.between(15_000, Math.max(15_000, virtualMs - 10_000)),
  }
}

function drawTarget(prng: Prng, nodes: number): Target {
  const role = prng.pick(["index", "index", "coordinator", "voter", "primary", "backup"] as const)
  return role === "index" ? { role, index: prng.below(nodes) } : { role, nth: prng.below(nodes) }
}

/** Around the protocol's own times, or anything up to 20 s. */
function drawDurationMs(prng: Prng, leaseMs: number): number {
  if (prng.chance(1, 3)) return prng.between(50, 20_000)
  const leases = prng.pick([0.5, 1, 1.1, 1.5, 2.2, 3, 3.3, 6])
  return Math.max(1, Math.round(leases * leaseMs) + prng.between(-60, 60))
}

function drawFault(
  prng: Prng,
  { nodes, leaseMs }: Surroundings,
  budget: { wipes: number; leaves: number; joins: number },
): FaultKind | undefined {
  const target = drawTarget(prng, nodes)
  const durationMs = drawDurationMs(prng, leaseMs)
  const downMs = prng.pick([1, 200, 1_000, 5_000, durationMs])
  const power = prng.chance(1, 2)
  switch (prng.below(28)) {
    case 0:
    case 1:
      return { kind: "kill", target, power, downMs }
    case 2: {
      const which = prng.pick(["all", "voterMajority", "minority", "minority"] as const)
      return { kind: "killMany", which, power, downMs, spreadMs: prng.pick([0, 100, 3_000]) }
    }
    case 3: {
      // Right after its word is out, a primary hears no more of what becomes of it.
      const primary: Target = { role: "primary", nth: prng.below(nodes) }
      const label = prng.pick(["certificate", "certificate", "release"])
      const isolateMs = prng.chance(2, 3) ? durationMs + leaseMs * 2 : 0
      return { kind: "killOnSend", target: primary, label, power, downMs, wipe: false, isolateMs }
    }
    case 4:
      return {
        kind: "killOnSend",
        target,
        label: prng.pick(labels),
        power,
        downMs,
        wipe: false,
        isolateMs: 0,
      }
    case 5:
    case 6: {
      const when = prng.pick(["before", "written", "durable", "failed"] as const)
      return { kind: "killOnPersist", target, when, power, downMs, wipe: false }
    }
    case 7:
      return { kind: "restartStorm", target, times: prng.between(2, 6), gapMs: prng.pick([50, 700, 2_000]) }
    case 8:
      return { kind: "rolling", gapMs: prng.pick([500, 4_000, 8_000]), downMs: prng.pick([100, 1_000]) }
    case 9:
    case 10: {
      const leases = prng.pick([0.5, 1.1, 3, 20])
      return { kind: "pause", target, durationMs: Math.round(leases * leaseMs), midStep: prng.chance(1, 2) }
    }
    case 11:
      return { kind: "suspend", target, durationMs }
    case 12:
      return { kind: "wallJump", target, byMs: prng.pick([-3_600_000, -600, 400, 600, 3_600_000]) }
    case 13:
      return { kind: "wallStrobe", target, byMs: prng.pick([200, 3_600_000]), times: prng.between(5, 50) }
    case 14:
      return { kind: "drift", target, rate: prng.chance(1, 2) ? rateMax : rateMin }
    case 15:
    case 16:
      return { kind: "isolate", target, direction: prng.pick(["both", "in", "out"] as const), durationMs }
    case 17:
      return { kind: "cut", a: target, b: drawTarget(prng, nodes), oneWay: prng.chance(1, 2), durationMs }
    case 18:
      return { kind: "halves", side: prng.between(1, 2 ** nodes - 2), durationMs }
    case 19:
      return { kind: "majorityRing", durationMs }
    case 20:
      return { kind: "degrade", target, quality: badQuality(prng), durationMs }
    case 21:
      return { kind: "degradeAll", quality: badQuality(prng), durationMs }
    case 22:
      return prng.chance(2, 3)
        ? { kind: "slowDisk", target, latencyMs: prng.pick([100, 500]), durationMs: durationMs * 2 }
        : { kind: "hangDisk", target, durationMs }
    case 23:
      if (prng.chance(1, 2)) return { kind: "oldCopy", target, ageMs: prng.pick([5_000, 40_000]), downMs }
      return budget.wipes-- > 0 ? { kind: "wipe", target, downMs } : undefined
    case 25:
    case 26: {
      const voters = prng.pick(["restart", "restart", "stop", "leave"] as const)
      const primary: Target = { role: "primary", nth: prng.below(nodes) }
      const afterMsMax = prng.pick([0, 300, 1_000])
      return {
        kind: "isolateFromVoters",
        target: primary,
        voters,
        afterMsMax,
        isolateAfterMs: prng.pick([0, 0, 400, 800]),
        durationMs: durationMs + leaseMs,
      }
    }
    case 24:
      return prng.chance(1, 3)
        ? { kind: "swapAddresses", a: target, b: drawTarget(prng, nodes), downMs }
        : { kind: "stop", target, downMs }
    default:
      if (prng.chance(1, 2)) return budget.leaves-- > 0 ? { kind: "leave", target } : undefined
      return budget.joins-- > 0 ? { kind: "join", count: prng.between(1, 2) } : undefined
  }
}

function badQuality(prng: Prng): LinkQuality {
  return {
    delayMsMin: prng.pick([0, 50, 400]),
    delayMsMax: prng.pick([400, 900, 2_000]),
    lossPerMille: prng.pick([0, 50, 300]),
    duplicatePerMille: prng.pick([0, 50, 300]),
    latePerMille: prng.pick([0, 20, 100]),
    lateMsMax: prng.pick([8_000, 60_000]),
    reorders: true,
  }
}
