/**
 * Whether a process that has just started holds what its directory says (I12): the entries and the results of requests as of
 * the sequence that it counts as applied, no more and no less, wherever the one before it had died. The directory is replayed
 * here a second time, by the test's own table.
 */
import { recordKind } from "../../../src/core/entry/record.ts"
import { type ClusterContents, textOfContent } from "./contents.ts"
import type { ClusterLogic } from "./logic.ts"
import { flushed, live, type Table } from "./table.ts"

/** @returns how many slots were compared, and where one differs */
export function disagreement(
  contents: ClusterContents,
  { node, storage }: ClusterLogic,
): { readonly slots: number; readonly wrong: string | undefined } {
  const { slots } = node.replication
  const applied = (slot: number) => {
    const log = node.replication.slot(slot)
    return log.isIncomplete ? -1 : log.committedSequence
  }
  const records = live(contents.records).filter(({ head }) => {
    const { kind, slot, sequence } = head
    return kind !== recordKind.entry || sequence <= applied(slot)
  })
  const table = flushed(contents.table, records, Infinity)
  let count = 0
  for (const { slot, isIncomplete } of slots) {
    if (isIncomplete) continue
    count++
    const held = storage.memory.ofSlot(slot).map(([alias, entry]) => entryText(alias, entry))
    const told = [...table.entries]
      .filter(([, entry]) => entry.slot === slot)
      .map(([alias, entry]) => entryText(alias, entry))
    const wrong =
      differ("entries", held, told) ??
      differ("results", resultsHeld(node, slot), resultsTold(table, node, slot))
    if (wrong !== undefined) return { slots: count, wrong: `slot ${slot} at ${applied(slot)}: ${wrong}` }
  }
  return { slots: count, wrong: undefined }
}

function entryText(
  alias: string,
  { content, expiresAtMs }: { readonly content: Uint8Array; readonly expiresAtMs: number },
): string {
  return `${alias}=${textOfContent(content)}@${expiresAtMs}`
}

function resultsHeld({ replication }: ClusterLogic["node"], slot: number): string[] {
  const held: string[] = []
  for (const row of replication.clients.values())
    row.forEach(slot, (number, code, content) => {
      held.push(`${row.id}/${number}: ${code} ${content === undefined ? "" : textOfContent(content)}`)
    })
  return held
}

/** Those that the core may have dropped because a later floor stands in what is only prepared are left out. */
function resultsTold(table: Table, { replication }: ClusterLogic["node"], slot: number): string[] {
  const floors = new Map([...replication.clients.values()].map(({ id, floor }) => [id, floor]))
  return [...table.clients].flatMap(([id, { results }]) =>
    [...results]
      .filter(([number, result]) => result.slot === slot && number >= (floors.get(id) ?? Infinity))
      .map(
        ([number, { code, content }]) =>
          `${id}/${number}: ${code} ${content === undefined ? "" : textOfContent(content)}`,
      ),
  )
}

function differ(what: string, held: readonly string[], told: readonly string[]): string | undefined {
  const [a, b] = [held.toSorted().join(" | "), told.toSorted().join(" | ")]
  return a === b ? undefined : `holds the ${what} ${a}; its directory says ${b}`
}
