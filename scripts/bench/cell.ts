/** The four kinds of load that are compared, and what one slice of one of them gave. */
import { LatencyHistogram } from "./load/histogram.ts"
import type { LoadPlan, LoadResult } from "./load/plan.ts"
import { processorSeconds } from "./process-figures.ts"
import { runLoad, type Programs } from "./programs.ts"
import type { Server } from "./server.ts"
import { median } from "./statistics.ts"

export const cellNames = ["put1", "put16", "get1", "get16"] as const
export type CellName = (typeof cellNames)[number]

export const connections = 50
export const aliases = 100_000
export const contentBytes = 100
/** A generator is a new process for each slice: until then its compiler is busy. */
const warmupSecondsMax = 1

export interface Slice {
  readonly perSecond: number
  readonly latencies: LatencyHistogram
  /** Of the server, per request, in microseconds. */
  readonly processorMicros: number
  readonly silenceMsMax: number
}

export function planOf(
  cell: CellName,
  server: Pick<Server, "kind" | "host" | "port">,
  seconds: number,
  seed: number,
): LoadPlan {
  return {
    protocol: server.kind,
    host: server.host,
    port: server.port,
    operation: cell.startsWith("put") ? "put" : "get",
    connections,
    inFlight: cell.endsWith("16") ? 16 : 1,
    aliases,
    contentBytes,
    warmupSeconds: Math.min(warmupSecondsMax, seconds),
    seconds,
    seed,
  }
}

/** Puts every alias once, so that every get finds something. */
export async function fill(programs: Programs, server: Server): Promise<void> {
  await runLoad(programs, { ...planOf("put16", server, 0, 1), warmupSeconds: 0, sequential: true })
}

export async function runSlice(
  programs: Programs,
  server: Server,
  cell: CellName,
  seconds: number,
  seed: number,
): Promise<Slice> {
  const before = processorSeconds(server.pid)
  const result = await runLoad(programs, planOf(cell, server, seconds, seed))
  const used = processorSeconds(server.pid) - before
  return sliceOf(result, used)
}

export function sliceOf(result: LoadResult, usedSeconds: number): Slice {
  const latencies = new LatencyHistogram()
  latencies.add(result.latencies)
  return {
    perSecond: result.measured / result.seconds,
    latencies,
    processorMicros: (usedSeconds / Math.max(1, result.requests)) * 1e6,
    silenceMsMax: result.silenceMsMax,
  }
}

/** One server's figures in one cell, over all rounds. */
export interface CellFigures {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p999Ms: number
  readonly processorMicros: number
  readonly silenceMsMax: number
}

export function summarise(slices: ReadonlyArray<Slice>): CellFigures {
  const all = new LatencyHistogram()
  for (const slice of slices) all.add(slice.latencies.sparse())
  return {
    perSecond: median(slices.map((slice) => slice.perSecond)),
    p50Ms: all.quantile(0.5) / 1000,
    p99Ms: all.quantile(0.99) / 1000,
    p999Ms: all.quantile(0.999) / 1000,
    processorMicros: median(slices.map((slice) => slice.processorMicros)),
    silenceMsMax: Math.max(...slices.map((slice) => slice.silenceMsMax)),
  }
}
