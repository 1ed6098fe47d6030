/** A string that grows: get, put, append. Empty until written. Each append is seen by every later get, in order. */
import { impossible } from "../model.ts"
import type { Model } from "../model.ts"

export type AppendInput =
  | { readonly op: "get" }
  | { readonly op: "put"; readonly value: string }
  | { readonly op: "append"; readonly value: string }

/** Of `get`: the value. */
export type AppendOutput = string

export const appendModel: Model<AppendInput, AppendOutput> = {
  initial: "",
  mayChange: (input) => input.op !== "get",
  step(state, { input, output }) {
    if (input.op === "put") return [input.value]
    if (input.op === "append") return [state + input.value]
    return output === undefined || output === state ? [state] : impossible
  },
  describe({ input, output }) {
    return input.op === "get"
      ? `get: ${JSON.stringify(output)}`
      : `${input.op} ${JSON.stringify(input.value)}`
  },
  describeState: (state) => JSON.stringify(state),
}
