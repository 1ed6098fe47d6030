/**
 * A cluster of qdb against one of etcd, both synchronising every write: three processes each on the same machine and file
 * system. Both run all the time, slices alternate, and the order rotates from round to round, as in `compare.ts`.
 *
 * Each of the 50 connections goes to one node: of qdb to the one that serves what it asks for, as a client does that knows
 * the topology; etcd's members forward to their leader by themselves. qdb writes two copies of each entry, etcd three.
 */
import { rmSync } from "node:fs"
import {
  aliases,
  type CellFigures,
  type CellName,
  cellNames,
  connections,
  contentBytes,
  type Slice,
  sliceOf,
  summarise,
} from "./cell.ts"
import type { ClusterServer } from "./cluster-server.ts"
import { rotated } from "./compare.ts"
import { checkPerformance, requireEtcd, startEtcdCluster } from "./etcd.ts"
import type { LoadPlan } from "./load/plan.ts"
import type { BenchOptions } from "./options.ts"
import type { PartResult } from "./parts.ts"
import { processorSeconds, quiet } from "./process-figures.ts"
import { type Programs, runLoad } from "./programs.ts"
import { startQdbCluster } from "./qdb-cluster.ts"
import { aligned, figureWords } from "./report.ts"
import { spreadOf, type Spread } from "./statistics.ts"

const secondsDefault = 5
/** Qdb's figure divided by etcd's, at the least. */
const floors: Readonly<Record<CellName, number>> = { put1: 5, put16: 5, get1: 3, get16: 3 }
/** Of etcd's own measure, which our load generator has to reach on the same etcd. */
const reachMin = 0.8

type Slices = Record<ClusterServer["kind"], Record<CellName, Array<Slice>>>

export async function measureCluster(programs: Programs, options: BenchOptions): Promise<PartResult> {
  const version = requireEtcd()
  const servers: Array<ClusterServer> = []
  try {
    servers.push(await startQdbCluster(programs.qdbd))
    servers.push(await startEtcdCluster())
    const [qdb, etcd] = servers as [ClusterServer, ClusterServer]
    for (const server of servers) {
      console.log(`${server.kind.padEnd(5)} ${server.configuration}`)
      const plan = planOf(server, "put16", 0, 1)
      await runLoad(programs, { ...plan, warmupSeconds: 0, sequential: true })
    }
    const slices = await runRounds(programs, qdb, etcd, options)
    const reach = await checkReach(programs, etcd, options)
    return resultOf(slices, reach, version, options)
  } finally {
    for (const server of servers) {
      await server.stop()
      rmSync(server.folder, { recursive: true, force: true })
    }
  }
}

/** @returns what the load generator is told */
export function planOf(server: ClusterServer, cell: CellName, seconds: number, seed: number): LoadPlan {
  const [first] = server.members
  if (first === undefined) throw new Error("a cluster has members")
  return {
    protocol: server.kind,
    host: first.host,
    port: first.port,
    members: server.members,
    operation: cell.startsWith("put") ? "put" : "get",
    connections,
    inFlight: cell.endsWith("16") ? 16 : 1,
    aliases,
    contentBytes,
    warmupSeconds: Math.min(1, seconds),
    seconds,
    seed,
  }
}

async function runSlice(
  programs: Programs,
  server: ClusterServer,
  cell: CellName,
  seconds: number,
  seed: number,
): Promise<Slice> {
  const used = () => server.pids.reduce((sum, pid) => sum + processorSeconds(pid), 0)
  const before = used()
  const result = await runLoad(programs, planOf(server, cell, seconds, seed))
  return sliceOf(result, used() - before)
}

