import { readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { configurationManual } from "../../../src/config/manual.ts"
import { schema, settingPaths } from "../../../src/config/schema.ts"

test("docs/configuration.md is what the schema says", () => {
  const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8")
  // If this fails: bun scripts/configuration-manual.ts
  expect(page.split("\n")).toEqual(configurationManual().split("\n"))
})

test("every key is described, in a sentence", () => {
  const page = configurationManual()
  for (const path of settingPaths) {
    expect(page).toContain(`**\`${path}\`**`)
    expect(schema[path].description).toMatch(/^[A-Z].*\.$/)
  }
})
