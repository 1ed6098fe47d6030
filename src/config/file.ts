/**
 * The configuration file: strict JSON, read so that every value keeps its place. quasardb ignored what it did not
 * understand, so that a mistyped replication factor silently meant 1; here everything unknown, repeated or malformed is a
 * problem with a line and a column, and all of them are told at once.
 */
import { createScanner, parseTree, printParseErrorCode } from "jsonc-parser"
import type { Node, ParseError } from "jsonc-parser"
import { configDepthMax, configFileBytesMax, configProblemsMax } from "../core/lib/limits.ts"
import type { Assignment, Layer } from "./assignment.ts"
import type { SettingPath } from "./config.ts"
import { Lines } from "./position.ts"
import { printable } from "./problem.ts"
import type { Origin, Problem } from "./problem.ts"
import { schema, isSettingPath, settingPaths } from "./schema.ts"
import { unknownKeyText } from "./unknown.ts"
import { allowedText, checkValue, valueText } from "./value.ts"

// jsonc-parser's `SyntaxKind` is a const enum, which erasable TypeScript cannot import.
const openBrace = 1
const closeBrace = 2
const openBracket = 3
const closeBracket = 4
const endOfFile = 17

const syntaxTexts: Readonly<Record<string, string>> = {
  InvalidSymbol: "is no JSON; texts and keys stand in double quotes",
  InvalidNumberFormat: "is not a number as JSON has them",
  PropertyNameExpected: "a key in double quotes is expected here",
  ValueExpected: "a value is expected here",
  ColonExpected: "a colon is expected here",
  CommaExpected: "a comma is expected here",
  CloseBraceExpected: "a closing brace is expected here",
  CloseBracketExpected: "a closing bracket is expected here",
  EndOfFileExpected: "the file goes on after its end",
  InvalidCommentToken: "comments are not allowed in JSON; remove it",
  UnexpectedEndOfComment: "a comment does not end, and comments are not allowed in JSON",
  UnexpectedEndOfString: "a text has no closing quote",
  UnexpectedEndOfNumber: "a number ends too early",
  InvalidUnicode: "a \\u escape needs four hexadecimal digits",
  InvalidEscapeCharacter: "unknown escape in a text; a backslash is written \\\\",
  InvalidCharacter: "a control character in a text; write it as an escape",
}

/** @returns the text of a file, or where its bytes stop being UTF-8 */
export function decodeText(
  bytes: Uint8Array,
): { readonly text: string } | { readonly text: string; readonly badOffset: number } {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  const body = bytes.subarray(start)
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(body)
  const again = new TextEncoder().encode(text)
  if (again.length === body.length && again.every((byte, i) => byte === body[i])) return { text }
  let same = 0
  while (same < body.length && again[same] === body[same]) same++
  return {
    text,
    badOffset: new TextDecoder("utf-8", { ignoreBOM: true })
      .decode(body.subarray(0, same))
      .replace(/\uFFFD+$/, "").length,
  }
}

/** Deep nesting is found before the recursive parser sees it. @returns the offset where it becomes too deep */
function tooDeep(text: string): number | undefined {
  const scanner = createScanner(text, true)
  let depth = 0
  for (;;) {
    const kind = scanner.scan() as number
    if (kind === endOfFile) return undefined
    if (kind === openBrace || kind === openBracket) depth++
    else if (kind === closeBrace || kind === closeBracket) depth--
    if (depth > configDepthMax) return scanner.getTokenOffset()
  }
}

/**
 * @param file the name to print in problems
 * @param bytes the file's content
 */
