/** `node_status`, from the figures that the parts of a node keep. */
import { statfsSync } from "node:fs"
import { availableParallelism, cpus, freemem, release, totalmem, type } from "node:os"
import type { Config } from "../../config/config.ts"
import { operation, type OperationName } from "../../core/entry/operation.ts"
import { Histogram } from "../../core/lib/histogram.ts"
import type { Counters } from "../../core/node/counters.ts"
import type { Storage } from "../../storage/storage.ts"
import {
  type EngineFigures,
  integer64,
  type NodeStatus,
  type OperationFigures,
  type Quantiles,
} from "../../wire/status.ts"
import type { Listener } from "../net/listener.ts"
import type { Driver } from "./driver.ts"
import type { LoopLag } from "./loop-lag.ts"
import { buildCommit, buildDate, version } from "../version.ts"

export interface StatusSources {
  readonly config: Config
  readonly storage: Storage
  readonly counters: Counters
  readonly driver: Driver
  readonly lag: LoopLag
  readonly listener: Listener
  readonly startedMs: number
  readonly partitions: number
  /** `host:port` that others use. */
  readonly endpoint: string
}

export function nodeStatus(sources: StatusSources): NodeStatus {
  const { config, storage, counters, listener, endpoint } = sources
  const figures = storage.figures()
  const operations = {} as Record<OperationName, OperationFigures>
  for (const [name, opcode] of Object.entries(operation))
    operations[name as OperationName] = figuresOf(counters, opcode)
  const times = cpuTimes()
  const disk = statfsSync(config.global.depot.root)
  const sessionsMax = config.local.network.server_sessions
  return {
    node_id: storage.identity.nodeId,
    operating_system: `${type()} ${release()}`,
    hardware_concurrency: availableParallelism(),
    listening_addresses: [config.local.network.listen_on],
    partitions_count: sources.partitions,
    timestamp: Date.now(),
    startup: sources.startedMs,
    engine_version: version,
    engine_build_date: buildDate,
    engine_build_commit: buildCommit,
    memory: {
      physmem: { used: integer64(totalmem() - freemem()), total: integer64(totalmem()) },
      vm: { used: integer64(process.memoryUsage.rss()), total: integer64(totalmem()) },
    },
    cpu_times: times,
    disk_usage: { free: integer64(disk.bavail * disk.bsize), total: integer64(disk.blocks * disk.bsize) },
    network: {
      listening_endpoint: endpoint,
      in_bytes: integer64(listener.traffic.bytesIn),
      out_bytes: integer64(listener.traffic.bytesOut),
      partitions: {
        count: 1,
        max_sessions: sessionsMax,
        available_sessions: [Math.max(0, sessionsMax - listener.clients)],
      },
    },
    entries: {
      resident: { count: integer64(figures.residentEntries), size: integer64(figures.residentBytes) },
      persisted: { count: integer64(figures.persistedEntries), size: integer64(figures.persistedBytes) },
    },
    overall: overallOf(counters, figures.evictions),
    engine: engineOf(sources),
    operations,
  }
}

function figuresOf(counters: Counters, opcode: number): OperationFigures {
  const count = counters.requests[opcode] ?? 0
  const failures = counters.failures[opcode] ?? 0
  return {
    count: integer64(count),
    successes: integer64(Math.max(0, count - failures)),
    failures: integer64(failures),
    pageins: integer64(counters.pageIns[opcode] ?? 0),
    evictions: "0",
    in_bytes: integer64(counters.bytesIn[opcode] ?? 0),
    out_bytes: integer64(counters.bytesOut[opcode] ?? 0),
    latency: quantilesOf(counters.latency[opcode] ?? new Histogram()),
  }
}

function quantilesOf(histogram: Histogram): Quantiles {
  return {
    count: integer64(histogram.count),
    p50_us: histogram.quantile(0.5),
    p99_us: histogram.quantile(0.99),
    p999_us: histogram.quantile(0.999),
    max_us: histogram.microsMax,
  }
}

