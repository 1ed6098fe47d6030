/**
 * Golden traces: one scenario per file under `test/trace/`, to be read. `QDB_UPDATE_TRACES=1` writes them anew; only commit
 * a difference that you understand.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { narrate, scenarios } from "./scenarios.ts"

describe("golden traces", () => {
  for (const name of Object.keys(scenarios)) {
    it(name, () => {
      const path = fileURLToPath(new URL(`${name}.txt`, import.meta.url))
      const text = narrate(name)
      if (process.env["QDB_UPDATE_TRACES"] === "1") writeFileSync(path, text)
      expect(existsSync(path), `${path} is missing: QDB_UPDATE_TRACES=1 writes it`).toBe(true)
      expect(text).toBe(readFileSync(path, "utf8"))
    })
  }
})
