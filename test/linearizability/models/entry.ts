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

export type EntryInput =
  | { readonly op: "get" | "remove" | "get_remove" | "get_expiry" }
  /** `expiresAtMs`: 0 = never, as each modification says anew. */
  | { readonly op: "put" | "update" | "get_update"; readonly content: string; readonly expiresAtMs: number }
  | { readonly op: "cas"; readonly content: string; readonly comparand: string; readonly expiresAtMs: number }
  | { readonly op: "remove_if"; readonly comparand: string }
  | { readonly op: "expires_at"; readonly expiresAtMs: number }

/** What befalls an entry. */
export type EntryEvent =
  | EntryInput
  /** An operator has given up what was there, so that it is one of these states. */
  | { readonly op: "lost"; readonly states: readonly string[] }
  /** The operation has happened with an answer that nobody got, or it has not. */
  | { readonly op: "perhaps"; readonly of: EntryInput }

export interface EntryOutput {
  readonly error: "none" | "alias_not_found" | "alias_already_exists" | "unmatched_content"
  /** Of get, get_update, get_remove, and of a cas that found an entry: the content before. */
  readonly content?: string
  readonly expiresAtMs?: number
}

export const absent = "-"
/** The content comes last, so that it may hold anything. */
export const holding = (content: string, expiresAtMs: number) => `${expiresAtMs}=${content}`

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
      const expiresAtMs = Number(state.slice(0, state.indexOf("=")))
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
  }
  return model
}

/** Without an expiry in play: one state, or none if the output says otherwise. */
function perform(state: string, input: EntryInput, output: EntryOutput | undefined): readonly string[] {
  const exists = state !== absent
  const separator = state.indexOf("=")
  const content = exists ? state.slice(separator + 1) : undefined
  const expiresAtMs = exists ? Number(state.slice(0, separator)) : undefined
  const ends = (expected: EntryOutput, next: string) => (agrees(output, expected) ? [next] : impossible)
  const found: EntryOutput = content === undefined ? { error: "none" } : { error: "none", content }

  if (input.op === "put")
    return exists
      ? ends({ error: "alias_already_exists" }, state)
      : ends({ error: "none" }, holding(input.content, input.expiresAtMs))
  if (input.op === "update") return ends({ error: "none" }, holding(input.content, input.expiresAtMs))
  if (!exists || content === undefined || expiresAtMs === undefined)
    return ends({ error: "alias_not_found" }, absent)

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
