/** One row of the schema: all that the file, the flags, the environment, the checks and the manual know of a setting. */
import type { SettingAt, SettingPath, SettingValue } from "./config.ts"

/** What values a setting takes. Every kind is printed, parsed and checked in `value.ts`. */
export type Kind =
  | {
      readonly type: "integer"
      readonly minimum: number
      readonly maximum: number
      readonly unit?: "bytes" | "seconds" | "milliseconds" | "percent"
      /** What 0 stands for, where it is special. */
      readonly zero?: string
      /** Names for the numbers 0, 1, 2, …; accepted in place of the number. */
      readonly names?: readonly string[]
    }
  | { readonly type: "boolean" }
  | { readonly type: "choice"; readonly allowed: readonly string[] }
  | { readonly type: "path"; readonly empty?: string }
  | { readonly type: "paths" }
  /** `zeroPort`: port 0 lets the system choose. `auto`: the word is allowed. `empty`: what no address means. */
  | { readonly type: "address"; readonly zeroPort: boolean; readonly auto?: string; readonly empty?: string }
  | { readonly type: "addresses" }
  | { readonly type: "node_id" }

export interface Setting<V extends SettingValue = SettingValue> {
  readonly kind: Kind
  readonly default: V
  /** `cluster`: the first view fixes it and joiners adopt it; `node`: each node's own. */
  readonly scope: "cluster" | "node"
  /** A sentence or two for the manual and `--help`. */
  readonly description: string
  /** Long flag without dashes. */
  readonly flag?: string
  /** One letter. */
  readonly short?: string
  /** Older or later names of the flag: accepted, not shown. */
  readonly hidden?: readonly string[]
  /** `=PLACEHOLDER` in the help. */
  readonly placeholder?: string
}

export type Schema = { readonly [P in SettingPath]: Setting<SettingAt<P>> }
