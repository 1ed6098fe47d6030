/**
 * The keys that clients fight over, and what they saw. The checker's work grows fast with the length of a key's history, so
 * a key is used for some operations only and then replaced; its history is judged when its last operation has ended,
 * and forgotten when it was right. So a run may be as long as one likes.
 */
import type { Prng } from "../../../src/core/lib/prng.ts"
import { check } from "../../linearizability/check.ts"
import { HistoryRecorder, type Operation } from "../../linearizability/history.ts"
import type { EntryInput, EntryOutput } from "../../linearizability/models/entry-state.ts"
import { entryModel } from "../../linearizability/models/entry.ts"
import { report } from "../../linearizability/report.ts"

export type EntryOperation = Operation<EntryInput, EntryOutput>

const operationsPerKey = 120
/**
 * Operations under way on one key, above which it is replaced, too: the search is exponential in them, and where few keys are
 * served by nobody, everybody ends up waiting for these.
 */
const openPerKey = 12
const stepsMax = 3_000_000
/** All processes read one machine's wall clock, but a turn of a busy event loop reads it once. */
const clockErrorMs = 500

export const model = entryModel(clockErrorMs)

export class ContestedKey {
  readonly alias: string
  readonly recorder = new HistoryRecorder<EntryInput, EntryOutput>()
  begun = 0
  open = 0

  constructor(alias: string) {
    this.alias = alias
  }

  get isSpent(): boolean {
    return this.begun >= operationsPerKey || this.open >= openPerKey
  }
}

export class Keyspace {
  readonly violations: string[] = []
  keysChecked = 0
  operationsChecked = 0
  /** A history that was right, to be planted with an error. */
  sample: readonly EntryOperation[] = []
  private readonly prng: Prng
  /** Keeps the history of a key that was not found right, for people. */
  private readonly keep: (alias: string, history: readonly EntryOperation[]) => void
  private readonly active: ContestedKey[] = []
  /** Spent, but not all of their operations have ended. */
  private readonly ending = new Set<ContestedKey>()
  private made = 0

  /** @param contested how many keys are in use at a time */
  constructor(
    contested: number,
    prng: Prng,
    keep: (alias: string, history: readonly EntryOperation[]) => void,
  ) {
    this.prng = prng
    this.keep = keep
    for (let i = 0; i < contested; i++) this.active.push(this.make())
  }

  private make(): ContestedKey {
    return new ContestedKey(`contested-${this.made++}`)
  }

  /** A key for one more operation, which must be followed by `ended`. */
  take(): ContestedKey {
    const place = this.prng.below(this.active.length)
    const key = this.active[place] as ContestedKey
    key.begun++
    key.open++
    if (key.isSpent) {
      this.ending.add(key)
      this.active[place] = this.make()
    }
    return key
  }

  ended(key: ContestedKey): void {
    key.open--
    if (key.open > 0 || !this.ending.delete(key)) return
    this.judge(key)
  }

  /** Judges what is still in use; to be called when all clients have ended. */
  finish(): void {
    for (const key of [...this.ending, ...this.active]) this.judge(key)
    this.ending.clear()
    this.active.length = 0
  }

  private judge(key: ContestedKey): void {
    const history = key.recorder.history()
    const result = check(model, history, stepsMax)
    this.keysChecked++
    this.operationsChecked += history.length
    if (result.verdict === "linearizable") {
      if (history.length > this.sample.length) this.sample = history
      return
    }
    this.keep(key.alias, history)
    this.violations.push(`${key.alias}: ${result.verdict}\n${report(model, result)}`)
  }
}

/** @returns the history with one answer changed to something that nobody can have seen there */
export function planted(history: readonly EntryOperation[]): readonly EntryOperation[] {
  const place = history.findLastIndex((o) => o.input.op === "get" && o.output?.content !== undefined)
  if (place < 0) throw new Error("the history has no answered read to be spoilt")
  return history.map((o, i) =>
    i === place && o.output !== undefined
      ? { ...o, output: { ...o.output, content: "nobody wrote this" } }
      : o,
  )
}
