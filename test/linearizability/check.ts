/**
 * Is a history linearizable? Wing and Gong's search with Lowe's memoisation, key by key: the algorithm of Porcupine
 * (https://github.com/anishathalye/porcupine, `checker.go`), after
 *
 * - J. M. Wing, C. Gong: Testing and Verifying Concurrent Objects, 1993;
 * - G. Lowe: Testing for Linearizability, 2016 (the set of configurations seen);
 * - A. Horn, D. Kroening: Faster Linearizability Checking via P-Compositionality, 2015 (partitions).
 *
 * The history is a doubly linked list of calls and returns. Whatever is called before the first return in the list may
 * come next; try it, take its call and return out of the list, and go on from the start. At a return whose call was not
 * taken, the last choice was wrong: undo it, and try the next. A configuration, that is the set of operations taken and
 * the state they left, leads to the same end however it was reached, so each is entered once.
 *
 * Three things differ from Porcupine. What no answer tells apart is made the same first (`Model.simplify`). A step may have
 * several outcomes (an entry whose expiry is near may be there or not), which are tried in turn. And an operation of unknown
 * fate has no return in the list: the search ends when every operation that was answered is taken, so one that never took
 * effect need not be placed at all.
 *
 * The search is exponential at worst, above all in the operations of unknown fate, so it counts its steps. A key that takes
 * more than its share of them is given to the search of `frontier.ts`, which is slower and does not mind these. Out of
 * steps there, too, is `unknown`, which a test treats as failed: a history that cannot be checked has shown nothing.
 */
import { checkFrontier } from "./frontier.ts"
import { never, partitionByKey } from "./history.ts"
import type { Operation } from "./history.ts"
import type { Model } from "./model.ts"

export interface Linearized<Input, Output> {
  readonly operation: Operation<Input, Output>
  /** The state it left. */
  readonly state: string
}

export interface Result<Input, Output> {
  readonly verdict: "linearizable" | "violation" | "unknown"
  /** Key of the partition that failed or could not be decided. */
  readonly key: string | undefined
  /** The longest sequence found that explains part of the history, and of the failing key only. */
  readonly longest: readonly Linearized<Input, Output>[]
  /** The first answered operation, in the order of returns, that the longest sequence could not hold. */
  readonly blocked: Operation<Input, Output> | undefined
  readonly steps: number
}

/** A call or a return in the list. `match` of a call is its return; of a return, undefined. */
interface Node<Input, Output> {
  readonly operation: Operation<Input, Output> | undefined
  readonly index: number
  match: Node<Input, Output> | undefined
  previous: Node<Input, Output> | undefined
  next: Node<Input, Output> | undefined
}

interface Choice<Input, Output> {
  readonly node: Node<Input, Output>
  /** State before the choice. */
  readonly state: string
  readonly outcomes: readonly string[]
  outcome: number
}

export const stepsMaxDefault = 2_000_000
/** Of one key, as a multiple of its operations; in steps, before the other search gets it. */
const stepsPerOperation = 200

/** Checks every key; stops at the first that is not linearizable. Steps are counted over all keys. */
export function check<Input, Output>(
  model: Model<Input, Output>,
  history: readonly Operation<Input, Output>[],
  stepsMax = stepsMaxDefault,
): Result<Input, Output> {
  let steps = 0
  let undecided: Result<Input, Output> | undefined
  for (const [key, part] of partitionByKey(history)) {
    const share = Math.min(stepsMax - steps, part.length * stepsPerOperation)
    let result = new Search(model, part, share).run()
    steps += result.steps
    if (result.verdict === "unknown" && steps < stepsMax) {
      result = { ...checkFrontier(model, part, stepsMax - steps), key }
      steps += result.steps
    }
    if (result.verdict === "violation") return { ...result, key, steps }
    if (result.verdict === "unknown") undecided ??= { ...result, key }
  }
  return undecided !== undefined
    ? { ...undecided, steps }
    : { verdict: "linearizable", key: undefined, longest: [], blocked: undefined, steps }
}

class Search<Input, Output> {
  private readonly head: Node<Input, Output> = {
    operation: undefined,
    index: -1,
    match: undefined,
    previous: undefined,
    next: undefined,
  }
  private readonly model: Model<Input, Output>
  /** As they were given, for people; and as the model tells them apart. */
  private readonly given: readonly Operation<Input, Output>[]
  private readonly operations: readonly Operation<Input, Output>[]
  private readonly stepsMax: number
  private readonly seen: SeenConfigurations
  private readonly choices: Choice<Input, Output>[] = []
  private longest: Linearized<Input, Output>[] = []
  /** Answered operations not yet taken. */
  private waiting = 0
  private steps = 0

  constructor(
    model: Model<Input, Output>,
    operations: readonly Operation<Input, Output>[],
    stepsMax: number,
  ) {
    this.model = model
    this.given = operations.filter((o) => o.output !== undefined || model.mayChange(o.input))
    this.operations = model.simplify?.(this.given) ?? this.given
    this.stepsMax = stepsMax
    this.seen = new SeenConfigurations(this.operations.length)
    this.link()
  }

  run(): Result<Input, Output> {
    let state = this.model.initial
    let node = this.head.next
    while (this.waiting > 0) {
      if (++this.steps > this.stepsMax) return this.result("unknown")
      if (node !== undefined && node.match !== undefined) {
        const outcomes = this.model.step(state, node.operation as Operation<Input, Output>)
        const choice = { node, state, outcomes, outcome: -1 }
        const taken = this.take(choice)
        if (taken !== undefined) {
          state = taken
          node = this.head.next
        } else node = node.next
      } else {
        const choice = this.choices.pop()
        if (choice === undefined) return this.result("violation")
        this.untake(choice.node)
        const taken = this.take(choice)
        if (taken !== undefined) {
          state = taken
          node = this.head.next
        } else {
          state = choice.state
          node = choice.node.next
        }
      }
    }
    return this.result("linearizable")
  }

