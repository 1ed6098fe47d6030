/**
 * The one document that programs act on, checked before they do: `node_topology` routes a client's requests, so a broken
 * or hostile one must end as an error and not as requests to `undefined`. The other documents are only shown to people.
 */
import type { NodeReference, NodeTopology } from "./status.ts"
import type { Value, ValueMap } from "./writer.ts"

/** The slot count is a power of two of at most this (`core/ring/slot.ts`). */
const slotCountMax = 65536

/** @returns the document as a topology, or undefined where it is none */
export function topologyOf(document: ValueMap): NodeTopology | undefined {
  const { predecessor, center, successor, cluster_id, epoch, members, primaries } = document
  if (!isReference(predecessor) || !isReference(center) || !isReference(successor)) return undefined
  if (typeof cluster_id !== "string" || !isIndex(epoch, Number.MAX_SAFE_INTEGER)) return undefined
  if (!Array.isArray(members) || members.length === 0 || !members.every(isReference)) return undefined
  if (!Array.isArray(primaries) || !isSlotCount(primaries.length)) return undefined
  if (!primaries.every((index) => isIndex(index, members.length - 1))) return undefined
  return document as NodeTopology
}

function isReference(value: Value | undefined): value is NodeReference {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array)
    return false
  const { reference, endpoint } = value as ValueMap
  return typeof reference === "string" && typeof endpoint === "string" && reference !== "" && endpoint !== ""
}

function isIndex(value: Value | undefined, max: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max
}

function isSlotCount(count: number): boolean {
  return count > 0 && count <= slotCountMax && (count & (count - 1)) === 0
}
