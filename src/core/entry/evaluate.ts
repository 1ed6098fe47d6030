/**
 * What each write does to an entry, as a pure function of the request, the entry's state and the slot's clock. This is the
 * whole semantics of qdb's operations (the inventory's §1.7, §3.3, with its gaps decided):
 *
 * | operation | entry absent | entry there |
 * |---|---|---|
 * | put | store | `alias_already_exists` |
 * | update | store | store |
 * | remove | `alias_not_found` | remove |
 * | get_update | `alias_not_found` | store; answers the old content |
 * | get_remove | `alias_not_found` | remove; answers the old content |
 * | cas | `alias_not_found` | equal: store, else `unmatched_content`; answers the old content |
 * | remove_if | `alias_not_found` | equal: remove, else `unmatched_content` |
 * | expires_at, expires_from_now | `alias_not_found` | store with another expiry |
 *
 * A modification sets the expiry it carries, and so resets it where it carries none. An expiry that has passed already
 * removes the entry at once. A failure that met an expired entry removes it in the same record: its answer rests on the
 * expiry, so no later primary with a slower clock may bring the key back (cluster.md, "Expiry").
 */
import { unreachable } from "../lib/assert.ts"
import { code } from "../../wire/errors.ts"
import type { CurrentEntry } from "./current.ts"
import { type Operation, operation } from "./operation.ts"
import { recordEffect } from "./record.ts"
import type { Request } from "./request.ts"

/** Where the stored content, or the answer's, comes from. */
export const source = { nothing: 0, request: 1, current: 2 } as const

/** The decision, filled in by `evaluate`; one object is reused. */
export class Outcome {
  code = 0
  effect: number = recordEffect.none
  content: number = source.nothing
  result: number = source.nothing
  expiresAtMs = 0
}

/** @param nowMs the slot's clock */
export function evaluate(request: Request, current: CurrentEntry, nowMs: number, outcome: Outcome): void {
  outcome.code = 0
  outcome.effect = recordEffect.none
  outcome.content = source.nothing
  outcome.result = source.nothing
  outcome.expiresAtMs = 0
  const op = request.opcode as Operation
  switch (op) {
    case operation.update:
      return store(outcome, source.request, request.expiresMs, nowMs, current)
    case operation.put:
      if (current.exists) return fail(outcome, code.alias_already_exists, current)
      return store(outcome, source.request, request.expiresMs, nowMs, current)
    default:
  }
  if (!current.exists) return fail(outcome, code.alias_not_found, current)
  switch (op) {
    case operation.remove:
      outcome.effect = recordEffect.remove
      return
    case operation.get_update:
      outcome.result = source.current
      return store(outcome, source.request, request.expiresMs, nowMs, current)
    case operation.get_remove:
      outcome.result = source.current
      outcome.effect = recordEffect.remove
      return
    case operation.cas:
      outcome.result = source.current
      if (!current.equals(request.bytes, request.comparandStart, request.comparandEnd))
        return fail(outcome, code.unmatched_content, current)
      return store(outcome, source.request, request.expiresMs, nowMs, current)
    case operation.remove_if:
      if (!current.equals(request.bytes, request.comparandStart, request.comparandEnd))
        return fail(outcome, code.unmatched_content, current)
      outcome.effect = recordEffect.remove
      return
    case operation.expires_at:
      return store(outcome, source.current, request.expiresMs, nowMs, current)
    case operation.expires_from_now:
      return store(outcome, source.current, nowMs + request.expiresMs, nowMs, current)
    default:
      unreachable(op as never, "a write operation")
  }
}

function fail(outcome: Outcome, errorCode: number, current: CurrentEntry): void {
  outcome.code = errorCode
  if (current.expired) outcome.effect = recordEffect.remove
}

function store(
  outcome: Outcome,
  from: number,
  expiresAtMs: number,
  nowMs: number,
  current: CurrentEntry,
): void {
  if (expiresAtMs !== 0 && expiresAtMs <= nowMs) {
    outcome.effect = current.exists || current.expired ? recordEffect.remove : recordEffect.none
    return
  }
  outcome.effect = recordEffect.store
  outcome.content = from
  outcome.expiresAtMs = expiresAtMs
}
