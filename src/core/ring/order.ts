/**
 * The ring as Chord has it: nodes in order of id, each with a predecessor and a successor, the last followed by the
 * first. A view holds all members, so neighbours are looked up and never searched for over the network.
 */
import type { NodeId } from "./node-id.ts"

/**
 * @param ring ids in ascending order, without repetition
 * @returns the first id at or after `id`, going upwards and around; undefined on an empty ring
 */
export function ownerOf(ring: readonly NodeId[], id: NodeId): NodeId | undefined {
  return ring[lowerBound(ring, id)] ?? ring[0]
}

/** @returns the next node after `id`, which need not be on the ring; itself if it is alone there */
export function successorOf(ring: readonly NodeId[], id: NodeId): NodeId | undefined {
  const at = lowerBound(ring, id)
  return (ring[at] === id ? ring[at + 1] : ring[at]) ?? ring[0]
}

/** @returns the node before `id`, which need not be on the ring; itself if it is alone there */
export function predecessorOf(ring: readonly NodeId[], id: NodeId): NodeId | undefined {
  return ring[lowerBound(ring, id) - 1] ?? ring[ring.length - 1]
}

/** @returns the index of the first element that is not below `id` */
function lowerBound(ring: readonly NodeId[], id: NodeId): number {
  let low = 0
  let high = ring.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ring[middle] as NodeId) < id) low = middle + 1
    else high = middle
  }
  return low
}
