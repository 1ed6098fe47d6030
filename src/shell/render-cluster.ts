/**
 * The documents about a cluster as tables, for a person at a terminal. Scripts get JSON. What a node says is checked before it
 * is laid out: a member that is missing or of another kind shows as `?`, and a document of another shape is not laid out at all.
 */
import type { Value, ValueMap } from "../wire/writer.ts"

/** @returns the text, or undefined where the document is neither a status nor a plan */
export function renderCluster(document: ValueMap): string | undefined {
  const { members } = document
  if (!Array.isArray(members) || !members.every(isMap)) return undefined
  if ("state" in document && "reasons" in document) return renderStatus(document, members)
  if ("handOvers" in document && "warnings" in document) return renderPlan(document, members)
  return undefined
}

function renderStatus(document: ValueMap, members: readonly ValueMap[]): string {
  const { state, clusterId, epoch, reasons, moves } = document
  const factor = mapOf(document["factor"])
  const rows = members.map((member) => {
    const slots = mapOf(member["slots"])
    return [
      text(member["nodeId"]),
      text(member["address"]),
      text(member["state"]),
      member["voter"] === true ? "yes" : "no",
      text(slots["primary"]),
      text(slots["replica"]),
      text(member["version"]),
    ]
  })
  return [
    `cluster ${text(clusterId)}, view ${text(epoch)}: ${text(state)}`,
    `replication factor ${text(factor["wanted"])}, reached ${text(factor["reached"])}`,
    ...listOf(reasons).map((reason) => `- ${text(reason)}`),
    "",
    ...table([["node id", "address", "state", "votes", "primaries", "replicas", "version"], ...rows]),
    ...movesOf(listOf(moves)),
    "",
  ].join("\n")
}

const movesShown = 10

function movesOf(moves: readonly Value[]): string[] {
  if (moves.length === 0) return []
  const shown = moves.slice(0, movesShown).map((value) => {
    const move = mapOf(value)
    const { progress } = move
    const percent = typeof progress === "number" ? `${Math.floor(progress * 100)} %` : "?"
    const from = text(move["from"])
    return [
      `slot ${text(move["slot"])}`,
      from === "" ? "made anew" : `from ${from}`,
      `to ${text(move["to"])}`,
      percent,
    ]
  })
  const more = moves.length - shown.length
  return ["", `${moves.length} moves:`, ...table(shown), ...(more > 0 ? [`and ${more} more`] : [])]
}

function renderPlan(document: ValueMap, members: readonly ValueMap[]): string {
  const factor = mapOf(document["factor"])
  const rows = members.map((member) => {
    const before = mapOf(member["before"])
    const after = mapOf(member["after"])
    return [
      text(member["nodeId"]) === "" ? "(new)" : text(member["nodeId"]),
      text(member["address"]),
      text(member["change"]),
      `${text(before["primary"])} → ${text(after["primary"])}`,
      `${text(before["replica"])} → ${text(after["replica"])}`,
    ]
  })
  const { copies, handOvers, slots, epoch } = document
  return [
    `from view ${text(epoch)}: ${text(copies)} copies of slots to make, ${text(handOvers)} primaries to hand over; ${text(slots)} slots`,
    `replication factor ${text(factor["wanted"])}, reached ${text(factor["reached"])}`,
    ...listOf(document["warnings"]).map((warning) => `- ${text(warning)}`),
    "",
    ...table([["node id", "address", "change", "primaries", "replicas"], ...rows]),
    "",
  ].join("\n")
}

/** @returns lines of columns, two spaces apart */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  )
}

function text(value: Value | undefined): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "?"
}

function listOf(value: Value | undefined): readonly Value[] {
  return Array.isArray(value) ? value : []
}

function mapOf(value: Value | undefined): ValueMap {
  return isMap(value) ? value : {}
}

function isMap(value: Value | undefined): value is ValueMap {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  )
}
