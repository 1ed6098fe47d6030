/**
 * The client library as an Effect service. The layer connects when it is built, and closes (waiting for what is under way)
 * when its scope ends; every method fails with `QdbError` and nothing else; interrupting one gives its request up.
 *
 * ```ts
 * const program = Effect.gen(function* () {
 *   const qdb = yield* Qdb
 *   yield* qdb.put("entry", "content")
 *   return yield* qdb.get("entry")
 * })
 * program.pipe(Effect.provide(Qdb.layer({ daemons: ["192.168.1.1:2836"] })))
 * ```
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { LiveSetting } from "../wire/status.ts"
import type { ValueMap } from "../wire/writer.ts"
import type { Address } from "./address.ts"
import { type Client, connect } from "./client.ts"
import type { Bytes, Time } from "./encode.ts"
import { QdbError } from "./error.ts"
import type { RoutingFigures } from "./machine.ts"
import type { CasResult, ConnectOptions, PlanChange } from "./options.ts"

export interface CallOptions {
  readonly timeoutMs?: number
}

export interface StoreCallOptions extends CallOptions {
  readonly expiresAt?: Time
}

export interface RemoveAllCallOptions extends CallOptions {
  readonly onProgress?: (removed: number) => void
}

type Call<A> = Effect.Effect<A, QdbError>

/** The methods of `Client`, as effects. */
export interface QdbService {
  /** The node that the client is connected to now. */
  readonly address: Effect.Effect<Address | undefined>
  readonly routing: Effect.Effect<RoutingFigures>
  readonly get: (alias: Bytes, options?: CallOptions) => Call<Uint8Array>
  readonly put: (alias: Bytes, content: Bytes, options?: StoreCallOptions) => Call<void>
  readonly update: (alias: Bytes, content: Bytes, options?: StoreCallOptions) => Call<void>
  readonly remove: (alias: Bytes, options?: CallOptions) => Call<void>
  readonly getUpdate: (alias: Bytes, content: Bytes, options?: StoreCallOptions) => Call<Uint8Array>
  readonly getRemove: (alias: Bytes, options?: CallOptions) => Call<Uint8Array>
  readonly cas: (
    alias: Bytes,
    content: Bytes,
    comparand: Bytes,
    options?: StoreCallOptions,
  ) => Call<CasResult>
  readonly removeIf: (alias: Bytes, comparand: Bytes, options?: CallOptions) => Call<boolean>
  readonly expiresAt: (alias: Bytes, time: Time | "never", options?: CallOptions) => Call<void>
  readonly expiresFromNow: (alias: Bytes, deltaMs: number, options?: CallOptions) => Call<void>
  readonly getExpiry: (alias: Bytes, options?: CallOptions) => Call<Date | "never">
  /** In the order of slots, as they come. */
  readonly prefixGet: (prefix: Bytes, options?: CallOptions) => Stream.Stream<string, QdbError>
  /** All of them, in the order of their bytes. */
  readonly prefixGetSorted: (prefix: Bytes, options?: CallOptions) => Call<readonly string[]>
  readonly removeAll: (options?: RemoveAllCallOptions) => Call<number>
  readonly nodeStatus: (options?: CallOptions) => Call<ValueMap>
  readonly nodeConfig: (options?: CallOptions) => Call<ValueMap>
  readonly nodeTopology: (options?: CallOptions) => Call<ValueMap>
  readonly clusterStatus: (options?: CallOptions) => Call<ValueMap>
  readonly clusterPlan: (change: PlanChange, options?: CallOptions) => Call<ValueMap>
  readonly clusterSet: (setting: LiveSetting, value: string, options?: CallOptions) => Call<void>
  readonly clusterRemoveNode: (
    node: string,
    options?: CallOptions & { readonly force?: boolean },
  ) => Call<void>
  readonly clusterRecover: (nodes: readonly string[], options?: CallOptions) => Call<ValueMap>
  readonly clusterWait: (wanted: "stable" | "serving", options?: CallOptions) => Call<ValueMap>
  readonly clusterRemoved: (node: string, options?: CallOptions) => Call<ValueMap>
  readonly stopNode: (reason: string, options?: CallOptions) => Call<void>
  readonly ping: (options?: CallOptions) => Call<void>
  /** Waits until one more request would be taken. */
  readonly writable: Effect.Effect<void>
}

