/**
 * How late the event loop of a daemon becomes under as many writes as it takes, alone and as one of three that share the
 * machine, and whether leases are lost over it. The node samples it from its start on; what lies before and behind the load is
 * short, so it hardly counts.
 */
import { connect } from "../../src/client/client.ts"
import type { NodeStatus } from "../../src/wire/status.ts"
import { planOf as clusterPlanOf } from "./cluster.ts"
import { planOf } from "./cell.ts"
import type { BenchOptions } from "./options.ts"
import type { PartResult } from "./parts.ts"
import { runLoad, type Programs } from "./programs.ts"
import { startQdbCluster } from "./qdb-cluster.ts"
import { aligned } from "./report.ts"
import { removeFolder, startQdb } from "./server.ts"

const secondsDefault = 30
const aloneMsMax = 20
const threeMsMax = 100

interface LagFigures {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly samples: number
  readonly leasesLapsed: number
}

export async function measureLag(programs: Programs, options: BenchOptions): Promise<PartResult> {
  const seconds = options.seconds ?? secondsDefault * options.scale
  const alone = await measureAlone(programs, seconds)
  const three = await measureThree(programs, seconds)
  const rows = [
    ["event loop lag", "p50 ms", "p99 ms", "max ms", "samples", "leases lapsed", "puts/s"],
    rowOf("one daemon", alone.lag, alone.perSecond),
    ...three.lags.map((lag, index) => rowOf(`one of three, ${index}`, lag, three.perSecond)),
  ]
  const missed: Array<string> = []
  if (alone.lag.p99Ms > aloneMsMax)
    missed.push(`lag: p99 ${alone.lag.p99Ms.toFixed(1)} ms alone, at most ${aloneMsMax}`)
  const worstMs = Math.max(...three.lags.map(({ p99Ms }) => p99Ms))
  if (worstMs > threeMsMax) missed.push(`lag: p99 ${worstMs.toFixed(1)} ms of three, at most ${threeMsMax}`)
  const lapsed = three.lags.reduce((sum, lag) => sum + lag.leasesLapsed, 0)
  if (lapsed > 0) missed.push(`lag: ${lapsed} leases lapsed`)
  return { table: aligned(rows), figures: { lag: { seconds, alone, three } }, missed }
}

async function measureAlone(
  programs: Programs,
  seconds: number,
): Promise<{ lag: LagFigures; perSecond: number }> {
  const server = await startQdb(programs.qdbd, { durability: "always" })
  try {
    console.log(`qdb    ${server.configuration}`)
    const { measured, seconds: took } = await runLoad(programs, planOf("put16", server, seconds, 1))
    return { lag: await lagOf(`${server.host}:${server.port}`), perSecond: measured / took }
  } finally {
    await server.stop()
    removeFolder(server.folder)
  }
}

async function measureThree(
  programs: Programs,
  seconds: number,
): Promise<{ lags: ReadonlyArray<LagFigures>; perSecond: number }> {
  const cluster = await startQdbCluster(programs.qdbd)
  try {
    console.log(`qdb    ${cluster.configuration}`)
    const { measured, seconds: took } = await runLoad(programs, clusterPlanOf(cluster, "put16", seconds, 1))
    return { lags: await Promise.all(cluster.addresses.map(lagOf)), perSecond: measured / took }
  } finally {
    await cluster.stop()
    removeFolder(cluster.folder)
  }
}

async function lagOf(address: string): Promise<LagFigures> {
  await using client = await connect({ daemons: [address] })
  const { engine, listening_addresses: answering } = (await client.nodeStatus()) as NodeStatus
  if (!answering.includes(address))
    throw new Error(`bench: asked ${address}, answered by ${answering.join()}`)
  const { p50_us, p99_us, max_us, count } = engine.event_loop_lag
  return {
    p50Ms: p50_us / 1000,
    p99Ms: p99_us / 1000,
    maxMs: max_us / 1000,
    samples: Number(count),
    leasesLapsed: Number(engine.leases_lapsed),
  }
}

function rowOf(name: string, lag: LagFigures, perSecond: number): ReadonlyArray<string> {
  const { p50Ms, p99Ms, maxMs, samples, leasesLapsed } = lag
  return [
    name,
    ...[p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)),
    String(samples),
    String(leasesLapsed),
    perSecond.toFixed(0),
  ]
}
