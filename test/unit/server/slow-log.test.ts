/** What a node counts per operation, and how it tells of slow ones without drowning its log. */
import { describe, expect, it } from "vitest"
import { operation } from "../../../src/core/entry/operation.ts"
import { slowOperationLinesPerSecond } from "../../../src/core/lib/limits.ts"
import { Counters } from "../../../src/core/node/counters.ts"
import { SlowLog } from "../../../src/server/node/slow-log.ts"
import type { Fields } from "../../../src/server/log/line.ts"

const alias = new TextEncoder().encode("__greeting__")

function rig(slowMs: number) {
  const lines: { readonly text: string; readonly fields: Fields | undefined }[] = []
  const log = new SlowLog(
    { warning: (_component, text, fields) => void lines.push({ text, fields }) },
    slowMs,
  )
  const counters = new Counters()
  counters.slowMs = log.thresholdMs
  counters.onSlow = (...slow) => log.operation(...slow)
  return { lines, log, counters }
}

describe("a slow operation", () => {
  it("is told with its alias and time, and a fast one is not", () => {
    const { lines, counters } = rig(100)
    counters.answered(operation.update, 99.9, alias, 2, 10)
    counters.answered(operation.update, 100, alias, 2, 10)
    expect(lines).toEqual([{ text: "update", fields: { ms: 100, alias: "greeting" } }])
    expect(counters.latency[operation.update]?.count).toBe(2)
  })

  it("is not told where the threshold is 0", () => {
    const { lines, counters, log } = rig(0)
    counters.answered(operation.update, 60_000, alias, 2, 10)
    log.turn(60_000, 1)
    expect(lines).toEqual([])
  })

  it("shows no more of its alias than a line may hold", () => {
    const { lines, counters } = rig(1)
    counters.answered(operation.get, 5, new Uint8Array(1024).fill(97), 0, 1024)
    expect(lines[0]?.fields?.["alias"]).toBe(`${"a".repeat(128)}…`)
  })

  it("is only counted once there are many in a second", () => {
    const { lines, counters, log } = rig(1)
    const extra = 7
    for (let i = 0; i < slowOperationLinesPerSecond + extra; i++)
      counters.answered(operation.get, i + 2, alias, 2, 10)
    expect(lines).toHaveLength(slowOperationLinesPerSecond)
    log.tick()
    expect(lines.at(-1)).toEqual({
      text: "more operations",
      fields: { count: extra, ms_max: slowOperationLinesPerSecond + extra + 1 },
    })
    counters.answered(operation.get, 3, alias, 2, 10)
    log.tick()
    expect(lines).toHaveLength(slowOperationLinesPerSecond + 2)
  })
})

describe("operations that waited for nothing", () => {
  it("count with the time that their turn took", () => {
    const { lines, counters, log } = rig(50)
    for (let i = 0; i < 3; i++) counters.answered(operation.get, 0, alias, 2, 10)
    expect(counters.latency[operation.get]?.count).toBe(0)
    log.turn(80, counters.endTurn(80))
    log.turn(90, counters.endTurn(90))
    expect(counters.latency[operation.get]?.count).toBe(3)
    expect(counters.latency[operation.get]?.microsMax).toBe(80_000)
    expect(lines).toEqual([{ text: "a turn of the event loop", fields: { ms: 80, requests: 3 } }])
  })
})
