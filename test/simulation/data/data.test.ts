import { describe, expect, it } from "vitest"
import type { Recovery } from "../../../src/core/replication/recovery.ts"
import { sum } from "../coverage.ts"
import type { LogRecord } from "./contents.ts"
import { DataLogic } from "./node.ts"
import { runData } from "./run.ts"

const seeds = 30
const virtualMs = 20_000

describe("one node under client load and faults", () => {
  const coverage = new Map<string, number>()
  let operations = 0

  it.each(Array.from({ length: seeds }, (_, i) => i + 1))("seed %i is linearizable", (seed) => {
    const result = runData(seed, virtualMs)
    expect(result.violation?.text).toBeUndefined()
    expect(result.checks.get("linearizability")).toBe(1)
    operations += result.operations
    sum(coverage, result.coverage)
    if (seed % 10 === 0) expect(runData(seed, virtualMs).traceHash).toBe(result.traceHash)
  })

  it("met crashes, retries, duplicates and doubt", () => {
    expect(operations).toBeGreaterThan(5_000)
    const needed = [
      "log replayed",
      "retry",
      "duplicate request answered from memory",
      "in_doubt",
      "entry left memory",
      "fault kill",
      "fault killOnPersist",
      "fault pause",
    ]
    expect(needed.filter((what) => !coverage.has(what))).toEqual([])
  })
})

class AnswersBeforeDurable extends DataLogic {
  protected override handLog(): void {
    super.handLog()
    this.data?.persisted(Number.MAX_SAFE_INTEGER, this.readAt)
  }
}

class ForgetsResults extends DataLogic {
  protected override replay(records: readonly LogRecord[], recovery: Recovery): void {
    super.replay(
      records.map(({ bytes, offset, end }) => {
        const anonymous = bytes.slice()
        new DataView(anonymous.buffer).setFloat64(offset + 56, 0, true)
        return { bytes: anonymous, offset, end }
      }),
      recovery,
    )
  }
}

class LosesTheLastRecord extends DataLogic {
  protected override replay(records: readonly LogRecord[], recovery: Recovery): void {
    super.replay(records.slice(0, -1), recovery)
  }
}

describe("broken nodes are caught", () => {
  it.each([AnswersBeforeDurable, ForgetsResults, LosesTheLastRecord])("%o", (makeNode) => {
    const caught = Array.from({ length: 60 }, (_, i) => i + 1).find(
      (seed) => runData(seed, virtualMs, makeNode).violation !== undefined,
    )
    expect(caught).toBeDefined()
  })
})
