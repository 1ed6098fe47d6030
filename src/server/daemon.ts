/**
 * The daemon's life: its parts acquired in order and released in reverse, whatever happens between (Effect scopes).
 *
 * log → license → descriptors → pid file → storage → driver → listener → timers, then `ready`, then waiting for the one
 * reason to stop. On the way out: no new sessions, no new requests, what is in flight is answered, then the table is
 * flushed and the directory unlocked.
 */
import { Deferred, Effect, Option, type Scope } from "effect"
import { availableParallelism } from "node:os"
import { formatAddress } from "../config/address.ts"
import type { Loaded } from "../config/load.ts"
import { problemText } from "../config/problem.ts"
import { assert } from "../core/lib/assert.ts"
import { cleanStopMs, licenseReminderCheckMs, stopMarginMs, stopTimeoutMs } from "../core/lib/limits.ts"
import { formatNodeId, parseNodeId, unsetNodeId } from "../core/ring/node-id.ts"
import { startDirectoryOver } from "../storage/directory/data-directory.ts"
import { openStorage } from "../storage/open.ts"
import { type Storage, StorageError, type StorageOptions } from "../storage/storage.ts"
import { type HttpListener, HttpStartError, startHttp } from "../http/listener.ts"
import type { Context, End } from "./context.ts"
import type { ClusterSecret } from "./link/secret.ts"
import { checkLicense } from "./license-check.ts"
import type { Logger } from "./log/logger.ts"
import { openLogger } from "./log/open.ts"
import { Listener } from "./net/listener.ts"
import { Driver } from "./node/driver.ts"
import { LoopLag } from "./node/loop-lag.ts"
import { SideRequests } from "./node/side-requests.ts"
import { SlowLog } from "./node/slow-log.ts"
import { addressOf, clusterSources, hostEvents, makeCluster, readSecret } from "./node/enter.ts"
import { clusterStatus, nodeTopology } from "./node/cluster-status.ts"
import { nodeStatus, type StatusSources } from "./node/status.ts"
import { startTimers } from "./node/timers.ts"
import { descriptorsReserved, raiseDescriptorLimit } from "./process/descriptors.ts"
import { writeDump } from "./process/dump-file.ts"
import { writePidFile } from "./process/pid-file.ts"
import { onSignals } from "./process/signals.ts"
import { StartError } from "./start-error.ts"
import { version } from "./version.ts"

/**
 * Runs a node until it is stopped.
 * @param onReady called once it serves, or waits for others
 * @returns the exit status. Fails with a `StartError` if it cannot start
 */
export function runDaemon(loaded: Loaded, onReady: () => void): Effect.Effect<number, StartError> {
  return Effect.gen(function* () {
    for (;;) {
      const end = yield* runNode(loaded, onReady)
      if (end.kind === "again") continue
      if (end.kind !== "startOver") return 0
      yield* starting(() => startDirectoryOver(loaded.config.global.depot.root))
    }
  })
}

const partings = { stop: "stopping", startOver: "starting over", again: "starting again" } as const

