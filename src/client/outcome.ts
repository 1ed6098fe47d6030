/**
 * What a node's error, or the lack of an answer, means for a request: to be tried again, or to be told to the caller, and as
 * what. The one thing that must never go wrong here is to call an error definite ("no effect, ever") that is not.
 *
 * **Evaluated** results (`alias_already_exists`, …) are the operation's own outcome: the slot has stored them under the
 * number, so they also settle what became of earlier attempts.
 *
 * **Refusals** (`unstable_cluster`, `disk_full`, …) say that *this attempt* was not executed. An earlier attempt that was
 * lost with its connection may still lie unread in a buffer of the node and be executed later: so as long as the fate of any
 * attempt is unknown, a refusal of another settles nothing.
 */
import { code, errorOf } from "../wire/errors.ts"
import { errorMessage, type Reply } from "../wire/reply.ts"
import { qdbError, type FailedAddress, QdbError, unreachable } from "./error.ts"
import { type Pending, pendingState } from "./pending.ts"

const evaluated: ReadonlySet<number> = new Set([
  code.alias_not_found,
  code.alias_already_exists,
  code.unmatched_content,
])

/** Whether the error is the operation's own outcome. */
export function isEvaluated(error: QdbError): boolean {
  return evaluated.has(error.code)
}

/** Errors that are worth another attempt before the caller hears of them. `disk_full` is not: it lasts, and is definite. */
const retried: ReadonlySet<number> = new Set([
  code.unstable_cluster,
  code.wrong_node,
  code.in_doubt,
  code.timeout,
  code.overloaded,
  code.shutting_down,
])

/**
 * Errors after which nobody knows whether the attempt was executed. A node's own error may have come at any time; a code of
 * a newer version, which reads as one, may mean anything.
 */
function leavesFateUnknown(error: QdbError): boolean {
  return !errorOf(error.code).definite || error.code === code.internal_error
}

/**
 * Notes what a node's error says about the request.
 * @returns undefined: try again; else the error to tell the caller
 */
export function judge(request: Pending, error: QdbError): QdbError | undefined {
  if (isEvaluated(error)) return error
  request.lastError = error
  if (request.mayHaveHadEffect && leavesFateUnknown(error)) request.fateUnknown = true
  if (request.onlyOnce) return request.fateUnknown ? inDoubt(request) : error
  if (retried.has(error.code)) return undefined
  if (!request.fateUnknown) return error
  return error.retryable ? undefined : inDoubt(request)
}

/**
 * @param failures of the addresses, where there is no connection
 * @returns what to tell the caller of a request whose time is over; to be asked before it is settled
 */
export function expired(request: Pending, failures: readonly FailedAddress[]): QdbError {
  if (request.fateUnknown) return inDoubt(request)
  if (request.state === pendingState.sent) {
    return qdbError("timeout", { definite: !request.mayHaveHadEffect, cause: request.lastError })
  }
  // All attempts, if there were any, were refused: the last refusal is the reason, and it is definite.
  if (request.lastError !== undefined) return definite(request.lastError)
  if (failures.length > 0) return unreachable(failures)
  return qdbError("timeout", {
    message: "The operation could not even be sent in time.",
    definite: true,
  })
}

/** @returns what to tell the caller who has cancelled a request; to be asked before it is settled */
export function cancelled(request: Pending, reason: unknown): QdbError {
  const open = request.fateUnknown || (request.state === pendingState.sent && request.mayHaveHadEffect)
  const message = open ? undefined : "The operation was cancelled by its caller and had no effect."
  return qdbError("cancelled", { definite: !open, message, cause: reason })
}

/** The caller must look for himself. */
export function inDoubt(request: Pending): QdbError {
  const reason = request.lastError
  const last = reason === undefined ? "" : ` The last answer was ${reason.name}: ${reason.message}`
  return qdbError("in_doubt", {
    message: `The outcome is unknown: the operation may or may not have been carried out.${last}`,
    definite: false,
    cause: reason,
  })
}

function definite(error: QdbError): QdbError {
  if (error.definite) return error
  return new QdbError(error.code, { message: error.message, definite: true, cause: error })
}

/** @returns what a node's error reply says, copied out of its frame */
export function errorOfReply(reply: Reply): QdbError {
  const { contentStart, contentEnd } = reply
  const content = contentStart < 0 ? undefined : reply.bytes.slice(contentStart, contentEnd)
  return new QdbError(reply.code, { message: errorMessage(reply), content })
}

/** Asked after `close`. */
export function closedError(): QdbError {
  return qdbError("cancelled", { message: "The client is closed.", definite: true })
}

/** Asked while as many are unanswered as there may be. */
export function fullError(): QdbError {
  return qdbError("overloaded", {
    message: "Too many requests of this client are unanswered.",
    definite: true,
  })
}