export class Qdb extends Context.Service<Qdb, QdbService>()("qdb/client/Qdb") {
  /** Connects when it is built. */
  static layer(options: ConnectOptions): Layer.Layer<Qdb, QdbError> {
    return Layer.effect(Qdb, makeQdb(options))
  }
}

/** A connected client that is closed with the scope. */
export function makeQdb(options: ConnectOptions): Effect.Effect<QdbService, QdbError, Scope.Scope> {
  const acquire = call((signal) => connect({ ...options, signal }))
  return Effect.acquireRelease(acquire, (client) => Effect.promise(() => client.close()), {
    interruptible: true,
  }).pipe(Effect.map(serviceOf))
}

function serviceOf(client: Client): QdbService {
  return {
    address: Effect.sync(() => client.address),
    routing: Effect.sync(() => client.routing),
    get: (alias, options) => call((signal) => client.get(alias, { ...options, signal })),
    put: (alias, content, options) => call((signal) => client.put(alias, content, { ...options, signal })),
    update: (alias, content, options) =>
      call((signal) => client.update(alias, content, { ...options, signal })),
    remove: (alias, options) => call((signal) => client.remove(alias, { ...options, signal })),
    getUpdate: (alias, content, options) =>
      call((signal) => client.getUpdate(alias, content, { ...options, signal })),
    getRemove: (alias, options) => call((signal) => client.getRemove(alias, { ...options, signal })),
    cas: (alias, content, comparand, options) =>
      call((signal) => client.cas(alias, content, comparand, { ...options, signal })),
    removeIf: (alias, comparand, options) =>
      call((signal) => client.removeIf(alias, comparand, { ...options, signal })),
    expiresAt: (alias, time, options) =>
      call((signal) => client.expiresAt(alias, time, { ...options, signal })),
    expiresFromNow: (alias, deltaMs, options) =>
      call((signal) => client.expiresFromNow(alias, deltaMs, { ...options, signal })),
    getExpiry: (alias, options) => call((signal) => client.getExpiry(alias, { ...options, signal })),
    prefixGet: (prefix, options) =>
      Stream.suspend(() => Stream.fromAsyncIterable(client.prefixGet(prefix, options), onlyQdbError)),
    prefixGetSorted: (prefix, options) =>
      call((signal) => client.prefixGet(prefix, { ...options, signal }).sorted()),
    removeAll: (options) => call((signal) => client.removeAll({ ...options, signal })),
    nodeStatus: (options) => call((signal) => client.nodeStatus({ ...options, signal })),
    nodeConfig: (options) => call((signal) => client.nodeConfig({ ...options, signal })),
    nodeTopology: (options) => call((signal) => client.nodeTopology({ ...options, signal })),
    clusterStatus: (options) => call((signal) => client.clusterStatus({ ...options, signal })),
    clusterPlan: (change, options) => call((signal) => client.clusterPlan(change, { ...options, signal })),
    clusterSet: (setting, value, options) =>
      call((signal) => client.clusterSet(setting, value, { ...options, signal })),
    clusterRemoveNode: (node, options) =>
      call((signal) => client.clusterRemoveNode(node, { ...options, signal })),
    clusterRecover: (nodes, options) =>
      call((signal) => client.clusterRecover(nodes, { ...options, signal })),
    clusterWait: (wanted, options) => call((signal) => client.clusterWait(wanted, { ...options, signal })),
    clusterRemoved: (node, options) => call((signal) => client.clusterRemoved(node, { ...options, signal })),
    stopNode: (reason, options) => call((signal) => client.stopNode(reason, { ...options, signal })),
    ping: (options) => call((signal) => client.ping({ ...options, signal })),
    writable: Effect.promise(() => client.writable()),
  }
}

/** A promise of the client as an effect: its interruption gives the request up, and a fault of the library is a defect. */
function call<A>(ask: (signal: AbortSignal) => Promise<A>): Call<A> {
  return Effect.tryPromise({ try: ask, catch: (error) => error }).pipe(
    Effect.catch((error) => (error instanceof QdbError ? Effect.fail(error) : Effect.die(error))),
  )
}

function onlyQdbError(error: unknown): QdbError {
  if (error instanceof QdbError) return error
  throw error
}
