/**
 * The view: all that the nodes of a cluster must agree on, as one immutable value. Epochs grow by one and every epoch has
 * one decided view, so `(clusterId, epoch)` names a view, and comparing epochs is all that is ever needed to tell which of
 * two views is newer.
 *
 * The lists name *storages*, not nodes: a node whose directory was wiped comes back with its old node id and nothing in
 * it, and must never be taken for the one that voted or that holds data. A member has the boot that it last announced,
 * because a restart forgets leases, certificates and releases, and so is a primary only in a view that names its present
 * boot (`cluster.md`, Restarts).
 *
 * A view is frozen when it is made and shared by reference from then on. Lists are sorted by node id (members, voters) so
 * that equal views have one form.
 */
import { assert } from "../lib/assert.ts"
import type { Loss } from "./loss.ts"

/** Random UUID written with the data directory. */
export type StorageId = string
/** 64 hexadecimal digits (`ring/node-id.ts`), which people see as `hex-hex-hex-hex`. */
export type NodeId = string
/** `host:port`. */
export type Address = string

/**
 * `up`: takes part. `down`: evicted, or stopped cleanly; keeps only places that are the last. `leaving`: to be removed
 * for good once all its replicas have moved.
 */
export type Standing = "up" | "down" | "leaving"

export interface ViewMember {
  readonly nodeId: NodeId
  readonly storageId: StorageId
  readonly boot: number
  readonly address: Address
  readonly standing: Standing
  /** Share of the slots relative to the others'; 1 unless an operator says otherwise. */
  readonly weight: number
  /** Failure domain, "" = none named: replicas go to different ones. */
  readonly zone: string
}

export interface SlotAssignment {
  /** Ordered; the first is the primary. Empty only in view 0. */
  readonly inSync: readonly StorageId[]
  /** Catching up. */
  readonly learners: readonly StorageId[]
  /** The epoch in which `inSync` or the primary's boot last changed. */
  readonly slotEpoch: number
}

/** What of the configuration the cluster agrees on. The view's win over a node's own. */
export interface Settings {
  readonly replicationFactor: number
  readonly slotCount: number
  readonly sync: boolean
  readonly transient: boolean
  readonly entryBytesMax: number
  readonly leaseMs: number
  readonly suspectMs: number
  readonly repairGraceMs: number
}

export interface View {
  readonly clusterId: string
  readonly epoch: number
  readonly members: readonly ViewMember[]
  readonly voters: readonly StorageId[]
  readonly settings: Settings
  readonly slots: readonly SlotAssignment[]
  /** What was given up for ever, oldest first (`loss.ts`); nothing, as a rule. */
  readonly losses: readonly Loss[]
}

/** @returns the member that this storage is, or undefined */
export function memberOf(view: View, storageId: StorageId): ViewMember | undefined {
  return indexOf(view).get(storageId)
}

/** Members by storage id, made once per view. */
const indexes = new WeakMap<View, ReadonlyMap<StorageId, ViewMember>>()
function indexOf(view: View): ReadonlyMap<StorageId, ViewMember> {
  let index = indexes.get(view)
  if (index === undefined) {
    index = new Map(view.members.map((member) => [member.storageId, member]))
    assert(index.size === view.members.length, "storages of a view are unique")
    indexes.set(view, index)
  }
  return index
}

/** @returns the primary of a slot */
export function primaryOf(assignment: SlotAssignment): StorageId {
  const primary = assignment.inSync[0]
  assert(primary !== undefined, "a slot has at least one in-sync replica")
  return primary
}

/** @returns how many of `voters` make a majority */
export function majorityOf(voters: readonly StorageId[]): number {
  return Math.floor(voters.length / 2) + 1
}

/** @returns whether those of `voters` for which `holds` is true are a majority of them */
export function isMajority(voters: readonly StorageId[], holds: (voter: StorageId) => boolean): boolean {
  let count = 0
  for (const voter of voters) if (holds(voter)) count++
  return voters.length > 0 && count >= majorityOf(voters)
}

/** Orders node ids as the ring does; in the form in which they travel that is the order of the strings. */
export function compareNodeIds(a: NodeId, b: NodeId): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * Freezes a view: from here on it is shared by reference. Its lists, and those of its slots, are held to that by their types
 * alone: engines give frozen arrays a form in which each element is looked up in a table, and who votes and who is in sync is
 * asked at every message.
 */
export function freezeView(view: View): View {
  return Object.freeze(view)
}

/** Of a node that is in no cluster yet. */
export const noView: View = Object.freeze({
  clusterId: "",
  epoch: 0,
  members: Object.freeze([]),
  voters: Object.freeze([]),
  settings: Object.freeze({
    replicationFactor: 1,
    slotCount: 0,
    sync: true,
    transient: false,
    entryBytesMax: 0,
    leaseMs: 0,
    suspectMs: 0,
    repairGraceMs: 0,
  }),
  slots: Object.freeze([]),
  losses: Object.freeze([]),
})
