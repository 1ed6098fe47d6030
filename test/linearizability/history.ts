/**
 * What clients saw, as the checker takes it: operations with the places in the history at which they were called and
 * answered. Places are counts of events, not times: an operation that returned before another was called must take
 * effect before it, and nothing else is known of their order.
 *
 * The three outcomes of a qdb request map to it so:
 * - `ok`, or an error that tells of the entry ("not found"): an operation with its output;
 * - a definite error (nothing was done): no operation at all, so that an effect it had nevertheless shows as a wrong
 *   answer of somebody else;
 * - in doubt: an operation with no output and `returnedAt` never. It may take effect at any later moment, or never.
 */
export const never = Number.POSITIVE_INFINITY

export interface Operation<Input, Output> {
  /** Who asked; for people, the checker does not use it. */
  readonly process: number
  /** Operations on different keys are independent, and checked apart. */
  readonly key: string
  readonly input: Input
  /** `undefined` where no answer was seen. */
  readonly output: Output | undefined
  readonly calledAt: number
  readonly returnedAt: number
  /** The simulation's real time of call and answer, for models in which time matters (expiry); 0 elsewhere. */
  readonly calledMs: number
  readonly returnedMs: number
}

/** Collects a history while it happens; every call and every return takes the next place. */
export class HistoryRecorder<Input, Output> {
  private readonly operations: Array<{
    process: number
    key: string
    input: Input
    output: Output | undefined
    calledAt: number
    returnedAt: number
    calledMs: number
    returnedMs: number
    dropped: boolean
  }> = []
  private place = 0

  /** @returns the operation's index, for `returned` or `dropped` */
  called(process: number, key: string, input: Input, nowMs = 0): number {
    this.operations.push({
      process,
      key,
      input,
      output: undefined,
      calledAt: this.place++,
      returnedAt: never,
      calledMs: nowMs,
      returnedMs: never,
      dropped: false,
    })
    return this.operations.length - 1
  }

  returned(index: number, output: Output, nowMs = 0): void {
    const operation = this.operations[index]
    if (operation === undefined || operation.returnedAt !== never) throw new Error("one return per call")
    operation.output = output
    operation.returnedAt = this.place++
    operation.returnedMs = nowMs
  }

  /** The request certainly had no effect. */
  dropped(index: number): void {
    const operation = this.operations[index]
    if (operation === undefined || operation.returnedAt !== never) throw new Error("one return per call")
    operation.dropped = true
  }

  /** A place of something else in the same order: whatever returned before comes before it. */
  mark(): number {
    return this.place++
  }

  get length(): number {
    return this.operations.length
  }

  history(): Operation<Input, Output>[] {
    return this.operations.filter((operation) => !operation.dropped)
  }
}

/** Splits a history by key (P-compositionality: it is linearizable exactly if each part is). */
export function partitionByKey<Input, Output>(
  history: readonly Operation<Input, Output>[],
): Map<string, Operation<Input, Output>[]> {
  const parts = new Map<string, Operation<Input, Output>[]>()
  for (const operation of history) {
    const part = parts.get(operation.key)
    if (part === undefined) parts.set(operation.key, [operation])
    else part.push(operation)
  }
  return parts
}
