/**
 * What is explored of one slot's data path: where the replicas stand at first, what the client asks, which views may follow
 * one another, and how much may fail.
 */
import type { OperationName } from "../../src/core/entry/operation.ts"
import type { CandidateKind } from "./scope.ts"

export interface SlotRequest {
  readonly op: OperationName
  readonly alias: string
  readonly content?: string
  readonly comparand?: string
  readonly expiresAtMs?: number
  /** A write's; each is sent as often as the network likes, to whoever holds himself for the primary. */
  readonly number?: number
  readonly floor?: number
  /** It is not sent before this one is answered. */
  readonly after?: number
  /** Only this node is asked. */
  readonly node?: number
}

export interface SlotScope {
  readonly name: string
  readonly inSync: readonly number[]
  readonly learners: readonly number[]
  readonly requests: readonly SlotRequest[]
  /** So many of them are done and settled before the exploration begins. */
  readonly before: number
  readonly aliases: readonly string[]
  /** Views of these kinds, so many behind the first. */
  readonly candidates: readonly CandidateKind[]
  readonly viewsMax: number
  readonly crashes: readonly [number, number, number]
  /** `prompt`: what is appended is durable at once. */
  readonly disk: "prompt" | "slow"
  /** Where the disks are slow: those that are prompt all the same. */
  readonly promptDisks: readonly number[]
  /** Links, as `from>to`, that lose all. */
  readonly cut: readonly string[]
  /** Messages of older slot epochs arrive, too. */
  readonly late: boolean
  /** The log reaches back to its beginning: learners catch up by it, else by a snapshot. */
  readonly keepsLog: boolean
  /** Primaries lose patience with replicas. */
  readonly stalls: boolean
  readonly wallMs: readonly [number, number, number]
  /** By so much a wall clock may move on, once a node. */
  readonly clockStepMs: number
  readonly statesMax: number
  /** Of processor time. */
  readonly msMax: number
  /** Has to be explored to its end: what makes two states of one would else go unseen. */
  readonly isWhole: boolean
}

const put = (content: string, number: number, more: Partial<SlotRequest> = {}): SlotRequest => ({
  op: "update",
  alias: "a",
  content,
  number,
  ...more,
})

const base: SlotScope = {
  name: "",
  inSync: [0, 1],
  learners: [],
  before: 0,
  requests: [put("x", 1), put("y", 2)],
  aliases: ["a"],
  candidates: ["evict"],
  viewsMax: 1,
  crashes: [0, 0, 0],
  disk: "prompt",
  promptDisks: [],
  cut: [],
  late: false,
  keepsLog: true,
  stalls: false,
  wallMs: [1_000_000, 1_000_000, 1_000_000],
  clockStepMs: 0,
  statesMax: 1_500_000,
  msMax: 120_000,
  isWhole: true,
}

/** Larger than can be looked at: a million states and more of it are. */
const beyond = { isWhole: false, msMax: 60_000 } as const

const scope = (name: string, changes: Partial<SlotScope>): SlotScope => ({ ...base, name, ...changes })

export const slotScopes = {
  slotTakeover: scope("a slot of two: two writes, a takeover", {}),
  slotCrash: scope("a slot of two: a write, slow disks, the primary restarts, a takeover", {
    requests: [put("x", 1)],
    candidates: ["evict", "boot"],
    crashes: [1, 0, 0],
    disk: "slow",
  }),
  slotBackupCrash: scope("a slot of two: a write, slow disks, the backup restarts", {
    requests: [put("x", 1)],
    candidates: ["boot"],
    crashes: [0, 1, 0],
    disk: "slow",
  }),
  slotThree: scope("a slot of three: two writes, a takeover, messages of the deposed primary", {
    ...beyond,
    inSync: [0, 1, 2],
    requests: [put("x", 1, { node: 0 }), put("y", 2, { node: 1 })],
    late: true,
  }),
  slotTails: scope("a slot of three: divergent tails, two takeovers, the middle primary restarts", {
    ...beyond,
    inSync: [0, 1, 2],
    requests: [put("x", 1, { node: 0 }), put("y", 2, { node: 1 })],
    candidates: ["swap", "boot"],
    viewsMax: 2,
    crashes: [0, 1, 0],
  }),
  slotRemoval: scope("a slot of two: a write, the backup is removed and comes back by its log", {
    requests: [put("x", 1)],
    candidates: ["drop", "promote", "evict"],
    viewsMax: 3,
    stalls: true,
  }),
  slotLearner: scope("a learner of a slot of one: a write, promoted, then primary", {
    inSync: [0],
    learners: [1],
    requests: [put("x", 1)],
    candidates: ["promote", "evict"],
    viewsMax: 2,
  }),
  slotSolo: scope("a slot of one: a write, a learner comes, slow disks, the primary restarts", {
    ...beyond,
    inSync: [0],
    requests: [put("x", 1)],
    candidates: ["learn", "promote"],
    viewsMax: 2,
    crashes: [1, 0, 0],
    disk: "slow",
  }),
  slotCertificate: scope("a slot of two with a learner: a write, a takeover, the learner is promoted", {
    inSync: [0, 1],
    learners: [2],
    requests: [put("x", 1, { node: 0 })],
    candidates: ["swap", "promote"],
    viewsMax: 2,
  }),
  slotTail: scope("a slot of two with a learner and slow disks: a write, a swap, the learner is promoted", {
    inSync: [0, 1],
    learners: [2],
    requests: [put("x", 1, { node: 0 })],
    candidates: ["swap", "promote"],
    viewsMax: 2,
    disk: "slow",
    promptDisks: [0, 1],
    cut: ["0>2", "2>0"],
  }),
  slotMove: scope("a slot moves by a snapshot and is handed over; retries all along", {
    inSync: [0],
    learners: [1],
    before: 1,
    requests: [put("x", 1), { op: "get_update", alias: "a", content: "y", number: 2 }],
    candidates: ["promote", "handOver", "remove"],
    viewsMax: 3,
    keepsLog: false,
  }),
  slotPieces: scope("a slot is learnt by a snapshot of two pieces, which a late refusal asks for once more", {
    inSync: [0],
    learners: [1],
    before: 2,
    requests: [put("x", 1), put("v", 2, { alias: "b" }), put("y", 3, { node: 0 })],
    aliases: ["a", "b"],
    candidates: ["promote"],
    keepsLog: false,
  }),
  slotSwap: scope("a slot of two: a write, the primary changes places with its backup", {
    requests: [put("x", 1, { node: 0 })],
    candidates: ["swap"],
  }),
  slotForeign: scope("a slot of two: the deposed primary comes back as a learner with a tail of its own", {
    ...beyond,
    requests: [put("x", 1, { node: 0 }), put("y", 2, { node: 1 })],
    candidates: ["evict", "learn"],
    viewsMax: 2,
  }),
  slotSnapshot: scope("a slot moves by a snapshot; a retry meets the new primary", {
    inSync: [0],
    before: 1,
    requests: [put("x", 1)],
    candidates: ["learn", "promote", "evict"],
    viewsMax: 3,
    keepsLog: false,
  }),
  slotFloor: scope("retries below the floor, a takeover", {
    requests: [put("x", 1), put("y", 2, { floor: 2, after: 0 })],
  }),
  slotExpiry: scope("an entry expires by the first primary's clock, and the second one's is slow", {
    requests: [
      put("x", 1, { expiresAtMs: 1_500_000, node: 0 }),
      { op: "get", alias: "a", node: 0 },
      put("y", 2, { node: 1 }),
    ],
    clockStepMs: 1_000_000,
  }),
} satisfies Record<string, SlotScope>
