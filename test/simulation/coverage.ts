/**
 * What a set of runs must have come across to count as a test. Everything here is counted from what happened, never from
 * what was meant to happen.
 */
export const coverageGate = [
  "view change by failure",
  "view change by join",
  "view change by leave",
  "view change by restart",
  "takeover",
  "promotion",
  "voters changed",
  "founded by a list",
  "founded alone",
  "founding given up",
  "started over",
  "ballot refused",
  "voter waits for a lease",
  "voter refused and later accepted",
  "eviction polled",
  "view told whole",
  "lease ran out while paused",
  "primary restarted within its lease",
  "statement made void by another view",
  "stopped cleanly",
  "stopped with an error",
  "refusal: old_copy",
  "refusal: wrong_cluster",
] as const

/** What runs of whole clusters must have come across besides. */
const clusterGate = [
  "cut-back of a log",
  "snapshot catch-up",
  "tail catch-up",
  "duplicate request answered from memory",
  "in_doubt",
  "unavailable slot that came back",
  "lease ran out while paused",
  "log replayed",
  "entry damaged on disk",
  "damaged replica",
  "replicas compared",
  "request forwarded",
  "records copied out of the ring",
  "differing replica copied anew",
  "tail of a given-up copy carried",
  "list complete",
  "factor changed",
  "member removed by an order",
  "all copies lost",
  "loss accepted",
  "connections broken",
  "event loop blocked",
  "slow client",
  "slow node",
  "answers wait to be read",
  "session closed: answers unread for long",
  "session held back: no room in the log",
  "refused: disk_full",
  "refusal: unsupported_version",
  "common version spoken",
  "session held back: answers unread",
  "refused: overloaded",
  "window full during catch-up",
  "large value appended",
  "large value copied",
  "large value forwarded",
  "large value sent back",
  "large value answered",
] as const

/** Invariants that replication can break. */
const clusterInvariants = [
  "I5",
  "I7",
  "I8",
  "I9",
  "I10",
  "I11",
  "I12",
  "I13",
  "I16",
  "I17",
  "I19",
  "I21",
  "I22",
  "I23",
  "I25",
  "I26",
  "I27",
  "linearizability",
] as const

/** Runs of clusters found one cluster each. */
const membersOnly: ReadonlySet<string> = new Set(["refusal: wrong_cluster"])

/** Invariants that membership alone can break; each must have been looked at. */
export const invariantsLookedAt = [
  "I1",
  "I2",
  "I3",
  "I4",
  "I6",
  "I14",
  "I15",
  "I18",
  "I20",
  "I24",
  "I28",
  "I29",
  "I30",
  "I31",
] as const

export function sum(into: Map<string, number>, from: ReadonlyMap<string, number>): void {
  for (const [name, count] of from) into.set(name, (into.get(name) ?? 0) + count)
}

/** @returns what was never come across, and what was never looked at */
export function lacking(
  seen: ReadonlyMap<string, number>,
  checks: ReadonlyMap<string, number>,
  isCluster = false,
): { readonly coverage: string[]; readonly invariants: string[] } {
  const gate = isCluster
    ? [...coverageGate.filter((what) => !membersOnly.has(what)), ...clusterGate]
    : coverageGate
  const invariants = isCluster ? [...invariantsLookedAt, ...clusterInvariants] : invariantsLookedAt
  return {
    coverage: gate.filter((what) => !seen.has(what)),
    invariants: invariants.filter((invariant) => !checks.has(invariant)),
  }
}
