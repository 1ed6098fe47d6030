/**
 * A fourth node joins a cluster of three that holds a million entries and is asked a fifth of what it could answer: what its
 * users notice before, while slots move, and afterwards, and whether each node has its share in the end.
 */
import { connect } from "../../src/client/client.ts"
import { watchCluster } from "../../src/client/cluster-watch.ts"
import { realRuntime } from "../../src/client/transport.ts"
import type { ClusterStatus } from "../../src/wire/status.ts"
import type { ValueMap } from "../../src/wire/writer.ts"
import { connections, contentBytes } from "./cell.ts"
import { memberCount } from "./cluster-server.ts"
import type { LatencyHistogram } from "./load/histogram.ts"
import { closedLoopRate, type LoopOptions, OpenLoop } from "./open-loop.ts"
import type { BenchOptions } from "./options.ts"
import type { PartResult } from "./parts.ts"
import { runLoad, type Programs } from "./programs.ts"
import { startQdbCluster, type QdbCluster } from "./qdb-cluster.ts"
import { aligned } from "./report.ts"
import { removeFolder } from "./server.ts"

const entries = 1_000_000
const secondsDefault = 60
/** Of the maximum. */
const loadShare = 0.2
const closedSeconds = 10
const closedAtOnce = 256
const clientCount = 4
const p99FactorMax = 5
const shareErrorMax = 0.05
const stableMsMax = 600_000

const phases = ["before", "during", "after"] as const

interface JoinFigures {
  readonly entries: number
  readonly maximumPerSecond: number
  readonly perSecond: number
  readonly joinSeconds: number
  readonly p50Ms: ReadonlyArray<number>
  readonly p99Ms: ReadonlyArray<number>
  readonly p999Ms: ReadonlyArray<number>
  readonly requests: ReadonlyArray<number>
  readonly failures: Readonly<Record<string, number>>
  /** The largest difference of a node's share of primaries, and of all copies, from the mean, as part of it. */
  readonly shareError: number
}

export async function measureJoin(programs: Programs, options: BenchOptions): Promise<PartResult> {
  const cluster = await startQdbCluster(programs.qdbd)
  try {
    console.log(`qdb   ${cluster.configuration}`)
    const figures = await join(programs, cluster, options)
    return { table: show(figures), figures: { join: figures }, missed: missedOf(figures) }
  } finally {
    await cluster.stop()
    removeFolder(cluster.folder)
  }
}

async function join(
  programs: Programs,
  cluster: QdbCluster,
  { scale, seconds = secondsDefault * scale }: BenchOptions,
): Promise<JoinFigures> {
  const aliases = Math.round(entries * scale)
  await fill(programs, cluster, aliases)
  const daemons = [...cluster.addresses]
  const clients = await Promise.all(Array.from({ length: clientCount }, () => connect({ daemons })))
  const loop: LoopOptions = { clients, aliases, content: new Uint8Array(contentBytes).fill(46) }
  const maximumPerSecond = await closedLoopRate(loop, closedAtOnce, Math.min(closedSeconds, seconds))
  const perSecond = maximumPerSecond * loadShare
  const open = new OpenLoop(loop, perSecond)
  const wait = () => new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const found: Array<LatencyHistogram> = []
  await wait()
  found.push(open.phase())
  const begun = performance.now()
  await cluster.join()
  await using watch = await connect({ daemons })
  // Until the newcomer is in the view the cluster is as stable as before.
  const isDone = (status: ValueMap) =>
    (status as ClusterStatus).members.length > memberCount && status["state"] === "stable"
  const status = await watchCluster((asked) => watch.clusterStatus(asked), realRuntime(), isDone, stableMsMax)
  const joinSeconds = (performance.now() - begun) / 1000
  found.push(open.phase())
  await wait()
  found.push(open.phase())
  await open.stop()
  for (const client of clients) await client.close()
  const quantiles = (ratio: number) => found.map((latencies) => latencies.quantile(ratio) / 1000)
  return {
    entries: aliases,
    maximumPerSecond,
    perSecond,
    joinSeconds,
    p50Ms: quantiles(0.5),
    p99Ms: quantiles(0.99),
    p999Ms: quantiles(0.999),
    requests: found.map((latencies) => latencies.count),
    failures: Object.fromEntries(open.failures),
    shareError: shareErrorOf(status as ClusterStatus),
  }
}

async function fill(programs: Programs, { members }: QdbCluster, aliases: number): Promise<void> {
  const [first] = members
  if (first === undefined) throw new Error("a cluster has members")
  await runLoad(programs, {
    protocol: "qdb",
    host: first.host,
    port: first.port,
    members,
    operation: "put",
    connections,
    inFlight: 16,
    aliases,
    contentBytes,
    warmupSeconds: 0,
    seconds: 0,
    sequential: true,
    seed: 1,
  })
}

function shareErrorOf({ members }: ClusterStatus): number {
  const errorOf = (counts: ReadonlyArray<number>) => {
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
    return Math.max(...counts.map((count) => Math.abs(count - mean) / mean))
  }
  return Math.max(
    errorOf(members.map(({ slots }) => slots.primary)),
    errorOf(members.map(({ slots }) => slots.primary + slots.replica)),
  )
}

function show(figures: JoinFigures): string {
  const rows = phases.map((phase, i) => [
    phase,
    ...[figures.p50Ms, figures.p99Ms, figures.p999Ms].map((times) => (times[i] as number).toFixed(2)),
    String(figures.requests[i]),
  ])
  return [
    `${figures.entries} entries, ${figures.perSecond.toFixed(0)} requests/s of ${figures.maximumPerSecond.toFixed(0)}; the join took ${figures.joinSeconds.toFixed(1)} s`,
    aligned([["", "p50 ms", "p99 ms", "p99.9", "requests"], ...rows]),
    `shares differ from the mean by ${(100 * figures.shareError).toFixed(1)} % at most; failed: ${JSON.stringify(figures.failures)}`,
  ].join("\n")
}

function missedOf({ p99Ms, failures, shareError }: JoinFigures): ReadonlyArray<string> {
  const missed: Array<string> = []
  const [quiet, ...others] = p99Ms as [number, ...number[]]
  const factor = Math.max(...others) / quiet
  if (factor > p99FactorMax)
    missed.push(`join: p99 ${factor.toFixed(1)} times the quiet one, at most ${p99FactorMax}`)
  if (Object.keys(failures).length > 0) missed.push(`join: failed requests ${JSON.stringify(failures)}`)
  if (shareError > shareErrorMax) missed.push(`join: shares differ by ${(100 * shareError).toFixed(1)} %`)
  return missed
}