/** One run of the node with one storage. */
function runNode(loaded: Loaded, onReady: () => void): Effect.Effect<End, StartError> {
  return Effect.scoped(
    Effect.gen(function* () {
      const ended = yield* Deferred.make<End>()
      const endedAgain = yield* Deferred.make<End>()
      const { logger: settings } = loaded.config.local
      const logger = yield* Effect.acquireRelease(
        starting(() => openLogger(settings)),
        (log) => Effect.sync(() => log.close()),
      )
      const context: Context = {
        loaded,
        logger,
        end: (end) => {
          if (!Effect.runSync(Deferred.succeed(ended, end))) Effect.runSync(Deferred.succeed(endedAgain, end))
        },
      }
      for (const warning of loaded.warnings) logger.warning("configuration", problemText(warning))
      yield* watchFailures(context)
      yield* resource(() =>
        onSignals(
          (signal) => context.end({ kind: "stop", why: signal }),
          () => {
            logger.reopen()
            logger.info("log", "log files reopened", { why: "SIGHUP" })
          },
        ),
      )
      const node = yield* startNode(context)
      // Who needs nobody serves before it says so; who needs others would keep a script that starts them waiting for ever.
      if (node.driver.cluster.isAlone)
        yield* Effect.raceFirst(
          Effect.promise(() => node.serves),
          Deferred.await(ended),
        )
      logger.info("qdbd", `qdbd ${version} ready on ${node.endpoint} pid ${process.pid} node ${node.nodeId}`)
      onReady()
      const first = yield* Deferred.await(ended)
      const end = first.kind === "stop" ? yield* takeLeave(first, node.driver, endedAgain) : first
      if (end.kind === "failure") return yield* crash(context, end.error, node)
      if (end.kind === "refused") return yield* Effect.fail(end.error)
      logger.info("qdbd", partings[end.kind], { why: end.why })
      return end
    }),
  )
}

/** A clean stop: what this node serves is handed over first, if there is anybody, and if it does not take too long. */
function takeLeave(end: End, driver: Driver, endedAgain: Deferred.Deferred<End>): Effect.Effect<End> {
  const others = (driver.view?.members.length ?? 0) > 1
  if (!others || driver.node.hasStopped) return Effect.succeed(end)
  driver.stop("stop")
  return Effect.map(
    Effect.timeoutOption(Deferred.await(endedAgain), cleanStopMs + stopMarginMs),
    Option.match({
      onNone: () => end,
      // Who asked for it and why is to be read in the log, too.
      onSome: (left) =>
        left.kind === "stop" && end.kind === "stop" ? { ...left, why: `${end.why} (${left.why})` } : left,
    }),
  )
}

/** Turns what a start throws for the operator into a typed failure; anything else is a defect. */
function starting<A>(acquire: () => A): Effect.Effect<A, StartError> {
  return Effect.try({
    try: acquire,
    catch: (cause) => {
      if (cause instanceof StartError) return cause
      if (cause instanceof StorageError) return new StartError(cause.message)
      throw cause
    },
  })
}

/** Something whose release is a plain function that its acquisition returns. */
function resource(acquire: () => () => void): Effect.Effect<void, StartError, Scope.Scope> {
  const acquired = Effect.acquireRelease(starting(acquire), (release) => Effect.sync(release))
  return Effect.asVoid(acquired)
}

function watchFailures(context: Context): Effect.Effect<void, StartError, Scope.Scope> {
  return resource(() => {
    const fail = (cause: unknown) =>
      context.end({ kind: "failure", error: cause instanceof Error ? cause : new Error(String(cause)) })
    process.on("uncaughtException", fail)
    process.on("unhandledRejection", fail)
    return () => {
      process.off("uncaughtException", fail)
      process.off("unhandledRejection", fail)
    }
  })
}

interface RunningNode {
  readonly endpoint: string
  readonly nodeId: string
  readonly driver: Driver
  /** The node answers for the first time. */
  readonly serves: Promise<void>
  readonly state: () => unknown
}

