/** `answers.json`: answers kept beside the files they made, so that a cluster can be grown. Strict, as all files of qdb. */
import { createScanner } from "jsonc-parser"
import { defaultAnswers } from "./answers.ts"
import type { Answers, Field } from "./answers.ts"
import { suggest } from "./suggest.ts"

export type AnswersFile =
  | { readonly answers: Answers; readonly wrong?: never }
  | { readonly answers?: never; readonly wrong: readonly string[] }

/** @returns the answers, with defaults for what is left out, or everything that is wrong with the text */
export function parseAnswersFile(text: string): AnswersFile {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { wrong: [`is no JSON: ${(error as Error).message}`] }
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { wrong: ["is not a section of answers"] }
  const wrong = repeatedKeys(text).map((key) => `${JSON.stringify(key)} stands twice`)
  const answers: Record<string, unknown> = { ...defaultAnswers }
  for (const [key, item] of Object.entries(value)) {
    if (!Object.hasOwn(defaultAnswers, key)) {
      const best = suggest(key, Object.keys(defaultAnswers))
      wrong.push(
        `${JSON.stringify(key)} is unknown${best === undefined ? "" : `; did you mean ${JSON.stringify(best)}?`}`,
      )
      continue
    }
    const read = readItem(key as Field, item)
    if (read === undefined) wrong.push(`${key} is not ${kindText(key as Field)}`)
    else answers[key] = read
  }
  return wrong.length > 0 ? { wrong } : { answers: answers as unknown as Answers }
}

// jsonc-parser's `SyntaxKind` is a const enum, which erasable TypeScript cannot import.
const [openBrace, closeBrace, openBracket, closeBracket, colon, literal, endOfFile] = [1, 2, 3, 4, 6, 10, 17]

/** `JSON.parse` takes the last of two values for a key without a word. @param text valid JSON */
function repeatedKeys(text: string): readonly string[] {
  const scanner = createScanner(text, true)
  const seen = new Set<string>()
  const repeated: string[] = []
  let depth = 0
  let last = ""
  for (let kind = scanner.scan() as number; kind !== endOfFile; kind = scanner.scan() as number) {
    if (kind === openBrace || kind === openBracket) depth++
    else if (kind === closeBrace || kind === closeBracket) depth--
    else if (kind === literal) last = scanner.getTokenValue()
    else if (kind === colon && depth === 1) {
      if (seen.has(last)) repeated.push(last)
      seen.add(last)
    }
  }
  return repeated
}

function readItem(field: Field, item: unknown): unknown {
  const usual = defaultAnswers[field]
  if (Array.isArray(usual))
    return Array.isArray(item) && item.every((part) => typeof part === "string") ? item : undefined
  if (typeof usual === "boolean") return typeof item === "boolean" ? item : undefined
  // Counts may be written as numbers.
  if (typeof item === "number") return String(item)
  return typeof item === "string" ? item : undefined
}

const kindText = (field: Field): string => {
  const usual = defaultAnswers[field]
  return Array.isArray(usual) ? "a list of texts" : typeof usual === "boolean" ? "true or false" : "text"
}
