/** The answer to `cluster_plan`: the core's forecast (`core/member/forecast.ts`) with the names that people know. */
import { forecast } from "../../core/member/forecast.ts"
import { formatNodeId, type NodeId } from "../../core/ring/node-id.ts"
import { memberOf, type StorageId, type View, type ViewMember } from "../../core/view/view.ts"
import type { ClusterPlan } from "../../wire/status.ts"

export function clusterPlan(view: View, added: number, removed: readonly ViewMember[]): ClusterPlan {
  const told = forecast(view, added, new Set(removed.map((member) => member.storageId)))
  const nameOf = (storageId: StorageId): string => {
    const member = memberOf(view, storageId)
    return member === undefined ? storageId : formatNodeId(member.nodeId as NodeId)
  }
  const wanted = view.settings.replicationFactor
  return {
    epoch: view.epoch,
    factor: { wanted, reached: told.replicas },
    slots: view.slots.length,
    members: told.members.map(({ storageId, change, before, after }) => ({
      nodeId: storageId === "" ? "" : nameOf(storageId),
      address: memberOf(view, storageId)?.address ?? "",
      change,
      before: { ...before },
      after: { ...after },
    })),
    copies: told.copies,
    handOvers: told.handOvers,
    moves: told.moves.map(({ from, to, slots }) => ({ from: nameOf(from), to: nameOf(to), slots })),
    warnings: warningsOf(view, told.replicas, removed),
  }
}

function warningsOf(view: View, reached: number, removed: readonly ViewMember[]): string[] {
  const warnings: string[] = []
  const wanted = view.settings.replicationFactor
  if (reached === 0) warnings.push("no member would be left that is up")
  else if (reached < wanted)
    warnings.push(`the replication factor is ${wanted}, and there would be nodes for ${reached} copies only`)
  const gone = new Set(
    removed.filter((member) => member.standing === "down").map((member) => member.storageId),
  )
  const lost = view.slots.filter(({ inSync }) => inSync.every((storageId) => gone.has(storageId))).length
  if (lost > 0) warnings.push(`${lost} slots would be lost: only nodes that are down hold them`)
  for (const { address, standing } of view.members)
    if (standing === "down" && !removed.some((member) => member.address === address))
      warnings.push(`${address} is down, and is planned without`)
  return warnings
}