export function readConfigFile(file: string, bytes: Uint8Array): Layer {
  const none = new Map<SettingPath, Assignment>()
  const start: Origin = { kind: "file", file, line: 1, column: 1 }
  if (bytes.length > configFileBytesMax) {
    return {
      assignments: none,
      problems: [
        {
          origin: start,
          message: `the file is larger than ${configFileBytesMax} bytes; is it a configuration?`,
        },
      ],
    }
  }
  const decoded = decodeText(bytes)
  const lines = new Lines(decoded.text)
  const at: At = (offset) => ({ kind: "file", file, ...lines.at(offset) })
  if ("badOffset" in decoded) {
    return {
      assignments: none,
      problems: [{ origin: at(decoded.badOffset), message: "a byte is not UTF-8; save the file as UTF-8" }],
    }
  }
  if (decoded.text.trim() === "") {
    return { assignments: none, problems: [{ origin: start, message: "the file is empty; the least is {}" }] }
  }
  const deep = tooDeep(decoded.text)
  if (deep !== undefined) {
    return {
      assignments: none,
      problems: [{ origin: at(deep), message: `sections are nested more than ${configDepthMax} deep` }],
    }
  }
  const errors: ParseError[] = []
  const tree = parseTree(decoded.text, errors, { disallowComments: true, allowTrailingComma: false })
  const syntax = syntaxProblems(decoded.text, errors, at)
  // Comments and trailing commas leave no doubt about the rest, whose problems are then told as well.
  if (!errors.every((error) => isHarmless(decoded.text, error)))
    return { assignments: none, problems: syntax }
  const reader = new Reader(decoded.text, at, syntax)
  if (tree === undefined || tree.type !== "object") {
    const problem = {
      origin: at(tree?.offset ?? 0),
      message: 'the file is not a section; it begins with { and holds "global" and "local"',
    }
    return { assignments: none, problems: [...syntax, problem] }
  }
  reader.section(tree, "")
  return reader
}

type At = (offset: number) => Origin & { readonly kind: "file" }

/**
 * One mistake makes a parser complain several times. Told are the first error, what stands alone wherever it is (comments,
 * trailing commas, bare words, escapes), and of each line one; the missing brackets in the wake of another error are not.
 */
function syntaxProblems(text: string, errors: readonly ParseError[], at: At): Problem[] {
  const problems: Problem[] = []
  let lineBefore = -1
  let broken = false
  for (const error of errors) {
    if (problems.length > configProblemsMax) break
    const name = printParseErrorCode(error.error) as string
    const offset = wordStart(text, Math.min(error.offset, text.length))
    const origin = at(offset)
    const inWake = broken && !lexicalErrors.has(name) && !isHarmless(text, error)
    if (!isHarmless(text, error)) broken = true
    if (inWake || origin.line === lineBefore) continue
    lineBefore = origin.line
    problems.push({ origin, message: syntaxText(name, text, offset) })
  }
  return problems
}

const lexicalErrors: ReadonlySet<string> = new Set([
  "InvalidSymbol",
  "InvalidNumberFormat",
  "InvalidUnicode",
  "InvalidEscapeCharacter",
  "InvalidCharacter",
])

const bare = /[0-9A-Za-z_.+-]/

/** The scanner takes `192.168` for a number and stumbles over the rest: the mistake begins where the bare word does. */
function wordStart(text: string, offset: number): number {
  let start = offset
  while (start > 0 && bare.test(text[start - 1] as string)) start--
  return start
}

/** @returns whether a "key or value expected" stands between a comma and a closing bracket */
function isTrailingComma(name: string, text: string, offset: number): boolean {
  if (name !== "PropertyNameExpected" && name !== "ValueExpected") return false
  if (text[offset] !== "}" && text[offset] !== "]") return false
  let before = offset - 1
  while (before >= 0 && /\s/.test(text[before] as string)) before--
  return text[before] === ","
}

function isHarmless(text: string, error: ParseError): boolean {
  const name = printParseErrorCode(error.error) as string
  return name === "InvalidCommentToken" || isTrailingComma(name, text, error.offset)
}

