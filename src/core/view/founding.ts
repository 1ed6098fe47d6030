/**
 * View 0: the storages that found a cluster together, as each of them records it once. Boots are not in it: a founder that
 * restarts meanwhile is still the same founder.
 */
import { sameFields, sameSettings } from "./delta.ts"
import type { Address, NodeId, Settings, StorageId } from "./view.ts"

export interface Founder {
  readonly address: Address
  readonly nodeId: NodeId
  readonly storageId: StorageId
  readonly weight: number
  readonly zone: string
}

export interface FoundingRecord {
  /** Sorted by node id. */
  readonly founders: readonly Founder[]
  /** Those of the first founder. */
  readonly settings: Settings
}

/** @returns whether the two are the same view 0 */
export function sameFounding(a: FoundingRecord, b: FoundingRecord): boolean {
  if (a.founders.length !== b.founders.length || !sameSettings(a.settings, b.settings)) return false
  return a.founders.every((founder, i) => sameFields(founder, b.founders[i] as Founder))
}
