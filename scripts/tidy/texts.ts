/** Rules about texts as such: length, focused and unexplained tests, traces of the machine a file was written on. */
import type { ImportGraph } from "../source/import-graph.ts"
import { lineAt, type Finding } from "./finding.ts"

/** Above this a file has more than one subject. */
export const fileLinesMax = 400

export function checkLength(graph: ImportGraph): ReadonlyArray<Finding> {
  return [...graph.files.values()].flatMap(({ path, text }) => {
    const lines = text.replace(/\n$/, "").split("\n").length
    if (lines <= fileLinesMax) return []
    return [{ path, line: 0, rule: "length", message: `${lines} lines; ${fileLinesMax} at most` }]
  })
}

const focused = /\b(?:it|test|describe|suite|bench)(?:\.\w+)*\.only\b/g
/** `context.skip(reason)` inside the test says why; these cannot. */
const unexplained = /\b(?:it|test|describe|suite)(?:\.\w+)*\.(?:skip|skipIf|runIf|todo)\b/g

export function checkTests(graph: ImportGraph): ReadonlyArray<Finding> {
  const tests = [...graph.files.values()].filter((file) => file.path.startsWith("test/"))
  return tests.flatMap(({ path, code }) => [
    ...matches(path, code, focused, "tests", (found) => `${found}: other tests would not run`),
    ...matches(
      path,
      code,
      unexplained,
      "tests",
      (found) => `${found}: use context.skip(reason), which says why`,
    ),
  ])
}

/** Put together from pieces, so that this file does not find itself. */
const traces: ReadonlyArray<readonly [RegExp, string]> = [
  [new RegExp(`(?<![\\w.*-])/(?:${["work", "root"].join("|")})/[\\w.]`, "g"), "a path of one machine"],
  [new RegExp(`/(?:${["home", "Users"].join("|")})/(?!user|qdb|me\\b)\\w+/`, "g"), "a path of one machine"],
  [new RegExp(["registry", "npmjs", "org"].join("\\."), "g"), "a registry's address"],
  [new RegExp(`${["_auth", "Token"].join("")}\\s*=`, "g"), "a credential"],
]

/** @param texts of all text files of the project, by path */
export function checkTraces(texts: ReadonlyMap<string, string>): ReadonlyArray<Finding> {
  return [...texts].flatMap(([path, text]) =>
    traces.flatMap(([pattern, what]) =>
      matches(path, text, pattern, "traces", (found) => `${found}: ${what}`),
    ),
  )
}

function matches(
  path: string,
  text: string,
  pattern: RegExp,
  rule: string,
  message: (found: string) => string,
): ReadonlyArray<Finding> {
  return [...text.matchAll(pattern)].map((match) => ({
    path,
    line: lineAt(text, match.index),
    rule,
    message: message(match[0]),
  }))
}
