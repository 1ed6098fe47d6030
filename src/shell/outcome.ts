/** What came of one command, before it is printed. */
import type { ValueMap } from "../wire/writer.ts"

export type Outcome =
  | { readonly kind: "done" }
  | { readonly kind: "content"; readonly content: Uint8Array }
  /** Of `cas`: the content that was stored before. */
  | { readonly kind: "swap"; readonly swapped: boolean; readonly content: Uint8Array }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "aliases"; readonly aliases: readonly string[] }
  | { readonly kind: "expiry"; readonly expiresAtMs: number }
  | { readonly kind: "document"; readonly document: ValueMap }
  /** Of `remove_all`. */
  | { readonly kind: "removed"; readonly count: number }
  | { readonly kind: "text"; readonly text: string }

/** The exit statuses of `qdbsh`; those of errors are the error catalogue's. */
export const exitStatus = {
  done: 0,
  failed: 1,
  usage: 2,
  cannotConnect: 3,
  unknown: 4,
  interrupted: 130,
} as const

/** @returns the exit status of a command that ended with this */
export function statusOf(outcome: Outcome): number {
  const refused =
    (outcome.kind === "swap" && !outcome.swapped) || (outcome.kind === "boolean" && !outcome.value)
  return refused ? exitStatus.failed : exitStatus.done
}
