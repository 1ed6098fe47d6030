/**
 * Lists against a model (I25). A list is no snapshot; so of a key that was changed meanwhile nothing is asked. But what the
 * history says was there all the time must be listed exactly once, what was certainly gone must not, and nothing twice.
 */
import { never, type Operation, partitionByKey } from "../../linearizability/history.ts"
import { absent, type EntryEvent, type EntryOutput } from "../../linearizability/models/entry-state.ts"

type KeyOperation = Operation<EntryEvent, EntryOutput>

export interface Scan {
  readonly prefix: string
  /** Places in the history. */
  readonly beganAt: number
  /** `never`: it was given up. */
  endedAt: number
  readonly aliases: string[]
}

export class Scans {
  private readonly scans: Scan[] = []

  began(prefix: string, beganAt: number): Scan {
    const scan = { prefix, beganAt, endedAt: never, aliases: [] }
    this.scans.push(scan)
    return scan
  }

  /** @returns for each list that came to its end, how many keys had to be in it, and what is wrong with it */
  judge(history: readonly KeyOperation[]): { readonly sure: number; readonly wrong: string | undefined }[] {
    const byKey = partitionByKey(history)
    return this.scans.filter((scan) => scan.endedAt !== never).map((scan) => judgeOne(scan, byKey))
  }
}

function judgeOne(
  scan: Scan,
  byKey: ReadonlyMap<string, readonly KeyOperation[]>,
): { readonly sure: number; readonly wrong: string | undefined } {
  const listed = new Set(scan.aliases)
  const tell = (text: string) =>
    `a list of "${scan.prefix}" (${scan.beganAt}-${scan.endedAt}) ${text}: ${scan.aliases.join(" ")}`
  if (listed.size < scan.aliases.length) return { sure: 0, wrong: tell("holds an alias twice") }
  let sure = 0
  for (const alias of listed) {
    if (!alias.startsWith(scan.prefix)) return { sure, wrong: tell(`holds ${alias}`) }
    const operations = byKey.get(alias) ?? []
    if (isSurelyAbsent(operations, scan)) return { sure, wrong: tell(`holds ${alias}, which is not there`) }
  }
  for (const [key, operations] of byKey) {
    if (!key.startsWith(scan.prefix) || !isSurelyPresent(operations, scan)) continue
    sure++
    if (!listed.has(key)) return { sure, wrong: tell(`lacks ${key}`) }
  }
  return { sure, wrong: undefined }
}

/** An operation stored it before, and nothing that may remove it can have taken effect since. */
function isSurelyPresent(operations: readonly KeyOperation[], { beganAt, endedAt }: Scan): boolean {
  const removals = operations.filter((each) => mayRemove(each) && each.calledAt < endedAt)
  return operations.some(
    (store) =>
      hasStored(store) &&
      store.returnedAt < beganAt &&
      removals.every((removal) => removal.returnedAt < store.calledAt),
  )
}

/** It was never stored, or it was removed before and nothing can have stored it since. */
function isSurelyAbsent(operations: readonly KeyOperation[], { beganAt, endedAt }: Scan): boolean {
  const stores = operations.filter((each) => mayStore(each) && each.calledAt < endedAt)
  if (stores.length === 0) return true
  return operations.some(
    (removal) =>
      hasRemoved(removal) &&
      removal.returnedAt < beganAt &&
      stores.every((store) => store.returnedAt < removal.calledAt),
  )
}

const storing: ReadonlySet<string> = new Set(["put", "update", "get_update", "cas"])
const removing: ReadonlySet<string> = new Set(["remove", "get_remove", "remove_if"])

/** Also by way of a copy from before it was removed, with which an operator goes on. */
function mayStore({ input, output }: KeyOperation): boolean {
  if (input.op === "lost") return input.states.some((state) => state !== absent)
  return storing.has(input.op) && (output === undefined || output.error === "none")
}

function hasStored({ input, output }: KeyOperation): boolean {
  if (!storing.has(input.op) || output?.error !== "none") return false
  return !("expiresAtMs" in input) || input.expiresAtMs === 0
}

/** Also by way of an expiry. */
function mayRemove({ input, output }: KeyOperation): boolean {
  if (output !== undefined && output.error !== "none") return false
  if (input.op === "lost" || removing.has(input.op)) return true
  return "expiresAtMs" in input && input.expiresAtMs !== 0
}

function hasRemoved({ input, output }: KeyOperation): boolean {
  return removing.has(input.op) && output?.error === "none"
}
