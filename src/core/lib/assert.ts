/** A broken invariant: a programmer's error, never an operating one. The node writes its dump file and stops. */
export class AssertionError extends Error {
  override readonly name = "AssertionError"
}

/**
 * Checks an invariant; stays on in production (TigerBeetle, TIGER_STYLE). The message is a constant string so that a
 * passing check costs a branch and nothing else.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** For the `default` of an exhaustive switch. */
export function unreachable(value: never, what: string): never {
  throw new AssertionError(`${what}: unexpected ${String(value)}`)
}
