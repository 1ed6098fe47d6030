/** A layer (file, environment, flags) as it is merged: what it sets, and from where each part of it came. */
import type { SettingPath, SettingValue } from "./config.ts"
import type { Origin, Problem } from "./problem.ts"

export interface Assignment {
  readonly value: SettingValue
  readonly origin: Origin
  /** Of a list's items, where they have places of their own. */
  readonly items?: readonly Origin[]
}

export interface Layer {
  readonly assignments: ReadonlyMap<SettingPath, Assignment>
  readonly problems: readonly Problem[]
}
