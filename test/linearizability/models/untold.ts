/**
 * What no answer tells apart, made the same: a search meets it once.
 *
 * A content that no answer shows and nothing is compared with has no influence on anything but by being there, so all of these
 * may be one. A moment counts only by the expiries that lie before it. What an operator's loss may have brought back is told
 * apart only by what came after it. Any order of the operations explains the answers of one history exactly if it explains
 * those of the other.
 */
import { never } from "../history.ts"
import type { Operation } from "../history.ts"
import { absent, holding, partsOf } from "./entry-state.ts"
import type { EntryEvent, EntryInput, EntryOutput } from "./entry-state.ts"

type Event = Operation<EntryEvent, EntryOutput>

/** How contents and expiries are called from now on. */
interface Names {
  content(content: string): string
  expiry(expiresAtMs: number): number
}

/** @returns as many operations, of one key and in the same order; `clockErrorMs` as of `entryModel` */
export function untold(operations: readonly Event[], clockErrorMs: number): Event[] {
  const clockIsWrong = clockErrorMs === never
  const other = nameOfOthers(operations)
  const names = namesOf(operations, other, clockIsWrong)
  const expiries = operations.flatMap(({ input }) => expiriesOf(input)).filter((ms) => ms > 0)
  const moments = [...new Set(expiries)].sort((a, b) => a - b)
  /** The last moment up to `ms` that lies by `shiftMs` behind an expiry. */
  const since = (ms: number, shiftMs: number) => {
    const last = moments.findLast((expiresAtMs) => expiresAtMs + shiftMs <= ms)
    return last === undefined ? -never : last + shiftMs
  }
  /** The states that whatever may come after a loss can tell apart. */
  const brought = ({ calledAt }: Event, states: readonly string[]) => {
    const later = operations.filter(({ input, returnedAt }) => input.op !== "lost" && returnedAt >= calledAt)
    const laterNames = namesOf(later, other, clockIsWrong)
    const goneMs = Math.min(...later.map(({ calledMs }) => calledMs)) - clockErrorMs
    const seen = states.map((state) => {
      const { content, expiresAtMs } = partsOf(state)
      const isGone = expiresAtMs > 0 && expiresAtMs <= goneMs
      if (content === undefined || isGone) return absent
      return holding(laterNames.content(content), laterNames.expiry(expiresAtMs))
    })
    return [...new Set(seen)]
  }
  return operations.map((operation) => {
    const { input, output, calledMs, returnedMs } = operation
    return {
      ...operation,
      input:
        input.op === "lost"
          ? { ...input, states: brought(operation, input.states) }
          : renamed(input, output, names),
      calledMs: since(calledMs, clockErrorMs),
      returnedMs: clockIsWrong || returnedMs === never ? never : since(returnedMs, -clockErrorMs),
    }
  })
}

const toldContents = (operations: readonly Event[]) =>
  new Set(operations.flatMap(({ input, output }) => [...comparands(input), output?.content]))

/** A name that none of the contents has which are told. */
function nameOfOthers(operations: readonly Event[]): string {
  const contents = toldContents(operations)
  let other = "*"
  while (contents.has(other)) other += "*"
  return other
}

/** Names for all that `operations` do not tell apart. */
function namesOf(operations: readonly Event[], other: string, clockIsWrong: boolean): Names {
  const contents = toldContents(operations)
  const expiries = new Set(operations.flatMap(({ output }) => output?.expiresAtMs ?? 0)).add(0)
  return {
    content: (content) => (contents.has(content) ? content : other),
    // By clocks that may be wrong by any time, each may pass at any moment.
    expiry: (expiresAtMs) => (!clockIsWrong || expiries.has(expiresAtMs) ? expiresAtMs : -1),
  }
}

function renamed(
  input: Exclude<EntryEvent, { readonly op: "lost" }>,
  output: EntryOutput | undefined,
  names: Names,
): EntryEvent {
  if (input.op === "perhaps") return { ...input, of: renamed(input.of, undefined, names) as EntryInput }
  // Without its answer, what it removed is as untold.
  if (input.op === "get_remove" && output === undefined) return { op: "remove" }
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