function syntaxText(name: string, text: string, offset: number): string {
  const next = text[offset]
  if (isTrailingComma(name, text, offset)) return `a comma before ${next} is not allowed in JSON; remove it`
  if (next === "'") return "single quotes are not allowed in JSON; use double quotes"
  if (next === "#") return "comments are not allowed in JSON; remove it"
  const word = /^[^\s,[\]{}"]+/.exec(text.slice(offset, offset + 200))?.[0]?.replace(/:$/, "") ?? ""
  if (/^(?:true|false|null)$/i.test(word) && word !== word.toLowerCase())
    return `${word} is written ${word.toLowerCase()}`
  if (/^-?0[0-9]+$/.test(word)) return `${word} begins with 0, which JSON does not allow`
  if (word !== "" && bare.test(word) && !/^(?:true|false|null|-?[0-9.]+)$/.test(word)) {
    return `${printable(word)} is no JSON; texts and keys stand in double quotes`
  }
  return syntaxTexts[name] ?? "is no JSON"
}

class Reader implements Layer {
  readonly assignments = new Map<SettingPath, Assignment>()
  readonly problems: Problem[]
  private readonly text: string
  private readonly at: At

  constructor(text: string, at: At, problems: readonly Problem[]) {
    this.text = text
    this.at = at
    this.problems = [...problems]
  }

  /** @param prefix path of the section with its dot; empty at the top */
  section(node: Node, prefix: string): void {
    const seen = new Map<string, number>()
    for (const property of node.children ?? []) {
      const [keyNode, valueNode] = (property.children ?? []) as [Node, Node?]
      const key = keyNode.value as string
      const path = prefix + key
      if (this.problems.length > configProblemsMax) return
      const first = seen.get(key)
      if (first === undefined) {
        seen.set(key, keyNode.offset)
        if (valueNode !== undefined) this.entry(path, keyNode, valueNode)
      } else {
        const { line } = this.at(first)
        const message = `the key is repeated; it is first at line ${line}`
        this.problems.push({ origin: this.at(keyNode.offset), path, message })
      }
    }
  }

  private entry(path: string, keyNode: Node, node: Node): void {
    if (isSettingPath(path)) return this.setting(path, node)
    const isSection = sections.has(path)
    if (!isSection) {
      this.problems.push({ origin: this.at(keyNode.offset), path, message: unknownKeyText(path) })
    } else if (node.type === "object") {
      this.section(node, `${path}.`)
    } else {
      this.problems.push({
        origin: this.at(node.offset),
        path,
        value: this.nodeText(node),
        message: "is not a section; allowed: { … }",
      })
    }
  }

  private setting(path: SettingPath, node: Node): void {
    const kind = schema[path].kind
    const origin = this.at(node.offset)
    const value = plain(node)
    const checked = checkValue(kind, value)
    const items = node.type === "array" ? (node.children ?? []) : []
    if (checked.faults === undefined) {
      const assignment = {
        value: checked.value,
        origin,
        ...(node.type === "array" ? { items: items.map((i) => this.at(i.offset)) } : {}),
      }
      this.assignments.set(path, assignment)
      return
    }
    for (const { index, wrong } of checked.faults) {
      const item = index === undefined ? undefined : items[index]
      this.problems.push({
        origin: item === undefined ? origin : this.at(item.offset),
        path: index === undefined ? path : `${path}[${index}]`,
        value: this.nodeText(item ?? node),
        message: `${wrong}; ${allowedText(kind)}`,
      })
    }
  }

  /** @returns a value as it is written: a number too large for JavaScript must not be told as another */
  private nodeText(node: Node): string {
    if (node.type === "object") return "{…}"
    if (node.type === "array") return (node.children ?? []).length === 0 ? "[]" : "[…]"
    if (node.type === "number") return printable(this.text.slice(node.offset, node.offset + node.length))
    return valueText(node.value)
  }
}

/** @returns scalars and lists of scalars as they are; what lies deeper is wrong anyway and only named */
function plain(node: Node): unknown {
  if (node.type === "array")
    return (node.children ?? []).map((child) => (child.children === undefined ? child.value : {}))
  return node.type === "object" ? {} : node.value
}

const sections = new Set<string>()
for (const path of settingPaths) {
  const keys = path.split(".")
  for (let length = 1; length < keys.length; length++) sections.add(keys.slice(0, length).join("."))
}
