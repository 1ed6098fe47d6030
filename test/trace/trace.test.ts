/**
 * Golden traces: one scenario per file under `test/trace/`, to be read. `QDB_UPDATE_TRACES=1` writes them anew; only commit
 * a difference that you understand.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { narrateReplication, replicationScenarios } from "./replication-scenarios.ts"
import { narrate, scenarios } from "./scenarios.ts"

const narrators = new Map([
  ...Object.keys(scenarios).map((name) => [name, narrate] as const),
  ...replicationScenarios.map((name) => [name, narrateReplication] as const),
])

describe("golden traces", () => {
  for (const [name, tell] of narrators) {
    it(name, () => {
      const path = fileURLToPath(new URL(`${name}.txt`, import.meta.url))
      const text = tell(name)
      if (process.env["QDB_UPDATE_TRACES"] === "1") writeFileSync(path, text)
      expect(existsSync(path), `${path} is missing: QDB_UPDATE_TRACES=1 writes it`).toBe(true)
      expect(text).toBe(readFileSync(path, "utf8"))
    })
  }
})