  /** Takes the next outcome of `choice` that leads to a new configuration. @returns its state, or undefined */
  private take(choice: Choice<Input, Output>): string | undefined {
    const { node, outcomes } = choice
    while (++choice.outcome < outcomes.length) {
      const state = outcomes[choice.outcome] as string
      // An open operation that changes nothing here is better left for later, or for never.
      if (node.match === node && state === choice.state) continue
      if (!this.seen.add(node.index, state)) continue
      this.choices.push(choice)
      this.unlink(node)
      if ((node.operation as Operation<Input, Output>).returnedAt !== never) this.waiting--
      if (this.choices.length > this.longest.length) this.rememberLongest()
      return state
    }
    return undefined
  }

  private untake(node: Node<Input, Output>): void {
    this.seen.remove(node.index)
    if ((node.operation as Operation<Input, Output>).returnedAt !== never) this.waiting++
    const match = node.match as Node<Input, Output>
    if (match !== node) {
      if (match.previous !== undefined) match.previous.next = match
      if (match.next !== undefined) match.next.previous = match
    }
    if (node.previous !== undefined) node.previous.next = node
    if (node.next !== undefined) node.next.previous = node
  }

  private unlink(node: Node<Input, Output>): void {
    if (node.previous !== undefined) node.previous.next = node.next
    if (node.next !== undefined) node.next.previous = node.previous
    const match = node.match as Node<Input, Output>
    if (match === node) return
    if (match.previous !== undefined) match.previous.next = match.next
    if (match.next !== undefined) match.next.previous = match.previous
  }

  /** Builds the list. An open operation's call is its own match: it has no return to lift. */
  private link(): void {
    const events: { readonly at: number; readonly call: boolean; readonly node: Node<Input, Output> }[] = []
    for (let index = 0; index < this.operations.length; index++) {
      const operation = this.operations[index] as Operation<Input, Output>
      const call: Node<Input, Output> = {
        operation,
        index,
        match: undefined,
        previous: undefined,
        next: undefined,
      }
      events.push({ at: operation.calledAt, call: true, node: call })
      if (operation.returnedAt === never) {
        call.match = call
        continue
      }
      const returned: Node<Input, Output> = {
        operation,
        index,
        match: undefined,
        previous: undefined,
        next: undefined,
      }
      call.match = returned
      events.push({ at: operation.returnedAt, call: false, node: returned })
      this.waiting++
    }
    // At equal places calls come first: then the two operations count as concurrent, which claims less.
    events.sort((a, b) => a.at - b.at || Number(b.call) - Number(a.call) || a.node.index - b.node.index)
    let last = this.head
    for (const { node } of events) {
      last.next = node
      node.previous = last
      last = node
    }
  }

  private rememberLongest(): void {
    this.longest = this.choices.map((choice) => ({
      operation: this.given[choice.node.index] as Operation<Input, Output>,
      state: choice.outcomes[choice.outcome] as string,
    }))
  }

  private result(verdict: Result<Input, Output>["verdict"]): Result<Input, Output> {
    const placed = new Set(this.longest.map((l) => l.operation))
    const blocked = this.given
      .filter((o) => o.returnedAt !== never && !placed.has(o))
      .sort((a, b) => a.returnedAt - b.returnedAt)[0]
    return { verdict, key: undefined, longest: this.longest, blocked, steps: this.steps }
  }
}

/**
 * The configurations entered so far. The set of taken operations is a bit set whose hash changes by one exclusive-or
 * per operation (Zobrist hashing); bits and state are compared in full, so a collision costs time and never a verdict.
 */
class SeenConfigurations {
  private readonly bits: Uint32Array
  private readonly zobrist: Uint32Array
  private hash = 0
  private readonly byHash = new Map<number, Map<string, Uint32Array[]>>()

  constructor(operations: number) {
    this.bits = new Uint32Array((operations + 31) >>> 5)
    this.zobrist = new Uint32Array(operations)
    let x = 0x9e3779b9
    for (let i = 0; i < operations; i++) {
      x = (x + 0x9e3779b9) | 0
      let z = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      this.zobrist[i] = z ^ (z >>> 15)
    }
  }

  /** Adds operation `index` to the set. @returns false, and adds nothing, if set and state were seen together */
  add(index: number, state: string): boolean {
    const hash = (this.hash ^ (this.zobrist[index] as number)) >>> 0
    this.flip(index)
    let byState = this.byHash.get(hash)
    if (byState === undefined) this.byHash.set(hash, (byState = new Map()))
    const sets = byState.get(state)
    if (sets === undefined) byState.set(state, [this.bits.slice()])
    else if (sets.some((set) => this.equals(set))) {
      this.flip(index)
      return false
    } else sets.push(this.bits.slice())
    this.hash = hash
    return true
  }

  remove(index: number): void {
    this.flip(index)
    this.hash = (this.hash ^ (this.zobrist[index] as number)) >>> 0
  }

  private flip(index: number): void {
    this.bits[index >>> 5] = (this.bits[index >>> 5] as number) ^ (1 << (index & 31))
  }

  private equals(set: Uint32Array): boolean {
    for (let i = 0; i < set.length; i++) if (set[i] !== this.bits[i]) return false
    return true
  }
}