async function runRounds(
  programs: Programs,
  qdb: ClusterServer,
  etcd: ClusterServer,
  { rounds, seconds = secondsDefault, cells }: BenchOptions,
): Promise<Slices> {
  const empty = () =>
    Object.fromEntries(cellNames.map((cell) => [cell, []])) as unknown as Record<CellName, Array<Slice>>
  const slices: Slices = { qdb: empty(), etcd: empty() }
  for (let round = 0; round < rounds; round++) {
    const shown: Array<string> = []
    for (const cell of rotated(cells, round)) {
      for (const server of round % 2 === 0 ? [qdb, etcd] : [etcd, qdb]) {
        // What one cluster still has to write must not fall into the other's time.
        for (const pid of (server === qdb ? etcd : qdb).pids) await quiet(pid)
        slices[server.kind][cell].push(await runSlice(programs, server, cell, seconds, round + 1))
      }
      const [ours, theirs] = [slices.qdb[cell].at(-1), slices.etcd[cell].at(-1)] as [Slice, Slice]
      shown.push(`${cell} ${(ours.perSecond / theirs.perSecond).toFixed(2)}`)
    }
    console.log(`round ${round + 1} of ${rounds}: ${shown.toSorted().join("  ")}`)
  }
  return slices
}

/**
 * Is our gRPC driver fast enough to be believed? Compared with etcd's own, on the same etcd; `etcdctl check perf` takes a
 * minute, so an instrument that is only tried does without.
 */
async function checkReach(
  programs: Programs,
  etcd: ClusterServer,
  { scale, seconds = secondsDefault }: BenchOptions,
): Promise<number | undefined> {
  if (scale < 1) return undefined
  const ours = await runLoad(programs, planOf(etcd, "put16", seconds, 1_000))
  return ours.measured / ours.seconds / (await checkPerformance(etcd))
}

interface ClusterFigures {
  readonly ratios: Readonly<Partial<Record<CellName, Spread>>>
  readonly figures: Readonly<Record<ClusterServer["kind"], Readonly<Partial<Record<CellName, CellFigures>>>>>
}

function figuresOf(slices: Slices, cells: ReadonlyArray<CellName>): ClusterFigures {
  const perCell = <T>(make: (cell: CellName) => T) =>
    Object.fromEntries(cells.map((cell) => [cell, make(cell)])) as Partial<Record<CellName, T>>
  const ratiosOf = (cell: CellName) =>
    slices.qdb[cell].map((slice, round) => slice.perSecond / (slices.etcd[cell][round] as Slice).perSecond)
  return {
    ratios: perCell((cell) => spreadOf(ratiosOf(cell))),
    figures: {
      qdb: perCell((cell) => summarise(slices.qdb[cell])),
      etcd: perCell((cell) => summarise(slices.etcd[cell])),
    },
  }
}

function resultOf(
  slices: Slices,
  reach: number | undefined,
  version: string,
  { rounds, seconds = secondsDefault, cells }: BenchOptions,
): PartResult {
  const found = figuresOf(slices, cells)
  const rows = [
    ["", "ratio", "min", "max", "floor", "", "", "per s", "p50 ms", "p99 ms", "p99.9", "silence", "µs cpu"],
  ]
  const missed: Array<string> = []
  for (const cell of cells) {
    const { median, min, max } = found.ratios[cell] as Spread
    const floor = floors[cell]
    if (median < floor) missed.push(`${cell}: ${median.toFixed(2)} times etcd's, at least ${floor}`)
    const ratio = [median, min, max, floor].map((value) => value.toFixed(2))
    const ours = figureWords(found.figures.qdb[cell] as CellFigures)
    const theirs = figureWords(found.figures.etcd[cell] as CellFigures)
    rows.push([cell, ...ratio, median >= floor ? "ok" : "BELOW", "qdb", ...ours])
    rows.push(["", "", "", "", "", "", "etcd", ...theirs])
  }
  if (reach !== undefined && reach < reachMin)
    missed.push(`the load generator reaches ${reach.toFixed(2)} of etcdctl check perf: no figure counts`)
  const driver =
    reach === undefined ? "not checked" : `${reach.toFixed(2)} of etcdctl check perf (at least ${reachMin})`
  return {
    table: [
      `three nodes each, every write synchronised; ${rounds} rounds of ${seconds} s, 50 connections, 100,000 aliases of 16 bytes, 100-byte contents`,
      `etcd ${version}`,
      aligned(rows),
      `load generator: ${driver}`,
    ].join("\n"),
    figures: { cluster: { ...found, rounds, seconds, etcd: version, reach } },
    missed,
  }
}
