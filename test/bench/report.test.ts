/** What the benchmark says about its figures: medians, verdicts, changes against an earlier result. */
import { describe, expect, it } from "vitest"
import type { CellFigures } from "../../scripts/bench/cell.ts"
import { rotated, type Comparison } from "../../scripts/bench/compare.ts"
import { parseOptions, partNames } from "../../scripts/bench/options.ts"
import { usage } from "../../scripts/bench/usage.ts"
import { roundedNumbers, showChange, showComparison } from "../../scripts/bench/report.ts"
import { median, spreadOf } from "../../scripts/bench/statistics.ts"

const figures: CellFigures = {
  perSecond: 1000,
  p50Ms: 1,
  p99Ms: 2,
  p999Ms: 3,
  processorMicros: 4,
  silenceMsMax: 5,
}
const comparison = (ratio: number, valid: boolean): Comparison => ({
  durability: "always",
  rounds: 3,
  seconds: 1,
  ratios: { put1: { median: ratio, min: ratio - 0.1, max: ratio + 0.1 } },
  figures: { qdb: { put1: figures }, redis: { put1: figures } },
  peakMiB: { qdb: 100, redis: 10 },
  configuration: { qdb: "", redis: "" },
  validity: { reach: { put1: 1.01, put16: 1, get1: 1, get16: 1 }, valid },
})

describe("figures", () => {
  it("are medians with their range", () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(spreadOf([1.2, 0.8, 1.1])).toEqual({ median: 1.1, min: 0.8, max: 1.2 })
    expect(median([])).toBeNaN()
  })

  it("come in an order that rotates", () => {
    const items = ["a", "b", "c"]
    expect([0, 1, 2, 3].map((round) => rotated(items, round).join(""))).toEqual(["abc", "bca", "cab", "abc"])
  })

  it("say whether a floor holds and whether the generator can be believed", () => {
    expect(showComparison(comparison(1, true))).toMatch(/put1 +1\.00 +0\.90 +1\.10 +0\.90 +ok +qdb/)
    expect(showComparison(comparison(0.8, false))).toMatch(
      /put1 +0\.80 +0\.70 +0\.90 +0\.90 +BELOW[^]*NOT VALID/,
    )
  })

  it("are compared by their ranges", () => {
    const document = (ratio: number) => ({ ratios: comparison(ratio, true).ratios })
    expect(showChange(document(1), document(1.1))).toBe("put1           1.00 → 1.10  ranges overlap")
    expect(showChange(document(1), document(1.3))).toContain("faster")
    expect(showChange(document(1), document(0.7))).toContain("SLOWER")
    expect(showChange({ ratios: {} }, document(1))).toBe("nothing to compare")
  })

  it("are written with four digits", () => {
    expect(roundedNumbers({ a: [1.23456, 123456], b: { c: "x" } })).toEqual({
      a: [1.235, 123500],
      b: { c: "x" },
    })
  })
})

describe("the command line", () => {
  it("has the defaults of a full run, and refuses what it does not know", () => {
    const full = parseOptions([])
    expect(full).toMatchObject({
      parts: ["compare"],
      rounds: 10,
      durabilities: ["always", "everysec"],
      scale: 1,
    })
    expect(full.cells).toEqual(["put1", "put16", "get1", "get16"])
    expect(parseOptions(["all"]).parts.join(" ")).toBe(
      "compare sustained memory start sessions hostile cluster join lag",
    )
    for (const part of partNames) expect(usage).toContain(`\n  ${part} `)
    expect(() => parseOptions(["quick"])).toThrow("no part quick")
    expect(() => parseOptions(["--rounds", "0"])).toThrow("--rounds is a positive number")
    expect(() => parseOptions(["--rounds", "1.5"])).toThrow("whole number")
    expect(() => parseOptions(["--cells", "put2"])).toThrow("no cell put2")
  })
})
