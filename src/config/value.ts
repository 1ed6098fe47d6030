/**
 * Values of settings: checked when they come as JSON (file), parsed when they come as text (flag, environment), and named
 * in messages. Both ways in end in the same checks, so that a flag can never set what a file could not.
 */
import { configListItemsMax } from "../core/lib/limits.ts"
import { addressKey, isWildcard, parseAddress } from "./address.ts"
import type { SettingValue } from "./config.ts"
import { printable } from "./problem.ts"
import type { Kind } from "./setting.ts"
import { parseBytes } from "./size.ts"

/** `index`: the item of a list that is meant. */
export interface Fault {
  readonly index?: number
  readonly wrong: string
}

export type Checked =
  | { readonly value: SettingValue; readonly faults?: never }
  | { readonly value?: never; readonly faults: readonly Fault[] }

const fault = (wrong: string): Checked => ({ faults: [{ wrong }] })

/** @returns what a kind allows, to follow a semicolon in a message */
export function allowedText(kind: Kind): string {
  switch (kind.type) {
    case "integer": {
      const unit = kind.unit === undefined ? "" : `${kind.unit}, `
      const zero = kind.zero === undefined ? "" : `; 0: ${kind.zero}`
      if (kind.names !== undefined)
        return `allowed: ${kind.names.map((name, n) => `${n} ${name}`).join(", ")}`
      if (kind.maximum === Number.MAX_SAFE_INTEGER)
        return `allowed: ${unit}an integer from ${kind.minimum} up${zero}`
      return `allowed: ${unit}an integer from ${kind.minimum} to ${kind.maximum}${zero}`
    }
    case "boolean":
      return "allowed: true, false"
    case "choice":
      return `allowed: ${kind.allowed.map((value) => JSON.stringify(value)).join(", ")}`
    case "path":
      return kind.empty === undefined ? "allowed: a path" : `allowed: a path, or "" for ${kind.empty}`
    case "paths":
      return `allowed: a list of paths`
    case "address": {
      const words = [
        ...(kind.auto === undefined ? [] : [`"auto" for ${kind.auto}`]),
        ...(kind.empty === undefined ? [] : [`"" for ${kind.empty}`]),
      ]
      return `allowed: ${["host:port, [IPv6]:port", ...words].join(", or ")}`
    }
    case "addresses":
      return "allowed: a list of host:port, [IPv6]:port"
    case "node_id":
      return "allowed: hex-hex-hex-hex, k/N with k from 1 to N, 0-0-0-0 or random to choose one"
  }
}

/** @returns a value as JSON, shortened for a message */
export function valueText(value: unknown): string {
  return printable(JSON.stringify(value) ?? String(value))
}

function typeName(value: unknown): string {
  if (value === null) return "null"
  if (Array.isArray(value)) return "a list"
  if (typeof value === "object") return "a section"
  return typeof value === "string" ? "text" : `a ${typeof value}`
}

const group = /^[0-9A-Fa-f]{1,16}$/

function checkNodeId(text: string): string | undefined {
  if (text === "random") return undefined
  const indexed = /^([0-9]{1,10})\/([0-9]{1,10})$/.exec(text)
  if (indexed !== null) {
    const [k, n] = [Number(indexed[1]), Number(indexed[2])]
    if (n < 1 || n > 2 ** 32) return "has a count that is not from 1 to 4294967296"
    return k >= 1 && k <= n ? undefined : `has an index that is not from 1 to ${n}`
  }
  const groups = text.split("-")
  if (groups.length !== 4) return "is not a node id"
  return groups.every((g) => group.test(g)) ? undefined : "has a group that is not 1 to 16 hexadecimal digits"
}

function checkPath(text: string): string | undefined {
  if (text === "") return "is empty"
  if (text.includes("\0")) return "has a NUL character"
  if (text.length > 4096) return "is longer than 4096 characters"
  return undefined
}

function checkList(
  value: readonly unknown[],
  check: (item: string) => string | undefined,
  key: (item: string) => string,
): Checked {
  if (value.length > configListItemsMax) return fault(`has more than ${configListItemsMax} items`)
  const faults: Fault[] = []
  const seen = new Map<string, number>()
  for (const [index, item] of value.entries()) {
    if (typeof item !== "string") {
      faults.push({ index, wrong: `is ${typeName(item)}, not text` })
      continue
    }
    const wrong = check(item)
    if (wrong !== undefined) {
      faults.push({ index, wrong })
      continue
    }
    const first = seen.get(key(item))
    if (first === undefined) seen.set(key(item), index)
    else faults.push({ index, wrong: `repeats item ${first}` })
  }
  return faults.length > 0 ? { faults } : { value: value as readonly string[] }
}

