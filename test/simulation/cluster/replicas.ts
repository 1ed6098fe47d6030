/** Whether the replicas of a cluster at rest are the same (I19): entries, and how far their logs go. */
import type { View } from "../../../src/core/view/view.ts"
import type { Machine } from "../machine.ts"
import type { ClusterContents } from "./contents.ts"
import { ClusterLogic } from "./logic.ts"

export function differences(machines: readonly Machine<ClusterContents>[], view: View): string[] {
  const wrong: string[] = []
  view.slots.forEach(({ inSync }, slot) => {
    const texts = new Map<string, string>()
    for (const storageId of inSync) {
      const machine = machines.find((each) => each.disk.durable.storageId === storageId)
      const { logic } = machine ?? {}
      if (logic instanceof ClusterLogic) texts.set(storageId, textOf(logic, slot))
    }
    if (new Set(texts.values()).size > 1)
      wrong.push(
        `slot ${slot}: ${[...texts].map(([storageId, text]) => `\n  ${storageId}: ${text}`).join("")}`,
      )
  })
  return wrong
}

function textOf(logic: ClusterLogic, slot: number): string {
  const { memory } = logic.storage
  const { sequence, committedSequence } = logic.node.replication.slot(slot)
  const entries = memory
    .ofSlot(slot)
    .map(([alias, { content, expiresAtMs }]) => `${alias}=${String.fromCharCode(...content)}@${expiresAtMs}`)
  return `${committedSequence}/${sequence} ${entries.join(" ")}`
}
