import type { Operation } from "./history.ts"

/**
 * What one key does when operations come one after another. A state is a string, so that states compare and serve as
 * map keys without help; a model encodes what it needs.
 */
export interface Model<Input, Output> {
  readonly initial: string
  /**
   * @returns every state that the operation may leave behind, given the output that was seen; none if it cannot have
   *   happened in `state`. An operation without output may have had any.
   */
  step(state: string, operation: Operation<Input, Output>): readonly string[]
  /** False for an operation that changes nothing in any state: one of these without output tells nothing. */
  mayChange(input: Input): boolean
  /** True only of an operation that, with the output that was seen, leaves every state in which it can have happened as it was. */
  observes?(operation: Operation<Input, Output>): boolean
  /**
   * @returns the operations of one key, as many and in the same order, with what no answer tells apart made the same: an order of
   *   them explains the history exactly if it explains the one that was given
   */
  simplify?(operations: readonly Operation<Input, Output>[]): readonly Operation<Input, Output>[]
  /** One line for a person. */
  describe(operation: Operation<Input, Output>): string
  describeState(state: string): string
}

/** For `step`: the operation cannot have happened here. */
export const impossible: readonly string[] = []
