/**
 * View 0: the storages that found a cluster together, as each of them records it once.
 */
import type { Address, NodeId, Settings, StorageId } from "./view.ts"

export interface Founder {
  readonly address: Address
  readonly nodeId: NodeId
  readonly storageId: StorageId
  readonly boot: number
  readonly weight: number
  readonly zone: string
}

export interface FoundingRecord {
  /** Sorted by node id. */
  readonly founders: readonly Founder[]
  /** Those of the first founder. */
  readonly settings: Settings
}
