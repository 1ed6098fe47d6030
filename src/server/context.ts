/** What every part of a running daemon is given, and how it ends. */
import type { Loaded } from "../config/load.ts"
import type { Logger } from "./log/logger.ts"
import type { StartError } from "./start-error.ts"

/** Why the daemon ends: asked to, or because it must not go on, or to begin anew as another storage. */
export type End =
  | { readonly kind: "stop"; readonly why: string }
  | { readonly kind: "failure"; readonly error: Error }
  /** The cluster does not take it. */
  | { readonly kind: "refused"; readonly error: StartError }
  | { readonly kind: "startOver"; readonly why: string }
  /** The cluster wants other settings than it was started with, and it remembers them now. */
  | { readonly kind: "again"; readonly why: string }

/** What everything here needs. */
export interface Context {
  readonly loaded: Loaded
  readonly logger: Logger
  readonly end: (end: End) => void
}
