/**
 * The one error that leaves the client library. Name, code and texts are the catalogue's (`wire/errors.ts`); what the
 * catalogue cannot know is whether *this* request may have had an effect, which depends on what was sent before. `definite`
 * is that: true means that the operation had no effect and never will.
 */
import { code, errorOf, type ErrorName } from "../wire/errors.ts"

/** One address that could not be reached, and why. */
export interface FailedAddress {
  readonly address: string
  readonly reason: string
}

export interface QdbErrorDetails {
  /** Instead of the catalogue's, to say more. */
  readonly message?: string | undefined
  readonly definite?: boolean | undefined
  /** Of `unmatched_content`: the content that is stored. */
  readonly content?: Uint8Array | undefined
  /** Of `connection_refused`: all addresses that were tried. */
  readonly addresses?: readonly FailedAddress[] | undefined
  readonly cause?: unknown
}

export class QdbError extends Error {
  /** For `Effect.catchTag`. */
  readonly _tag = "QdbError"
  override readonly name: ErrorName
  readonly code: number
  /** Whether the same request may succeed later without anybody changing it. */
  readonly retryable: boolean
  /** Whether the operation certainly had no effect. */
  readonly definite: boolean
  /** Exit status of a one-shot shell. */
  readonly exitStatus: 1 | 3 | 4
  /** What a person can do about it. */
  readonly solution: string
  readonly content: Uint8Array | undefined
  readonly addresses: readonly FailedAddress[]

  constructor(errorCode: number, details: QdbErrorDetails = {}) {
    const entry = errorOf(errorCode)
    super(
      details.message ?? entry.message,
      details.cause === undefined ? undefined : { cause: details.cause },
    )
    this.name = entry.name as ErrorName
    this.code = entry.code
    this.retryable = entry.retryable
    this.definite = details.definite ?? entry.definite
    this.exitStatus = entry.exitStatus
    this.solution = entry.solution
    this.content = details.content
    this.addresses = details.addresses ?? []
  }
}

export function qdbError(name: ErrorName, details?: QdbErrorDetails): QdbError {
  return new QdbError(code[name], details)
}

/** The error of a caller's mistake, found before anything was sent. */
export function invalidArgument(message: string): QdbError {
  return qdbError("invalid_argument", { message, definite: true })
}

/** No address answered: lists all that were tried, each with its reason. */
export function unreachable(addresses: readonly FailedAddress[]): QdbError {
  const tried = addresses.map((a) => `${a.address}: ${a.reason}`).join("; ")
  const message = tried === "" ? undefined : `No daemon could be reached (${tried}).`
  return qdbError("connection_refused", { message, definite: true, addresses })
}
