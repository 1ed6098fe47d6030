/** The generated parts of `docs/shell.md` are what the tables say. `QDB_TEST_UPDATE_DOCS=1` writes them anew. */
import { readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { commandManual, errorManual } from "../../support/command-manual.ts"
import { commands } from "../../../src/command/table.ts"
import { usageText } from "../../../src/shell/options.ts"

const path = new URL("../../../docs/shell.md", import.meta.url)
const update = process.env["QDB_TEST_UPDATE_DOCS"] === "1"

/** @returns the text between the two comments of `name`, and where it lies */
function part(document: string, name: string): { start: number; end: number; text: string } {
  const begin = document.indexOf(`<!-- begin ${name} `)
  const start = document.indexOf("-->\n", begin) + "-->\n".length
  const end = document.indexOf(`<!-- end ${name} -->`)
  expect(begin >= 0 && start <= end, `docs/shell.md has its part ${name}`).toBe(true)
  return { start, end, text: document.slice(start, end) }
}

describe("docs/shell.md", () => {
  const generated = [
    ["usage", `\n\`\`\`\n${usageText}\`\`\`\n\n`],
    ["commands", `\n${commandManual()}\n`],
    ["errors", `\n${errorManual()}\n`],
  ] as const
  for (const [name, expected] of generated) {
    it(`has the ${name} as they are`, () => {
      const document = readFileSync(path, "utf8")
      const { start, end, text } = part(document, name)
      if (update) writeFileSync(path, document.slice(0, start) + expected + document.slice(end))
      else expect(text).toBe(expected)
    })
  }

  it("has a section of each command", () => {
    const document = readFileSync(path, "utf8")
    for (const command of commands) expect(document).toContain(`\n### ${command.name}\n`)
  })
})
