/**
 * What no answer tells apart, made the same: a search meets it once.
 *
 * A content that no answer shows and nothing is compared with has no influence on anything but by being there, so all of these
 * may be one. A moment counts only by the expiries that lie before it. Any order of the operations explains the answers of
 * one history exactly if it explains those of the other.
 */
import { never } from "../history.ts"
import type { Operation } from "../history.ts"
import { holding, partsOf } from "./entry-state.ts"
import type { EntryEvent, EntryOutput } from "./entry-state.ts"

type Event = Operation<EntryEvent, EntryOutput>

/** How contents and expiries are called from now on. */
interface Names {
  content(content: string): string
  expiry(expiresAtMs: number): number
}

/** @returns as many operations, of one key and in the same order; `clockErrorMs` as of `entryModel` */
export function untold(operations: readonly Event[], clockErrorMs: number): Event[] {
  const clockIsWrong = clockErrorMs === never
  const names = namesOf(operations, clockIsWrong)
  const expiries = operations.flatMap(({ input }) => expiriesOf(input)).filter((ms) => ms > 0)
  const moments = [...new Set(expiries)].sort((a, b) => a - b)
  /** The last moment up to `ms` that lies by `shiftMs` behind an expiry. */
  const since = (ms: number, shiftMs: number) => {
    const last = moments.findLast((expiresAtMs) => expiresAtMs + shiftMs <= ms)
    return last === undefined ? -never : last + shiftMs
  }
  return operations.map((operation) => {
    const { input, output, calledMs, returnedMs } = operation
    return {
      ...operation,
      // Without its answer, what it removed is as untold.
      input: input.op === "get_remove" && output === undefined ? { op: "remove" } : renamed(input, names),
      calledMs: since(calledMs, clockErrorMs),
      returnedMs: clockIsWrong || returnedMs === never ? never : since(returnedMs, -clockErrorMs),
    }
  })
}

function namesOf(operations: readonly Event[], clockIsWrong: boolean): Names {
  const contents = new Set(operations.flatMap(({ input, output }) => [...comparands(input), output?.content]))
  const expiries = new Set(operations.flatMap(({ output }) => output?.expiresAtMs ?? 0)).add(0)
  let other = "*"
  while (contents.has(other)) other += "*"
  return {
    content: (content) => (contents.has(content) ? content : other),
    // By clocks that may be wrong by any time, each may pass at any moment.
    expiry: (expiresAtMs) => (!clockIsWrong || expiries.has(expiresAtMs) ? expiresAtMs : -1),
  }
}

function renamed<Input extends EntryEvent>(input: Input, names: Names): Input {
  if (input.op === "perhaps") return { ...input, of: renamed(input.of, names) }
  if (input.op === "lost") {
    const states = input.states.map((state) => {
      const { content, expiresAtMs } = partsOf(state)
      return content === undefined ? state : holding(names.content(content), names.expiry(expiresAtMs))
    })
    return { ...input, states: [...new Set(states)] }
  }
  return {
    ...input,
    ...("content" in input ? { content: names.content(input.content) } : {}),
    ...("expiresAtMs" in input ? { expiresAtMs: names.expiry(input.expiresAtMs) } : {}),
  }
}

function comparands(input: EntryEvent): string[] {
  if (input.op === "perhaps") return comparands(input.of)
  return "comparand" in input ? [input.comparand] : []
}

function expiriesOf(input: EntryEvent): number[] {
  if (input.op === "perhaps") return expiriesOf(input.of)
  if (input.op === "lost") return input.states.map((state) => partsOf(state).expiresAtMs)
  return "expiresAtMs" in input ? [input.expiresAtMs] : []
}
