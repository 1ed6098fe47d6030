/**
 * What is explored: which cluster, which events, and how many of each.
 */
import type { Settings } from "../../src/core/view/view.ts"

/** What may be proposed, at any moment, by any node: every one of these that is legal. */
export type CandidateKind =
  /** The primary of slot 0 loses its place to another in-sync replica. */
  | "evict"
  /** It changes places with another, without having released the slot. */
  | "swap"
  /** The same with a release, of whatever epoch, that it once gave. */
  | "handOver"
  /** A backup is dropped, and catches up again as a learner. */
  | "drop"
  /** The same, and it is no learner either. */
  | "remove"
  /** Who has no place becomes a learner. */
  | "learn"
  /** A learner becomes in sync, by a certificate, of whatever epoch, that was once given; or without any. */
  | "promote"
  /** A member's present boot. */
  | "boot"
  /** One voter more or less. */
  | "voter"
  /** Two changes of voters at once: never legal. */
  | "voters"

export interface Scope {
  readonly name: string
  /** Members of view 1 by number; three nodes exist. */
  readonly voters: readonly number[]
  readonly inSync: readonly number[]
  readonly learners: readonly number[]
  readonly candidates: readonly CandidateKind[]
  /** Views that may be decided after the first. */
  readonly viewsMax: number
  /** Proposals in all, and crashes with restart by node. */
  readonly proposalsMax: number
  readonly crashes: readonly [number, number, number]
  /** Whether leases are given and relied upon. `slow`: heartbeats and answers are messages like others, so many a node. */
  readonly leases: "none" | "prompt" | { readonly slow: number }
  /** So much time passes at a time. With a whole lease, a voter reckons for two steps; with half of one, for three. */
  readonly stepMs: number
  /**
   * `prompt`: a write is done with the event that asked for it. A crash before it is then the event not having happened, and
   * a crash after it the answer being lost. `slow`: other events come in between.
   */
  readonly disk: "prompt" | "slow"
  /** Whether refusals are delivered too. */
  readonly refusals: boolean
  /** Whether messages of decided instances, and of ballots that were given up, are delivered, too. */
  readonly late: boolean
  /** Suspends (the monotonic clock stands still) of the primary. */
  readonly suspends: number
  readonly statesMax: number
  readonly msMax: number
  /** Explored to its end. */
  readonly isWhole: boolean
}

export const leaseMs = 2_000

export const settings: Settings = Object.freeze({
  replicationFactor: 3,
  slotCount: 1,
  sync: true,
  transient: false,
  entryBytesMax: 1024,
  leaseMs,
  suspectMs: 1_500,
  repairGraceMs: 30_000,
})

const base: Scope = {
  name: "",
  voters: [0, 1, 2],
  inSync: [0, 1],
  learners: [],
  candidates: ["evict"],
  viewsMax: 1,
  proposalsMax: 2,
  crashes: [0, 0, 0],
  leases: "prompt",
  stepMs: leaseMs,
  disk: "prompt",
  refusals: false,
  late: false,
  suspends: 0,
  statesMax: 4_000_000,
  msMax: 60_000,
  isWhole: true,
}

/** Its end is out of reach: breadth first, all that is near is seen. */
const wide = { isWhole: false, msMax: 35_000 } as const

const scope = (name: string, changes: Partial<Scope>): Scope => ({ ...base, name, ...changes })

/** The scopes of the test; the mutants name those that catch them. */
export const scopes = {
  takeoverDuel: scope("takeover, two proposals", { candidates: ["evict", "drop"] }),
  duel: scope("two proposals, one crash each, reads aside", {
    candidates: ["evict", "drop"],
    crashes: [1, 1, 1],
    leases: "none",
  }),
  duelRefused: scope("two proposals with refusals, reads aside", {
    candidates: ["evict", "drop"],
    leases: "none",
    refusals: true,
  }),
  duelRestarted: scope("two proposals, a proposer that has no vote restarts, reads aside", {
    voters: [1, 2],
    candidates: ["evict", "drop"],
    crashes: [1, 0, 0],
    leases: "none",
    late: true,
  }),
  duelLate: scope("two proposals, messages of decided instances, reads aside", {
    candidates: ["evict", "drop"],
    leases: "none",
    late: true,
  }),
  slowDisk: scope("one proposal, slow disk, a crash each, reads aside", {
    proposalsMax: 1,
    crashes: [1, 0, 1],
    leases: "none",
    disk: "slow",
    ...wide,
  }),
  release: scope("hand-over by release", { candidates: ["handOver"], proposalsMax: 1 }),
  takeover: scope("takeover, a voter restarts", { proposalsMax: 1, crashes: [0, 0, 1] }),
  takeoverFine: scope("takeover in steps of half a lease", { proposalsMax: 1, stepMs: leaseMs / 2 }),
  restart: scope("the primary restarts", {
    candidates: ["evict", "boot"],
    proposalsMax: 1,
    crashes: [1, 0, 0],
  }),
  heartbeats: scope("heartbeats late and doubled", { proposalsMax: 1, leases: { slow: 1 } }),
  suspend: scope("the primary is suspended", { proposalsMax: 1, suspends: 1 }),
  handOver: scope("hand-over by release, two views", {
    candidates: ["handOver", "voter"],
    viewsMax: 2,
    ...wide,
  }),
  promote: scope("promotion by certificate, two views, reads aside", {
    inSync: [0],
    learners: [1],
    candidates: ["promote", "voter"],
    viewsMax: 2,
    leases: "none",
  }),
  alone: scope("alone in sync, then two, then the other", {
    inSync: [0],
    learners: [1],
    candidates: ["promote", "evict"],
    viewsMax: 2,
  }),
  voters: scope("voters change, three views", {
    voters: [0],
    inSync: [1, 2],
    candidates: ["voter", "voters", "evict"],
    viewsMax: 3,
    proposalsMax: 3,
    ...wide,
  }),
} satisfies Record<string, Scope>
