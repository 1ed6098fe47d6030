/** The replicas of a cluster at rest: whether they are the same (I19), and how one of them becomes another. */
import type { View } from "../../../src/core/view/view.ts"
import type { Machine } from "../machine.ts"
import { type ClusterContents, textOfContent } from "./contents.ts"
import { ClusterLogic } from "./logic.ts"

/** Entries, and how far the logs go. @returns where replicas differ */
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

/** Whether a slot has one replica in sync, and that one cannot be read in full: nothing can be copied from it. */
export function isUnreadable(machines: readonly Machine<ClusterContents>[], view: View): boolean {
  return view.slots.some(({ inSync }, slot) => {
    const [only, another] = inSync
    const holder = machines.find((machine) => machine.disk.durable.storageId === only)
    if (another !== undefined || holder === undefined) return false
    return [...holder.disk.durable.table.entries.values()].some(
      (entry) => entry.slot === slot && entry.isDamaged === true,
    )
  })
}

/** An entry that was changed by hand. */
export interface Corrupted {
  /** For people. */
  readonly text: string
  /** The disk may lose it otherwise than by being found out: the entry expires, or the node is stopped. */
  isThere(): boolean
  /**
   * Whether all replicas in sync have it, so that there is none that it differs from: a factor that falls may leave this one, or it may
   * lead before anybody has compared, and the others copy what it shows.
   */
  isEverywhere(view: View): boolean
}

/** Changes an entry of a backup on its disk and in its memory, with a checksum that holds. */
export function corruptBackup(
  machines: readonly Machine<ClusterContents>[],
  view: View,
): Corrupted | undefined {
  for (const [slot, { inSync }] of view.slots.entries()) {
    for (const storageId of inSync.slice(1)) {
      const machine = machines.find((each) => each.disk.durable.storageId === storageId)
      if (machine === undefined || !(machine.logic instanceof ClusterLogic)) continue
      const { table } = machine.disk.durable
      const { memory } = machine.logic.storage
      for (const [alias, entry] of table.entries) {
        const held = memory.entries.get(alias)
        if (entry.slot !== slot || held === undefined) continue
        // What the next flush writes anew would be whole again.
        if (Buffer.compare(entry.content, held.content) !== 0) continue
        const content = Uint8Array.from([...entry.content, 33])
        const entries = new Map(table.entries).set(alias, { ...entry, content })
        const isCorrupted = (holder: string) => {
          const found = machines.find((each) => each.disk.durable.storageId === holder)
          const kept = found?.disk.durable.table.entries.get(alias)
          return kept !== undefined && Buffer.compare(kept.content, content) === 0
        }
        machine.disk.durable = { ...machine.disk.durable, table: { ...table, entries } }
        memory.entries.set(alias, { ...held, content })
        return {
          text: `${alias} of slot ${slot} on n${machine.index}`,
          isThere: () => machine.disk.durable.table.entries.get(alias)?.content === content,
          isEverywhere: ({ slots }) => slots[slot]?.inSync.every(isCorrupted) === true,
        }
      }
    }
  }
  return undefined
}

function textOf(logic: ClusterLogic, slot: number): string {
  const { memory } = logic.storage
  const { role, sequence, matchedSequence, committedSequence } = logic.node.replication.slot(slot)
  // What an earlier primary sent and nobody acknowledged stays behind the present one's log until that goes on.
  const shared = role === "primary" ? sequence : Math.min(sequence, matchedSequence)
  const entries = memory
    .ofSlot(slot)
    .map(([alias, { content, expiresAtMs }]) => `${alias}=${textOfContent(content)}@${expiresAtMs}`)
  return `${committedSequence}/${shared} ${entries.join(" ")}`
}
