import { describe, expect, it } from "vitest"
import { tell, wrongOf } from "./report.ts"
import { runScale } from "./run.ts"

/** A slice of what `npm run simulate -- --scale` does with a thousand nodes; of fewer slots a percent would be less than one copy. */
describe("larger clusters", () => {
  it(
    "found, take in and lose a tenth, evenly and by the fewest copies; a node's part does not grow",
    {
      timeout: 300_000,
    },
    () => {
      const reports = [10, 60].map((nodes) => {
        const report = runScale({
          seed: 1,
          nodes,
          slotCount: 1024,
          replicationFactor: 2,
          repairGraceMs: 5_000,
          copyMsMax: 500,
        })
        console.log(tell(nodes, report))
        return report
      })
      expect(wrongOf(reports)).toEqual([])
    },
  )
})
