/**
 * The definition of linearizability, executed: some order of some of the operations, among them all that were answered,
 * that respects real time and that the model allows. No list, no memory, nothing shared with `check.ts`; exponential,
 * for histories of a few operations. What the checker says is compared with this.
 */
import { never } from "./history.ts"
import type { Operation } from "./history.ts"
import type { Model } from "./model.ts"

export function checkByBruteForce<Input, Output>(
  model: Model<Input, Output>,
  history: readonly Operation<Input, Output>[],
): boolean {
  const keys = [...new Set(history.map((o) => o.key))]
  return keys.every((key) => {
    // A read that nobody heard of tells nothing. That it may see an entry expire, at any time, is not to explain anything.
    const tells = (o: Operation<Input, Output>) => o.output !== undefined || model.mayChange(o.input)
    const part = history.filter((o) => o.key === key && tells(o))
    return explains(model, model.initial, part)
  })
}

function explains<Input, Output>(
  model: Model<Input, Output>,
  state: string,
  left: readonly Operation<Input, Output>[],
): boolean {
  if (left.every((o) => o.returnedAt === never)) return true
  return left.some((candidate) => {
    const others = left.filter((o) => o !== candidate)
    if (others.some((o) => o.returnedAt < candidate.calledAt)) return false
    return model.step(state, candidate).some((next) => explains(model, next, others))
  })
}
