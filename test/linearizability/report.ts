/** A result as a person reads it: what could be explained, and where it ends. */
import { never } from "./history.ts"
import type { Operation } from "./history.ts"
import type { Result } from "./check.ts"
import type { Model } from "./model.ts"

export function report<Input, Output>(model: Model<Input, Output>, result: Result<Input, Output>): string {
  if (result.verdict === "linearizable") return `linearizable (${result.steps} steps)`
  const span = (o: Operation<Input, Output>) =>
    `[${o.calledAt}, ${o.returnedAt === never ? "open" : o.returnedAt}] process ${o.process}`
  const lines = [
    result.verdict === "violation"
      ? `not linearizable: key ${result.key}`
      : `undecided after ${result.steps} steps: key ${result.key}`,
    `longest partial linearization, ${result.longest.length} operations:`,
  ]
  for (const { operation, state } of result.longest)
    lines.push(`  ${model.describe(operation)}  ${span(operation)}  -> ${model.describeState(state)}`)
  if (result.blocked !== undefined)
    lines.push(`cannot follow: ${model.describe(result.blocked)}  ${span(result.blocked)}`)
  return lines.join("\n")
}