function checkPeer(text: string): string | undefined {
  const parsed = parseAddress(text)
  if (!parsed.ok) return parsed.wrong
  return isWildcard(parsed.value.host) ? "is a wildcard, which nobody can connect to" : undefined
}

const peerKey = (text: string): string => {
  const parsed = parseAddress(text)
  return parsed.ok ? addressKey(parsed.value) : text
}

function checkInteger(kind: Kind & { type: "integer" }, value: number): Checked {
  if (!Number.isFinite(value)) return fault("is not a finite number")
  if (!Number.isInteger(value)) return fault("is not an integer")
  if (value < kind.minimum) return fault("is too small")
  if (value > kind.maximum) return fault("is too large")
  // -0 is 0 to everybody but JSON.
  return { value: value === 0 ? 0 : value }
}

function checkString(kind: Kind, text: string): Checked {
  const result = (wrong: string | undefined): Checked =>
    wrong === undefined ? { value: text } : fault(wrong)
  switch (kind.type) {
    case "choice":
      return result(kind.allowed.includes(text) ? undefined : "is unknown")
    case "path":
      return kind.empty !== undefined && text === "" ? { value: text } : result(checkPath(text))
    case "node_id":
      return result(checkNodeId(text))
    case "address": {
      if ((kind.auto !== undefined && text === "auto") || (kind.empty !== undefined && text === ""))
        return { value: text }
      const parsed = parseAddress(text, kind.zeroPort ? 0 : 1)
      return parsed.ok ? { value: text } : fault(parsed.wrong)
    }
    default:
      return fault("is text")
  }
}

/** Checks a value of JSON. */
export function checkValue(kind: Kind, value: unknown): Checked {
  switch (kind.type) {
    case "integer": {
      if (typeof value === "number") return checkInteger(kind, value)
      if (typeof value !== "string") return fault(`is ${typeName(value)}, not a number`)
      const named = kind.names?.indexOf(value.toLowerCase()) ?? -1
      if (named >= 0) return { value: named }
      return fault(/^-?[0-9]+$/.test(value) ? "is a number in quotes" : "is text, not a number")
    }
    case "boolean":
      if (typeof value === "boolean") return { value }
      return fault(
        value === "true" || value === "false" ? "is in quotes" : `is ${typeName(value)}, not true or false`,
      )
    case "paths":
    case "addresses":
      if (!Array.isArray(value)) return fault(`is ${typeName(value)}, not a list`)
      return kind.type === "paths"
        ? checkList(value, checkPath, (item) => item)
        : checkList(value, checkPeer, peerKey)
    default:
      return typeof value === "string" ? checkString(kind, value) : fault(`is ${typeName(value)}, not text`)
  }
}

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false,
}

/** Parses and checks the text of a flag or variable; lists are separated by commas. */
export function parseValue(kind: Kind, text: string): Checked {
  switch (kind.type) {
    case "integer": {
      const digits = /^[+-]?[0-9]{1,30}$/.test(text)
      if (digits) return checkInteger(kind, Number(text))
      if (kind.unit === "bytes") {
        const bytes = parseBytes(text)
        return bytes.ok ? checkInteger(kind, bytes.value) : fault(bytes.wrong)
      }
      return kind.names === undefined ? fault("is not an integer") : namedOrFault(kind, text)
    }
    case "boolean": {
      const truth = Object.hasOwn(truths, text.toLowerCase()) ? truths[text.toLowerCase()] : undefined
      return truth === undefined ? fault("is not true or false") : { value: truth }
    }
    case "paths":
    case "addresses":
      return checkValue(kind, text === "" ? [] : text.split(",").map((item) => item.trim()))
    default:
      return checkValue(kind, text)
  }
}

function namedOrFault(kind: Kind & { type: "integer" }, text: string): Checked {
  const checked = checkValue(kind, text)
  return checked.value === undefined ? fault("is unknown") : checked
}