function startNode(context: Context): Effect.Effect<RunningNode, StartError, Scope.Scope> {
  return Effect.gen(function* () {
    const { loaded, logger } = context
    const { config } = loaded
    const license = yield* starting(() => checkLicense(loaded, logger))
    const secret = yield* starting(() => readSecret(config, logger))
    yield* starting(() => checkDescriptors(config.local.network.server_sessions, logger))
    const { pidFile } = loaded
    if (pidFile !== undefined) yield* resource(() => writePidFile(pidFile))

    const listener = makeListener(context)
    yield* starting(() => listener.probe())
    let serving: () => void = () => undefined
    const serves = new Promise<void>((resolve) => (serving = resolve))
    const { driver, storage } = yield* openNode(context, listener, secret, serving)
    yield* Effect.acquireRelease(
      starting(() => listener.start(driver)),
      () => stopServing(listener, driver, logger),
    )
    const lag = new LoopLag()
    const sources = statusSources(context, storage, driver, listener, lag)
    yield* resource(() => () => driver.cluster.links.close(performance.now()))
    facts.set(driver, sources)
    yield* Effect.acquireRelease(
      starting(() => openHttp(context)),
      (http) => Effect.promise(async () => http?.stop()),
    )
    yield* resource(() => startTimers({ driver, listener, storage, logger, lag }))
    driver.start(sources.endpoint)
    yield* resource(() => {
      const timer = setInterval(() => license.remind(), licenseReminderCheckMs)
      return () => clearInterval(timer)
    })
    return {
      endpoint: sources.endpoint,
      nodeId: storage.identity.nodeId,
      driver,
      serves,
      state: () => ({ node: nodeStatus(sources), cluster: clusterStatus(clusterSources(context, driver)) }),
    }
  })
}

function openHttp(context: Context): HttpListener | undefined {
  const { http, network } = context.loaded.config.local
  try {
    return startHttp({
      listenOn: http.listen_on,
      nodeAddress: network.listen_on,
      notice: (level, text) => context.logger.log(level, "http", text),
    })
  } catch (cause) {
    throw cause instanceof HttpStartError ? new StartError(cause.message) : cause
  }
}

/** What a driver answers about itself; known once its listener has its port. */
const facts = new WeakMap<Driver, StatusSources>()

function makeListener(context: Context): Listener {
  const { network } = context.loaded.config.local
  const { host, port } = addressOf(network.listen_on)
  return new Listener({
    hostname: host,
    port,
    sessionsMax: network.server_sessions,
    idleTimeoutMs: network.idle_timeout * 1000,
    softwareVersion: version,
    onNotice: (level, text) => context.logger.log(level, "listener", text),
  })
}

function openNode(
  context: Context,
  listener: Listener,
  secret: ClusterSecret | undefined,
  onServing: () => void,
): Effect.Effect<{ driver: Driver; storage: Storage }, StartError, Scope.Scope> {
  return Effect.gen(function* () {
    const { config } = context.loaded
    const running: { driver: Driver | undefined } = { driver: undefined }
    const opening = Effect.tryPromise({
      try: () =>
        openStorage(storageOptions(context, running), (storage) => {
          const cluster = makeCluster(context, storage, secret, running)
          const driver = new Driver(storage, cluster, {
            sideRequests: (made) => new SideRequests(made, nodeFacts(context, made)),
            resume: (session) => listener.resume(session),
            drop: (session) => listener.drop(session),
            slowLog: new SlowLog(context.logger, config.local.logger.slow_operation_ms),
            events: hostEvents(context, cluster, onServing),
            requestTimeoutMs: config.local.network.client_timeout * 1000,
          })
          running.driver = driver
          return driver.recovery()
        }),
      catch: (cause) => (cause instanceof StorageError ? new StartError(cause.message) : new Defect(cause)),
    }).pipe(Effect.catchTag("Defect", (defect) => Effect.die(defect.cause)))
    const storage = yield* Effect.acquireRelease(opening, (opened) => closeStorage(opened, context.logger))
    const { driver } = running
    if (driver === undefined) return yield* Effect.die(new Error("storage did not recover"))
    return { driver, storage }
  })
}

class Defect {
  readonly _tag = "Defect"
  readonly cause: unknown

  constructor(cause: unknown) {
    this.cause = cause
  }
}

/** @returns `hex-hex-hex-hex`, or undefined where the directory is to choose one */
function chosenNodeId(text: string): string | undefined {
  if (text === "random") return undefined
  const parsed = parseNodeId(text)
  assert(parsed !== undefined, "a checked node id parses")
  return parsed === unsetNodeId ? undefined : formatNodeId(parsed)
}

