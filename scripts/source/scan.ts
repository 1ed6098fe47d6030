/**
 * Reads TypeScript just well enough for checks about a file's text: its code with every comment and string blanked (same
 * length and lines, so positions hold), and the module specifiers it names. A real parser would know more, but the
 * checks ask only "is this word used as code" and "what is imported", and must not depend on a package's syntax tree.
 */
export interface ScannedSource {
  /** The text with comments and the insides of strings as spaces. */
  readonly code: string
  /** What `import`, `export … from` and `import()` name. */
  readonly imports: ReadonlyArray<SourceImport>
  /** Other strings and pieces of templates that end like a module's path: something is started by that name. */
  readonly paths: ReadonlyArray<string>
}

export interface SourceImport {
  readonly specifier: string
  /** Line of the specifier, counted from 1. */
  readonly line: number
  /** An `import type`, which leaves nothing behind at run time. */
  readonly typeOnly: boolean
}

interface StringPiece {
  readonly start: number
  readonly value: string
}

/** Tokens after which a slash begins a regular expression, not a division. */
const beforeRegex =
  /(?:^|[=(,:;!&|?{}[\]+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|delete|throw))\s*$/

export function scanSource(text: string): ScannedSource {
  const { code, strings } = blank(text)
  const imports: Array<SourceImport> = []
  const paths: Array<string> = []
  for (const piece of strings) {
    const before = code.slice(Math.max(0, piece.start - 2000), piece.start)
    const kind = importKind(before)
    if (kind === undefined) {
      if (/^[\w./-]+\.tsx?$/.test(piece.value)) paths.push(piece.value)
      continue
    }
    const line = text.slice(0, piece.start).split("\n").length
    imports.push({ specifier: piece.value, line, typeOnly: kind === "type" })
  }
  return { code, imports, paths }
}

function importKind(before: string): "value" | "type" | undefined {
  const statement = /(?:^|[\n;}])\s*(import|export)(\s+type)?\s[^;'"`]*?\bfrom\s*$/.exec(before)
  if (statement !== null) return statement[2] === undefined ? "value" : "type"
  if (/(?:^|[\n;}])\s*import\s*$/.test(before)) return "value"
  if (/\bimport\s*\(\s*$/.test(before)) return "value"
  return undefined
}

function blank(text: string): { code: string; strings: Array<StringPiece> } {
  const out = Array.from(text, () => "")
  const strings: Array<StringPiece> = []
  let length = 0
  const keep = (piece: string) => {
    out[length++] = piece
  }
  const hide = (piece: string) => keep(piece.replace(/[^\n]/g, " "))
  /** Where the braces of template literals' `${…}` were opened; the number is the depth of ordinary braces inside. */
  const templates: Array<number> = []
  let at = 0
  let recent = ""
  while (at < text.length) {
    const end = tokenEnd(text, at, recent)
    if (end !== undefined) {
      const token = text.slice(at, end.to)
      if (end.kind === "comment") hide(token)
      else {
        keep(token[0] as string)
        hide(token.slice(1))
        if (end.kind === "string") strings.push({ start: at, value: token.slice(1, -1) })
        if (end.kind === "template" && !end.open) strings.push({ start: at, value: token.slice(1, -1) })
        if (end.kind === "template" && end.open) templates.push(0)
        recent = '"'
      }
      at = end.to
      continue
    }
    const char = text[at] as string
    const depth = templates.length - 1
    if (depth >= 0 && char === "{") templates[depth] = (templates[depth] as number) + 1
    if (depth >= 0 && char === "}") {
      if (templates[depth] === 0) {
        templates.pop()
        const rest = templateEnd(text, at + 1)
        keep("}")
        hide(text.slice(at + 1, rest.to))
        if (rest.open) templates.push(0)
        else strings.push({ start: at, value: text.slice(at + 1, rest.to - 1) })
        at = rest.to
        recent = '"'
        continue
      }
      templates[depth] = (templates[depth] as number) - 1
    }
    keep(char)
    recent = (recent + char).slice(-24)
    at += 1
  }
  return { code: out.slice(0, length).join(""), strings }
}

type Token = {
  readonly kind: "comment" | "string" | "template" | "regex"
  readonly to: number
  readonly open: boolean
}

function tokenEnd(text: string, at: number, recent: string): Token | undefined {
  const char = text[at]
  if (char === "/" && text[at + 1] === "/")
    return { kind: "comment", to: indexOr(text, "\n", at), open: false }
  if (char === "/" && text[at + 1] === "*") {
    return { kind: "comment", to: Math.min(text.length, indexOr(text, "*/", at + 2) + 2), open: false }
  }
  if (char === '"' || char === "'") return { kind: "string", to: quotedEnd(text, at + 1, char), open: false }
  if (char === "`") return { kind: "template", ...templateEnd(text, at + 1) }
  if (char === "/" && beforeRegex.test(recent))
    return { kind: "regex", to: regexEnd(text, at + 1), open: false }
  return undefined
}

function indexOr(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from)
  return found < 0 ? text.length : found
}

function quotedEnd(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at += 1
    else if (text[at] === quote) return at + 1
  }
  return text.length
}

function templateEnd(text: string, from: number): { to: number; open: boolean } {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at += 1
    else if (text[at] === "`") return { to: at + 1, open: false }
    else if (text[at] === "$" && text[at + 1] === "{") return { to: at + 2, open: true }
  }
  return { to: text.length, open: false }
}

function regexEnd(text: string, from: number): number {
  let inClass = false
  for (let at = from; at < text.length && text[at] !== "\n"; at++) {
    if (text[at] === "\\") at += 1
    else if (text[at] === "[") inClass = true
    else if (text[at] === "]") inClass = false
    else if (text[at] === "/" && !inClass) return at + 1
  }
  return from
}
