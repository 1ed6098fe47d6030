/**
 * The shell's connections: the one it works with, made at the first use so that `help` needs no daemon, and short ones to
 * nodes that a command names. All are closed with the scope they were made in.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { makeQdb, type QdbService } from "../client/effect.ts"
import type { QdbError } from "../client/error.ts"
import { clusterWatchMs } from "../core/lib/limits.ts"
import type { Options } from "./options.ts"
import { version } from "./version.ts"

export class Connection extends Context.Service<
  Connection,
  {
    /** Connects at the first use; later uses give the same. */
    readonly main: Effect.Effect<QdbService, QdbError>
    /** A connection to one address; without one the main one. */
    /** The main one, tried until some daemon is up or `performance.now()` is so late. */
    readonly patient: (endMs: number) => Effect.Effect<QdbService, QdbError>
    /** What a request may take unless it says otherwise. */
    readonly timeoutMs: number
    readonly at: (address: string | undefined) => Effect.Effect<QdbService, QdbError, Scope.Scope>
  }
>()("qdb/shell/Connection") {
  static layer(options: Options): Layer.Layer<Connection> {
    const connectTo = (daemons: readonly string[], learnAddresses: boolean) =>
      makeQdb({ daemons, timeoutMs: options.timeoutMs, softwareVersion: `qdbsh ${version}`, learnAddresses })
    // One command is over before it could go elsewhere.
    const stays = options.words.length === 0
    return Layer.effect(
      Connection,
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        let made: QdbService | undefined
        const main = Effect.suspend(() => {
          if (made !== undefined) return Effect.succeed(made)
          return Scope.provide(connectTo(options.daemons, stays), scope).pipe(
            Effect.tap((qdb) => Effect.sync(() => (made = qdb))),
          )
        })
        return {
          main,
          timeoutMs: options.timeoutMs,
          patient: (endMs) => {
            const again: Effect.Effect<QdbService, QdbError> = Effect.catch(main, (error) =>
              error.name !== "connection_refused" || performance.now() >= endMs
                ? Effect.fail(error)
                : Effect.andThen(Effect.sleep(clusterWatchMs), again),
            )
            return again
          },
          at: (address) => (address === undefined ? main : connectTo([address], false)),
        }
      }),
    )
  }
}
