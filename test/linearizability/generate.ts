/**
 * Small histories that are linearizable by construction: a few processes work on one real object; each operation takes
 * effect at one moment between its call and its answer. Some answers are lost, with or without the effect.
 */
import type { Prng } from "../../src/core/lib/prng.ts"
import { HistoryRecorder } from "./history.ts"
import type { Operation } from "./history.ts"
import type { EntryInput, EntryOutput } from "./models/entry-state.ts"

type EntryOperation = Operation<EntryInput, EntryOutput>

const fewContents = ["a", "b", "c"]

function randomInput(prng: Prng, contents: readonly string[], nowMs: number): EntryInput {
  const content = prng.pick(contents)
  const comparand = prng.pick(contents)
  const expiresAtMs = prng.chance(1, 4) ? nowMs + prng.between(1, 60) : 0
  const op = prng.pick([
    "get",
    "get",
    "put",
    "update",
    "remove",
    "cas",
    "get_update",
    "get_remove",
    "remove_if",
    "expires_at",
    "get_expiry",
  ] as const)
  switch (op) {
    case "put":
    case "update":
    case "get_update":
      return { op, content, expiresAtMs }
    case "cas":
      return { op, content, comparand, expiresAtMs }
    case "remove_if":
      return { op, comparand }
    case "expires_at":
      return { op, expiresAtMs }
    default:
      return { op }
  }
}

interface Entry {
  content: string
  expiresAtMs: number
}

/** The object itself, written apart from the model so that one checks the other. */
function execute(entries: Map<string, Entry>, key: string, input: EntryInput, nowMs: number): EntryOutput {
  const stored = entries.get(key)
  const live = stored !== undefined && (stored.expiresAtMs === 0 || nowMs < stored.expiresAtMs)
  if (!live) entries.delete(key)
  if (input.op === "put" && live) return { error: "alias_already_exists" }
  if (input.op === "put" || input.op === "update") {
    entries.set(key, { content: input.content, expiresAtMs: input.expiresAtMs })
    return { error: "none" }
  }
  if (!live) return { error: "alias_not_found" }
  const { content, expiresAtMs } = stored
  if (input.op === "get") return { error: "none", content }
  if (input.op === "get_expiry") return { error: "none", expiresAtMs }
  if (input.op === "expires_at") {
    stored.expiresAtMs = input.expiresAtMs
    return { error: "none" }
  }
  if (input.op === "cas" || input.op === "remove_if") {
    if (input.comparand !== content)
      return input.op === "cas" ? { error: "unmatched_content", content } : { error: "unmatched_content" }
    if (input.op === "cas") entries.set(key, { content: input.content, expiresAtMs: input.expiresAtMs })
    else entries.delete(key)
    return input.op === "cas" ? { error: "none", content } : { error: "none" }
  }
  if (input.op === "get_update") entries.set(key, { content: input.content, expiresAtMs: input.expiresAtMs })
  else entries.delete(key)
  return input.op === "remove" ? { error: "none" } : { error: "none", content }
}

interface Running {
  index: number
  key: string
  input: EntryInput
  output: EntryOutput | undefined
}

/**
 * @param lossOneIn of so many requests one is lost, and of so many answers one
 * @returns a linearizable history of `operations` calls on up to `keys` keys, by `processes` processes
 */
export function generate(
  prng: Prng,
  operations: number,
  processes: number,
  keys: number,
  lossOneIn: number,
  contents: readonly string[] = fewContents,
): EntryOperation[] {
  const recorder = new HistoryRecorder<EntryInput, EntryOutput>()
  const entries = new Map<string, Entry>()
  const running: (Running | undefined)[] = Array.from({ length: processes }, () => undefined)
  let nowMs = 1
  let called = 0
  while (called < operations || running.some((r) => r !== undefined)) {
    nowMs += prng.between(0, 5)
    const process = prng.below(processes)
    const current = running[process]
    if (current === undefined) {
      if (called === operations) continue
      const input = randomInput(prng, contents, nowMs)
      const key = `k${prng.below(keys)}`
      running[process] = { index: recorder.called(process, key, input, nowMs), key, input, output: undefined }
      called++
    } else if (current.output === undefined && !prng.chance(1, lossOneIn)) {
      current.output = execute(entries, current.key, current.input, nowMs)
    } else {
      // No output by now: the request was lost before its effect. Else the answer is lost now and then.
      if (current.output !== undefined && !prng.chance(1, lossOneIn))
        recorder.returned(current.index, current.output, nowMs)
      running[process] = undefined
    }
  }
  return recorder.history()
}

/** Swaps the outputs of two answered operations of one kind. @returns undefined if there are no two that differ */
export function swapOutputs(prng: Prng, history: readonly EntryOperation[]): EntryOperation[] | undefined {
  const pairs: [number, number][] = []
  history.forEach((a, i) =>
    history.forEach((b, j) => {
      if (i >= j || a.output === undefined || b.output === undefined) return
      if (JSON.stringify(a.output) !== JSON.stringify(b.output)) pairs.push([i, j])
    }),
  )
  if (pairs.length === 0) return undefined
  const [i, j] = prng.pick(pairs)
  return history.map((operation, index) => {
    const other = index === i ? history[j] : index === j ? history[i] : undefined
    return other === undefined ? operation : { ...operation, output: other.output }
  })
}
