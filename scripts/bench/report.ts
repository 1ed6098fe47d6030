/** Results as a table for people, and against an earlier result. */
import { cellNames, type CellFigures, type CellName } from "./cell.ts"
import type { Comparison } from "./compare.ts"
import { rounded, type Spread } from "./statistics.ts"

/** The least that counts (docs/performance.md), and what is aimed at. */
export const targets: Readonly<Record<CellName, { readonly floor: number; readonly aim: number }>> = {
  put1: { floor: 0.9, aim: 1.2 },
  put16: { floor: 1.2, aim: 1.5 },
  get1: { floor: 0.9, aim: 1.0 },
  get16: { floor: 0.8, aim: 1.0 },
}

export function showComparison(comparison: Comparison): string {
  const { durability, rounds, seconds, validity, peakMiB } = comparison
  const sync =
    durability === "always"
      ? "sync: true against appendfsync always"
      : "sync: false against appendfsync everysec"
  const rows = [
    ["", "ratio", "min", "max", "floor", "", "per s", "p50 ms", "p99 ms", "p99.9", "silence", "µs cpu"],
  ]
  for (const cell of cellNames) {
    const ratio = comparison.ratios[cell]
    if (ratio === undefined) continue
    const { floor } = targets[cell]
    const verdict = ratio.median >= floor ? "ok" : "BELOW"
    const [ours, theirs] = [comparison.figures.qdb[cell], comparison.figures.redis[cell]] as [
      CellFigures,
      CellFigures,
    ]
    rows.push([
      cell,
      ...[ratio.median, ratio.min, ratio.max].map(two),
      two(floor),
      verdict,
      "qdb",
      ...figureWords(ours),
    ])
    rows.push(["", "", "", "", "", "", "redis", ...figureWords(theirs)])
  }
  const reach = Object.entries(validity.reach).map(([cell, ratio]) => `${cell} ${two(ratio)}`)
  return [
    `${sync}; ${rounds} rounds of ${seconds} s, 50 connections, 100,000 aliases of 16 bytes, 100-byte contents`,
    aligned(rows),
    `peak memory: qdb ${peakMiB.qdb.toFixed(0)} MiB, redis ${peakMiB.redis.toFixed(0)} MiB`,
    `load generator against redis-benchmark: ${reach.join("  ")}: ${validity.valid ? "valid" : "NOT VALID, below 0.8"}`,
  ].join("\n")
}

export function figureWords(figures: CellFigures): ReadonlyArray<string> {
  const milliseconds = [figures.p50Ms, figures.p99Ms, figures.p999Ms, figures.silenceMsMax].map((value) =>
    value.toFixed(2),
  )
  return [figures.perSecond.toFixed(0), ...milliseconds, figures.processorMicros.toFixed(1)]
}

function two(value: number): string {
  return value.toFixed(2)
}

export function aligned(rows: ReadonlyArray<ReadonlyArray<string>>): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length))) ?? []
  return rows
    .map((row) => row.map((word, column) => word.padStart(widths[column] as number)).join("  "))
    .join("\n")
}

/** The form of `--json` and of the history. */
export interface BenchDocument {
  /** Of the comparison with every write synchronised. */
  readonly ratios: Readonly<Partial<Record<CellName, Spread>>>
  /** Of the comparison with a synchronisation every second. */
  readonly ratiosRelaxed?: Readonly<Partial<Record<CellName, Spread>>>
  readonly [part: string]: unknown
}

/** @returns a line for each ratio of both documents: then, now, and whether the ranges still overlap */
export function showChange(before: BenchDocument, now: BenchDocument): string {
  const lines: Array<string> = []
  for (const key of ["ratios", "ratiosRelaxed"] as const) {
    for (const cell of cellNames) {
      const [old, fresh] = [before[key]?.[cell], now[key]?.[cell]]
      if (old === undefined || fresh === undefined) continue
      const apart = fresh.min > old.max ? "faster" : fresh.max < old.min ? "SLOWER" : "ranges overlap"
      const name = key === "ratios" ? cell : `${cell} relaxed`
      lines.push(`${name.padEnd(14)} ${two(old.median)} → ${two(fresh.median)}  ${apart}`)
    }
  }
  return lines.length === 0 ? "nothing to compare" : lines.join("\n")
}

/** Every number with four digits: more is noise, and would change in each file of the history. */
export function roundedNumbers(value: unknown): unknown {
  if (typeof value === "number") return rounded(value)
  if (Array.isArray(value)) return value.map(roundedNumbers)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, roundedNumbers(item)]))
}
