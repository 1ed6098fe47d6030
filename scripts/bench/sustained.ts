/**
 * Minutes of random puts over ten times as many aliases as the cache may hold: flusher, checkpoints and eviction must
 * keep up, without stopping the commits and without growing. What happens is looked at from outside: replies in each
 * second, the longest time without any, resident memory, and the size of the log's files.
 */
import { planOf } from "./cell.ts"
import { logMiB } from "./data-folder.ts"
import { LatencyHistogram } from "./load/histogram.ts"
import type { BenchOptions } from "./options.ts"
import type { PartResult } from "./parts.ts"
import { processMemory, processorSeconds } from "./process-figures.ts"
import { runLoad, type Programs } from "./programs.ts"
import { removeFolder, startQdb } from "./server.ts"

const aliases = 10_000_000
const cachedEntries = 1_000_000
const secondsDefault = 300
const perSecondFloor = 80_000
/** No second may fall below this part of the average. */
const worstSecondShare = 0.1
const silenceMsLimit = 100
const sampleMs = 1_000

export async function measureSustained(programs: Programs, options: BenchOptions): Promise<PartResult> {
  const seconds = options.seconds ?? Math.max(5, secondsDefault * options.scale)
  const settings = { "global.limiter.max_in_entries_count": Math.round(cachedEntries * options.scale) }
  const server = await startQdb(programs.qdbd, { durability: "always", settings })
  console.log(`qdb    ${server.configuration}`)
  const log: Array<number> = []
  const resident: Array<number> = []
  const sampler = setInterval(() => {
    log.push(logMiB(server.folder))
    resident.push(processMemory(server.pid).residentMiB)
  }, sampleMs)
  try {
    const plan = { ...planOf("put16", server, seconds, 1), aliases: Math.round(aliases * options.scale) }
    const before = processorSeconds(server.pid)
    const result = await runLoad(programs, plan)
    const latencies = new LatencyHistogram()
    latencies.add(result.latencies)
    const perSecond = result.measured / result.seconds
    const worstSecond = Math.min(...result.perSecond.slice(0, Math.floor(seconds)))
    const figures = {
      seconds,
      perSecond,
      worstSecond,
      silenceMsMax: result.silenceMsMax,
      p50Ms: latencies.quantile(0.5) / 1000,
      p99Ms: latencies.quantile(0.99) / 1000,
      p999Ms: latencies.quantile(0.999) / 1000,
      processorMicros: ((processorSeconds(server.pid) - before) / result.requests) * 1e6,
      logMiBMax: Math.max(...log),
      peakMiB: processMemory(server.pid).peakMiB,
      residentMiBEnd: resident.at(-1) ?? 0,
    }
    return { table: show(figures), figures: { sustained: figures }, missed: missedOf(figures) }
  } finally {
    clearInterval(sampler)
    await server.stop()
    removeFolder(server.folder)
  }
}

type SustainedFigures = Readonly<
  Record<"seconds" | "perSecond" | "worstSecond" | "silenceMsMax" | "logMiBMax" | "peakMiB", number>
>

function show(figures: SustainedFigures): string {
  const lines = Object.entries(figures).map(
    ([name, value]) => `${name.padEnd(18)} ${value.toFixed(2).padStart(12)}`,
  )
  return lines.join("\n")
}

function missedOf(figures: SustainedFigures): ReadonlyArray<string> {
  const missed: Array<string> = []
  const { perSecond, worstSecond, silenceMsMax } = figures
  if (perSecond < perSecondFloor)
    missed.push(`sustained: ${perSecond.toFixed(0)} puts/s, at least ${perSecondFloor}`)
  if (worstSecond < perSecond * worstSecondShare) missed.push(`sustained: a second with ${worstSecond} puts`)
  if (silenceMsMax > silenceMsLimit) missed.push(`sustained: ${silenceMsMax.toFixed(0)} ms without a reply`)
  return missed
}
