/**
 * One entry of qdb, with its own operations.
 *
 * Expiry is the only part in which time counts. An entry with an expiry may turn absent by itself at about that time:
 * no clock of the cluster is further than `clockErrorMs` from the real one. So an operation that ended well before the
 * expiry must still see the entry, one that began well after it must not, and between the two either is right. But only
 * once: what was seen expired stays absent, since from then on the state is "absent" (invariant I17).
 */
import { impossible } from "../model.ts"
import type { Model } from "../model.ts"
import { absent, holding, partsOf } from "./entry-state.ts"
import type { EntryEvent, EntryInput, EntryOutput } from "./entry-state.ts"
import { untold } from "./untold.ts"

/** @param clockErrorMs how far any node's wall clock may be from the real one; `never` makes every expiry optional */
export function entryModel(clockErrorMs: number): Model<EntryEvent, EntryOutput> {
  const model: Model<EntryEvent, EntryOutput> = {
    initial: absent,
    mayChange: (input) => input.op !== "get" && input.op !== "get_expiry",
    // What finds no entry may be what sees it expire.
    observes({ input, output }) {
      if (output === undefined || output.error === "alias_not_found") return false
      return output.error !== "none" || input.op === "get" || input.op === "get_expiry"
    },
    step(state, operation) {
      const { input, output } = operation
      if (input.op === "lost") return input.states
      if (input.op === "perhaps")
        return [state, ...model.step(state, { ...operation, input: input.of, output: undefined })]
      if (state === absent) return perform(absent, input, output)
      const { expiresAtMs } = partsOf(state)
      const mayBeGone = expiresAtMs !== 0 && operation.returnedMs + clockErrorMs >= expiresAtMs
      if (!mayBeGone) return perform(state, input, output)
      const mustBeGone = operation.calledMs - clockErrorMs >= expiresAtMs
      if (mustBeGone) return perform(absent, input, output)
      return [...perform(state, input, output), ...perform(absent, input, output)]
    },
    describe({ input, output }) {
      const { op, ...parameters } = input
      return `${op} ${JSON.stringify(parameters)}: ${output === undefined ? "?" : JSON.stringify(output)}`
    },
    describeState: (state) => state,
    simplify: (operations) => untold(operations, clockErrorMs),
  }
  return model
}

/** Without an expiry in play: one state, or none if the output says otherwise. */
function perform(state: string, input: EntryInput, output: EntryOutput | undefined): readonly string[] {
  const { content, expiresAtMs } = partsOf(state)
  const exists = content !== undefined
  const ends = (expected: EntryOutput, next: string) => (agrees(output, expected) ? [next] : impossible)
  const found: EntryOutput = content === undefined ? { error: "none" } : { error: "none", content }

  if (input.op === "put")
    return exists
      ? ends({ error: "alias_already_exists" }, state)
      : ends({ error: "none" }, holding(input.content, input.expiresAtMs))
  if (input.op === "update") return ends({ error: "none" }, holding(input.content, input.expiresAtMs))
  if (!exists) return ends({ error: "alias_not_found" }, absent)

  switch (input.op) {
    case "get":
      return ends(found, state)
    case "remove":
      return ends({ error: "none" }, absent)
    case "get_remove":
      return ends(found, absent)
    case "get_update":
      return ends(found, holding(input.content, input.expiresAtMs))
    case "cas":
      return content === input.comparand
        ? ends(found, holding(input.content, input.expiresAtMs))
        : ends({ error: "unmatched_content", content }, state)
    case "remove_if":
      return content === input.comparand
        ? ends({ error: "none" }, absent)
        : ends({ error: "unmatched_content" }, state)
    case "expires_at":
      return ends({ error: "none" }, holding(content, input.expiresAtMs))
    case "get_expiry":
      return ends({ error: "none", expiresAtMs }, state)
  }
}

function agrees(output: EntryOutput | undefined, expected: EntryOutput): boolean {
  if (output === undefined) return true
  return (
    output.error === expected.error &&
    output.content === expected.content &&
    output.expiresAtMs === expected.expiresAtMs
  )
}
