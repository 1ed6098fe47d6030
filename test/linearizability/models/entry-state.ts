/** One entry of qdb as the model has it: what is asked, what is answered, and what there is in between. */

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

/** Content and expiry of a state; of one that is absent neither, and an expiry of 0 = never. */
export function partsOf(state: string): {
  readonly content: string | undefined
  readonly expiresAtMs: number
} {
  if (state === absent) return { content: undefined, expiresAtMs: 0 }
  const separator = state.indexOf("=")
  return { content: state.slice(separator + 1), expiresAtMs: Number(state.slice(0, separator)) }
}
