/** A parsed command to the cluster: what each one asks of the client, and what came of it. */
import * as Effect from "effect/Effect"
import type { Invocation } from "../command/parse.ts"
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
  { command, expiresMs }: Invocation,
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
    case "stop_node":
      return Effect.as(qdb.stopNode(reason), done)
    case "help":
    case "version":
    case "exit":
      return Effect.fail(invalidArgument(`${command.name} is not asked of a node.`))
  }
}

function contentOutcome(content: Uint8Array): Outcome {
  return { kind: "content", content }
}

function documentOutcome(document: Extract<Outcome, { kind: "document" }>["document"]): Outcome {
  return { kind: "document", document }
}
