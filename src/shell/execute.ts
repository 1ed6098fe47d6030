/** A parsed command to the cluster: what each one asks of the client, and what came of it. */
import * as Effect from "effect/Effect"
import type { Invocation } from "../command/parse.ts"
import type { LiveSetting } from "../wire/status.ts"
import { helpList, helpOf } from "../command/help.ts"
import type { QdbService } from "../client/effect.ts"
import { invalidArgument, type QdbError } from "../client/error.ts"
import { Connection } from "./connection.ts"
import type { Outcome } from "./outcome.ts"
import { versionText } from "./version.ts"

/** The bytes of an invocation's arguments; its strings are the parser's, the encoding is the caller's. */
export interface Arguments {
  readonly alias: Uint8Array
  readonly prefix: Uint8Array
  readonly content: Uint8Array
  readonly comparand: Uint8Array
  readonly reason: string
}

const done: Outcome = { kind: "done" }

/** @param onProgress called by `remove_all` with the number of entries removed so far */
export function execute(
  invocation: Invocation,
  args: Arguments,
  onProgress: (removed: number) => void,
): Effect.Effect<Outcome, QdbError, Connection> {
  const { command } = invocation
  if (command.class === "shell") return Effect.succeed(shellOutcome(invocation))
  return Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* Connection
      if (command.name === "cluster_wait") return yield* waitForCluster(connection, invocation)
      const qdb = yield* connection.at(invocation.address)
      return yield* ask(qdb, invocation, args, onProgress)
    }),
  )
}

function shellOutcome(invocation: Invocation): Outcome {
  switch (invocation.command.name) {
    case "help":
      return { kind: "text", text: invocation.topic === undefined ? helpList() : helpOf(invocation.topic) }
    case "version":
      return { kind: "text", text: versionText }
    default:
      return done
  }
}

function ask(
  qdb: QdbService,
  { command, expiresMs, target, value, options }: Invocation,
  { alias, prefix, content, comparand, reason }: Arguments,
  onProgress: (removed: number) => void,
): Effect.Effect<Outcome, QdbError> {
  switch (command.name) {
    case "get":
      return Effect.map(qdb.get(alias), contentOutcome)
    case "put":
      return Effect.as(qdb.put(alias, content), done)
    case "update":
      return Effect.as(qdb.update(alias, content), done)
    case "remove":
      return Effect.as(qdb.remove(alias), done)
    case "get_update":
      return Effect.map(qdb.getUpdate(alias, content), contentOutcome)
    case "get_remove":
      return Effect.map(qdb.getRemove(alias), contentOutcome)
    case "cas":
      return Effect.map(qdb.cas(alias, content, comparand), (result) => ({ kind: "swap", ...result }))
    case "remove_if":
      return Effect.map(qdb.removeIf(alias, comparand), (value) => ({ kind: "boolean", value }))
    case "expires_at":
      return Effect.as(qdb.expiresAt(alias, expiresMs === 0 ? "never" : expiresMs), done)
    case "expires_from_now":
      return Effect.as(qdb.expiresFromNow(alias, expiresMs), done)
    case "get_expiry":
      return Effect.map(qdb.getExpiry(alias), (expiry) => ({
        kind: "expiry",
        expiresAtMs: expiry === "never" ? 0 : expiry.getTime(),
      }))
    case "prefix_get":
      return Effect.map(qdb.prefixGetSorted(prefix), (aliases) => ({ kind: "aliases", aliases }))
    case "remove_all":
      return Effect.map(qdb.removeAll({ onProgress }), (count) => ({ kind: "removed", count }))
    case "node_status":
      return Effect.map(qdb.nodeStatus(), documentOutcome)
    case "node_config":
      return Effect.map(qdb.nodeConfig(), documentOutcome)
    case "node_topology":
      return Effect.map(qdb.nodeTopology(), documentOutcome)
    case "cluster_status":
      return Effect.map(qdb.clusterStatus(), documentOutcome)
    case "cluster_plan": {
      const removed = options.get("--remove")
      const added = options.get("--add")
      return Effect.map(
        qdb.clusterPlan({
          ...(typeof added === "number" ? { add: added } : {}),
          ...(typeof removed === "string" ? { remove: removed.split(",") } : {}),
        }),
        documentOutcome,
      )
    }
    case "cluster_set":
      // A name that is none is the node's to refuse: it may be newer.
      return Effect.as(qdb.clusterSet(target as LiveSetting, value), done)
    case "cluster_remove_node": {
      const removal = qdb.clusterRemoveNode(target, { force: options.has("--force") })
      if (!options.has("--wait")) return Effect.as(removal, done)
      return Effect.as(Effect.andThen(removal, qdb.clusterRemoved(target, timeoutOf(options))), done)
    }
    case "cluster_recover":
      return Effect.map(qdb.clusterRecover(target.split(",")), documentOutcome)
    case "stop_node":
      return Effect.as(qdb.stopNode(reason), done)
    case "cluster_wait":
    case "help":
    case "version":
    case "exit":
      return Effect.fail(invalidArgument(`${command.name} is not asked of a node.`))
  }
}

/** Who waits for a cluster also waits for its first daemon; both together take the time that was given. */
function waitForCluster(
  connection: Connection["Service"],
  { options }: Invocation,
): Effect.Effect<Outcome, QdbError> {
  const wanted = options.has("--serving") && !options.has("--stable") ? "serving" : "stable"
  const endMs = performance.now() + (timeoutOf(options).timeoutMs ?? connection.timeoutMs)
  const leftMs = () => Math.max(1, endMs - performance.now())
  return connection.patient(endMs).pipe(
    Effect.flatMap((qdb) => qdb.clusterWait(wanted, { timeoutMs: leftMs() })),
    Effect.as(done),
  )
}

function timeoutOf(options: Invocation["options"]): { readonly timeoutMs?: number } {
  const timeoutMs = options.get("--timeout")
  return typeof timeoutMs === "number" ? { timeoutMs } : {}
}

function contentOutcome(content: Uint8Array): Outcome {
  return { kind: "content", content }
}

function documentOutcome(document: Extract<Outcome, { kind: "document" }>["document"]): Outcome {
  return { kind: "document", document }
}