function engineOf(sources: StatusSources): EngineFigures {
  const { storage, counters, listener, driver, lag } = sources
  const { data } = driver
  const figures = storage.figures()
  const sessions = listener.figures
  return {
    commits: {
      count: integer64(figures.commits),
      p50_us: figures.commitMicrosP50,
      p99_us: figures.commitMicrosP99,
      max_us: figures.commitMicrosMax,
    },
    event_loop_lag: quantilesOf(lag.histogram),
    leases_lapsed: integer64(driver.node.leasesLapsed),
    prepared: data.preparedCount,
    loading: data.loadingCount,
    uncommitted_bytes: integer64(figures.uncommittedBytes),
    sessions_waiting: driver.waitingCount,
    forwarded: {
      all: integer64(driver.node.forwards.taken),
      routed: integer64(driver.node.forwards.takenRouted),
    },
    cache: cacheOf(counters),
    heap_bytes: integer64(process.memoryUsage().heapUsed),
    log_bytes: integer64(figures.logBytes),
    files: {
      log_bytes: integer64(figures.logFileBytes),
      table_bytes: integer64(figures.tableFileBytes),
    },
    dirty_bytes: integer64(figures.dirtyBytes),
    filter_bytes: integer64(figures.filterBytes),
    pageins: integer64(figures.pageIns),
    evictions: integer64(figures.evictions),
    duplicates: integer64(counters.duplicates),
    expired_removed: integer64(counters.expiredRemoved),
    clients_forgotten: integer64(counters.clientsForgotten),
    // Slots of this node whose copy did not hold: its checksums, or what its primary holds.
    replicas: {
      damaged: integer64(driver.node.replication.damaged),
      differing: integer64(driver.node.replication.differing),
    },
    disk: {
      used: integer64(figures.diskBytesUsed),
      quota: integer64(figures.diskBytesMax),
      full: storage.diskFull,
    },
    sessions: {
      open: listener.sessions.size,
      accepted: integer64(sessions.accepted),
      refused: integer64(sessions.refused),
      protocol_errors: integer64(sessions.protocolErrors),
      stalled: integer64(sessions.stalled),
      idle: integer64(sessions.idle),
      held_bytes: integer64(listener.heldBytes),
    },
  }
}

/** Requests for entries, by whether the first look at memory was enough. */
function cacheOf(counters: Counters): EngineFigures["cache"] {
  let [requests, misses] = [0, 0]
  for (let opcode = operation.get; opcode <= operation.get_expiry; opcode++) {
    requests += counters.requests[opcode] ?? 0
    misses += counters.pageIns[opcode] ?? 0
  }
  return { hits: integer64(Math.max(0, requests - misses)), misses: integer64(misses) }
}

/** Evictions are the node's and no single operation's: they are counted here only. */
function overallOf(counters: Counters, evictions: number): NodeStatus["overall"] {
  const sum = (figures: Float64Array) => figures.reduce((total, value) => total + value, 0)
  const count = sum(counters.requests)
  const failures = sum(counters.failures)
  return {
    count: integer64(count),
    successes: integer64(Math.max(0, count - failures)),
    failures: integer64(failures),
    pageins: integer64(sum(counters.pageIns)),
    evictions: integer64(evictions),
    in_bytes: integer64(sum(counters.bytesIn)),
    out_bytes: integer64(sum(counters.bytesOut)),
  }
}

function cpuTimes(): NodeStatus["cpu_times"] {
  let [idle, system, user] = [0, 0, 0]
  for (const { times } of cpus()) {
    idle += times.idle
    system += times.sys + times.irq
    user += times.user + times.nice
  }
  return {
    idle: integer64(Math.round(idle)),
    system: integer64(Math.round(system)),
    user: integer64(Math.round(user)),
  }
}
