/**
 * Outcomes and errors as text or bytes. Four ways: raw for a file or pipe, readable and safe on a terminal, one result a line
 * in a script, and JSON.
 */
import { formatExpiry } from "../command/time.ts"
import type { QdbError } from "../client/error.ts"
import type { Value, ValueMap } from "../wire/writer.ts"
import { decode, safeContent, safeLine, safeText } from "./escape.ts"
import type { Outcome } from "./outcome.ts"
import { renderCluster } from "./render-cluster.ts"

/**
 * `raw`: a content is written as it is and nothing is added to it; `lines`: as it is, and a line end behind it, since further
 * results follow; `terminal`: the same, and safe to show.
 */
export type OutputStyle = "raw" | "lines" | "terminal"

const encoder = new TextEncoder()

/** @returns what standard output gets */
export function renderOutcome(outcome: Outcome, style: OutputStyle): Uint8Array {
  switch (outcome.kind) {
    case "done":
      return new Uint8Array(0)
    case "content":
    case "swap":
      return renderContent(outcome.content, style)
    case "boolean":
      return encoder.encode(`${outcome.value}\n`)
    case "aliases": {
      const shown = style === "terminal" ? outcome.aliases.map(safeLine) : outcome.aliases
      return encoder.encode(shown.map((alias) => `${alias}\n`).join(""))
    }
    case "expiry":
      return encoder.encode(`${formatExpiry(outcome.expiresAtMs)}\n`)
    case "document": {
      if (style !== "terminal") return encoder.encode(`${JSON.stringify(jsonOf(outcome.document))}\n`)
      const laidOut = renderCluster(outcome.document)
      return encoder.encode(safeText(laidOut ?? `${readableJson(outcome.document)}\n`))
    }
    case "removed":
      return encoder.encode(style === "terminal" ? `${outcome.count} entries removed\n` : "")
    case "text":
      return encoder.encode(outcome.text)
  }
}

function renderContent(content: Uint8Array, style: OutputStyle): Uint8Array {
  if (style === "raw") return content
  if (style === "terminal") return encoder.encode(`${safeContent(content)}\n`)
  const line = new Uint8Array(content.length + 1)
  line.set(content)
  line[content.length] = 0x0a
  return line
}

/**
 * The outcome as one line of JSON. Documents stand as they are; everything else is an object whose members the manual lists.
 * Contents that are not UTF-8 are `{"base64": "…"}`.
 */
export function renderJson(outcome: Outcome, terminal: boolean): Uint8Array {
  const text = JSON.stringify(jsonValueOf(outcome))
  return encoder.encode(`${terminal ? safeText(text) : text}\n`)
}

function jsonValueOf(outcome: Outcome): unknown {
  switch (outcome.kind) {
    case "done":
      return { ok: true }
    case "content":
      return { ok: true, content: jsonOf(outcome.content) }
    case "swap":
      return { ok: outcome.swapped, swapped: outcome.swapped, content: jsonOf(outcome.content) }
    case "boolean":
      return { ok: true, removed: outcome.value }
    case "aliases":
      return { ok: true, aliases: outcome.aliases }
    case "expiry":
      return { ok: true, expiresAtMs: outcome.expiresAtMs === 0 ? null : outcome.expiresAtMs }
    case "document":
      return jsonOf(outcome.document)
    case "removed":
      return { ok: true, removed: outcome.count }
    case "text":
      return { ok: true, text: outcome.text }
  }
}

/** More numbers than this in one list say nothing to a person; they are counted. */
const numbersShown = 16

/** JSON over several lines, with long lists of numbers told by their length. */
function readableJson(document: ValueMap): string {
  const short = (value: unknown): unknown => {
    const isLong = Array.isArray(value) && value.length > numbersShown
    return isLong && value.every((v) => typeof v === "number")
      ? `${value.length} numbers; --json shows them`
      : value
  }
  return JSON.stringify(jsonOf(document), (_, value: unknown) => short(value), 2)
}

/** Bytes become text or base64; everything else is JSON already. */
function jsonOf(value: Value): unknown {
  if (value instanceof Uint8Array) return decode(value) ?? { base64: Buffer.from(value).toString("base64") }
  if (Array.isArray(value)) return value.map(jsonOf)
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, jsonOf(member)]))
}

export interface ErrorStyle {
  readonly json: boolean
  readonly color: boolean
}

/** @returns what standard error gets: the message with its name, and what can be done */
export function renderError(error: QdbError, style: ErrorStyle): string {
  if (style.json) {
    const { name, code, message, solution, retryable, definite } = error
    return `${JSON.stringify({ ok: false, error: { name, code, message, solution, retryable, definite } })}\n`
  }
  return `${label(style)} ${safeLine(error.message)} (${error.name})\nhint: ${error.solution}\n`
}

/** @returns the same for a line that could not be understood */
export function renderUsage(message: string, usage: string | undefined, style: ErrorStyle): string {
  if (style.json) {
    return `${JSON.stringify({ ok: false, error: { name: "usage", message, solution: usage ?? "" } })}\n`
  }
  return `${label(style)} ${safeLine(message)}\n${usage === undefined ? "" : `usage: ${usage}\n`}`
}

function label(style: ErrorStyle): string {
  return style.color ? "\x1b[1;31merror:\x1b[0m" : "error:"
}
