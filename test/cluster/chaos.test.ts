/** Two minutes of chaos on the compiled executables; `npm run chaos` for longer ones. */
import { expect, it } from "vitest"
import { temporaryDirectory } from "../support/daemon.ts"
import { chaosReport, runChaos } from "./chaos/run.ts"

const durationMs = 100_000

it(
  "three nodes under chaos lose nothing, answer nothing wrong, and come back",
  { timeout: 400_000 },
  async () => {
    const directory = temporaryDirectory()
    try {
      const seed = Number(process.env["QDBTEST_SEED"] ?? 1)
      const report = await runChaos({
        seed,
        durationMs,
        directory: directory.path,
        pauseLeasesMax: 3,
        note: (text) => console.log(text),
      })
      console.log(chaosReport(report))
      expect(report.violations).toEqual([])
      expect(report.plantedRejected).toBe(true)
      expect(report.answersPerSecond).toBeGreaterThan(500)
      const faults = [...report.faults.values()].reduce((sum, count) => sum + count, 0)
      expect(faults).toBeGreaterThan(durationMs / 10_000)
      expect(report.keysChecked).toBeGreaterThan(50)
      expect(report.ledgerEntries).toBeGreaterThan(500)
    } finally {
      directory.remove()
    }
  },
)
