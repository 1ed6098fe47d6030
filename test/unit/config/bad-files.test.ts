/**
 * A golden table: every file of `test/fixtures/config/bad` with all problems it must be told, at their lines and columns.
 * `UPDATE_GOLDEN=1` writes the table anew; commit it only if you understand the difference.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { loadConfig } from "../../../src/config/load.ts"
import { problemText } from "../../../src/config/problem.ts"

const folder = new URL("../../fixtures/config/", import.meta.url)
const filesOf = (name: string) =>
  readdirSync(new URL(name, folder))
    .filter((file) => file.endsWith(".conf"))
    .sort()

function load(folderName: string, file: string) {
  const cwd = new URL(folderName, folder).pathname.replace(/\/$/, "")
  return loadConfig({ argv: ["-c", file], env: {}, cwd, platform: "linux" })
}

/** The table's form: the file's name, then its problems without the file, then an empty line. */
function table(): string {
  return filesOf("bad/")
    .map((file) => {
      const problems = load("bad/", file).problems.map((p) => `  ${problemText(p).replace(`${file}:`, "")}\n`)
      return `${file}\n${problems.join("")}`
    })
    .join("\n")
}

describe("bad files", () => {
  const golden = new URL("bad/expected.txt", folder)

  test("there are at least sixty, and none passes", () => {
    const files = filesOf("bad/")
    expect(files.length).toBeGreaterThanOrEqual(60)
    for (const file of files) expect(load("bad/", file).problems, file).not.toHaveLength(0)
  })

  test("every problem stands where it is expected", () => {
    const actual = table()
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, actual)
    expect(actual.split("\n")).toEqual(readFileSync(golden, "utf8").split("\n"))
  })

  test("positions are those of the text that is wrong", () => {
    // The table proves that nothing moves; this proves, without the table, that line and column find the culprit.
    for (const [file, culprit] of [
      ["misspelt-key.conf", '"replication_facter"'],
      ["sessions-few.conf", "49"],
      ["duplicate-key.conf", '"server_sessions": 3000'],
    ] as const) {
      const [problem] = load("bad/", file).problems
      const origin = problem?.origin
      if (origin?.kind !== "file") throw new Error(`${file} has no position`)
      const line = readFileSync(new URL(`bad/${file}`, folder), "utf8").split("\n")[origin.line - 1] as string
      expect(line.slice(origin.column - 1).startsWith(culprit), file).toBe(true)
    }
  })
})

describe("good files", () => {
  test.each(filesOf("good/"))("%s", (file) => {
    expect(load("good/", file).problems.map(problemText)).toEqual([])
  })
})
