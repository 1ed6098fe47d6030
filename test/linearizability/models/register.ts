/** One register: read, write, compare and set. Absent until written. */
import type { Operation } from "../history.ts"
import { impossible } from "../model.ts"
import type { Model } from "../model.ts"

export type RegisterInput =
  | { readonly op: "read" }
  | { readonly op: "write"; readonly value: string }
  | { readonly op: "cas"; readonly from: string; readonly to: string }

/** `read`: what it saw, null = absent. `cas`: whether it swapped. `write`: nothing to tell. */
export type RegisterOutput = { readonly value: string | null } | { readonly swapped: boolean } | "written"

const absent = "-"
const holding = (value: string) => `=${value}`

export const registerModel: Model<RegisterInput, RegisterOutput> = {
  initial: absent,
  mayChange: (input) => input.op !== "read",
  step(state, { input, output }: Operation<RegisterInput, RegisterOutput>) {
    if (input.op === "write") return [holding(input.value)]
    if (input.op === "cas") {
      const swaps = state === holding(input.from)
      if (typeof output === "object" && "swapped" in output && output.swapped !== swaps) return impossible
      return [swaps ? holding(input.to) : state]
    }
    if (typeof output !== "object" || !("value" in output)) return [state]
    return (output.value === null ? absent : holding(output.value)) === state ? [state] : impossible
  },
  describe({ input, output }) {
    const seen = output === undefined ? "?" : JSON.stringify(output)
    if (input.op === "read") return `read: ${seen}`
    return input.op === "write" ? `write ${input.value}: ${seen}` : `cas ${input.from} ${input.to}: ${seen}`
  },
  describeState: (state) => (state === absent ? "absent" : state.slice(1)),
}
