/** Where a setting's value came from, and what is wrong with one; both are printed for people and compared by tests. */
import type { SettingPath } from "./config.ts"

export type Origin =
  | { readonly kind: "default" }
  /** Lines and columns count from 1; a column is a character (code point). */
  | { readonly kind: "file"; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: "flag"; readonly name: string }
  | { readonly kind: "environment"; readonly name: string }
  /** The cluster agreed on this value; a joining node adopts it. */
  | { readonly kind: "cluster" }

export interface Problem {
  /** Missing where the command line as a whole is meant. */
  readonly origin?: Origin
  /** A setting's path, or the unknown one that was written. */
  readonly path?: string
  /** The value as it was written, shortened. */
  readonly value?: string
  /** What is wrong, and after a semicolon what is allowed. */
  readonly message: string
}

export type Origins = { readonly [P in SettingPath]: Origin }

const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g

/** @returns text from outside, fit for one line of a terminal */
export function printable(text: string, lengthMax = 80): string {
  const safe = text.replace(controls, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return safe.length > lengthMax ? `${safe.slice(0, lengthMax)}…` : safe
}

/** @returns `FILE:12:5`, `flag --sessions`, `environment QDB_…`, `default` or `cluster` */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case "file":
      return `${printable(origin.file, 4096)}:${origin.line}:${origin.column}`
    case "flag":
      return `flag ${printable(origin.name)}`
    case "environment":
      return `environment ${printable(origin.name)}`
    default:
      return origin.kind
  }
}

/** @returns `FILE:LINE:COLUMN: path = value: what is wrong; what is allowed` */
export function problemText(problem: Problem): string {
  const parts: string[] = []
  if (problem.origin !== undefined) parts.push(originText(problem.origin))
  if (problem.path !== undefined) {
    const path = printable(problem.path)
    parts.push(problem.value === undefined ? path : `${path} = ${problem.value}`)
  }
  parts.push(problem.message)
  return parts.join(": ")
}