function storageOptions(context: Context, running: { readonly driver: Driver | undefined }): StorageOptions {
  const { global, local } = context.loaded.config
  const nodeId = chosenNodeId(local.chord.node_id)
  return {
    directory: global.depot.root,
    ...(nodeId === undefined ? {} : { nodeId }),
    // Asked for when the log is opened: the directory has told by then what the cluster wants.
    get sync() {
      return running.driver?.cluster.settings.sync ?? global.depot.sync
    },
    transient: global.depot.transient,
    memoryBytesMax: global.limiter.max_bytes,
    memoryEntriesMax: global.limiter.max_in_entries_count,
    diskBytesMax: global.depot.max_bytes,
    diskWarnShare: global.depot.storage_warning_level / 100,
    diskWarnIntervalMs: global.depot.storage_warning_interval * 1000,
    partitions: local.network.partitions_count,
    onProgress: () => running.driver?.progress(),
    onMeta: (token) => running.driver?.metaPersisted(token),
    onFatal: (error) => context.end({ kind: "failure", error }),
    onNotice: (level, text) => context.logger.log(level, "storage", text),
  }
}

function nodeFacts(context: Context, driver: Driver) {
  const sources = () => {
    const known = facts.get(driver)
    if (known === undefined) throw new Error("asked before the node was started")
    return known
  }
  return {
    status: () => nodeStatus(sources()),
    config: () => structuredClone(context.loaded.config) as never,
    topology: () => nodeTopology(driver.view, driver.cluster.self),
    clusterStatus: () => clusterStatus(clusterSources(context, driver)),
    stop: (reason: string) => context.end({ kind: "stop", why: `stop_node: ${reason}` }),
    onError: (text: string) => context.logger.error("node", text),
  }
}

function statusSources(
  context: Context,
  storage: Storage,
  driver: Driver,
  listener: Listener,
  lag: LoopLag,
): StatusSources {
  const { config } = context.loaded
  const { network } = config.local
  const { host, port } = addressOf(network.advertise === "" ? network.listen_on : network.advertise)
  const endpoint = formatAddress(host, port === 0 ? listener.port : port)
  const workers = Math.max(1, availableParallelism() - 1)
  return {
    config,
    storage,
    counters: driver.data.counters,
    driver,
    lag,
    listener,
    startedMs: Date.now(),
    partitions: network.partitions_count === 0 ? workers : network.partitions_count,
    endpoint,
  }
}

/** No new sessions and requests; what is in flight is answered, for `stopTimeoutMs` at most. */
function stopServing(listener: Listener, driver: Driver, logger: Logger): Effect.Effect<void> {
  return Effect.gen(function* () {
    listener.stopAccepting()
    const drained = yield* Effect.timeoutOption(
      Effect.promise(() => driver.drain()),
      stopTimeoutMs,
    )
    if (drained._tag === "None")
      logger.warning("qdbd", "requests were still in flight when the time to stop was over")
    listener.close()
  })
}

function closeStorage(storage: Storage, logger: Logger): Effect.Effect<void> {
  return Effect.promise(() => storage.close()).pipe(
    Effect.catchCause((cause) =>
      Effect.sync(() =>
        logger.error("storage", `closing failed; the log is replayed at the next start: ${String(cause)}`),
      ),
    ),
  )
}

function checkDescriptors(sessions: number, logger: Logger): void {
  const limit = raiseDescriptorLimit()
  if (limit !== undefined && limit < sessions + descriptorsReserved) {
    const text = `the limit of open files (${limit}) is below server_sessions (${sessions}) and what the node itself needs`
    logger.warning("qdbd", `${text}; raise it (ulimit -n, LimitNOFILE) or lower the sessions`)
  }
}

/** The node must not go on: dump, and end without touching its files again. */
function crash(context: Context, error: Error, node: RunningNode): Effect.Effect<never> {
  return Effect.sync(() => {
    const path = context.loaded.config.local.logger.dump_file
    writeDump({ path, version, logger: context.logger, state: node.state }, error)
    context.logger.close()
    process.exit(1)
  })
}
