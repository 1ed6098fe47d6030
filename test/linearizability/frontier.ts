/**
 * Is the history of one key linearizable? Just-in-time linearization (G. Lowe: Testing for Linearizability, 2016, section
 * 5): go through the calls and returns in their order and keep every configuration that explains all that has returned.
 * Nothing takes effect before it must, that is before the return of some operation that needs it.
 *
 * A configuration is the state, which of the operations still running have taken effect, and which of unknown fate did. Of
 * two that differ in the last alone, one that used fewer can do whatever the other can, since what it did not use it may
 * still use or leave: the other is dropped. So operations of unknown fate, which stay possible to the end and make the
 * search of `check.ts` exponential in their number, cost here about its square.
 *
 * An operation that only observed (`Model.observes`) is taken as soon as the state is one that it may have seen: it leaves the state as
 * it is, here and wherever else it might be placed before its return, so whatever explains the rest without it does so with
 * it. Of ten operations that run at a time on a hot key most are such, and which of them have happened would else be a
 * thousand configurations.
 *
 * Of operations that do the same in every state, the one that returns first takes effect first: where another one did, the two
 * can change places. Those of unknown fate, which never return, go by their order. With `Model.simplify` most of them are alike, and
 * of a hundred there are no more sets than numbers.
 *
 * Most of unknown fate never took effect, or were overwritten unseen. So a first, eager pass uses them only at a return that
 * nothing else explains, and then as few as will do: of fifty there are more sets than can be looked at. What it finds
 * linearizable is. It may miss an explanation that needed one earlier: then the whole search decides.
 */
import { never } from "./history.ts"
import type { Operation } from "./history.ts"
import type { Model } from "./model.ts"

/** How many more operations of unknown fate the eager pass takes to have had an effect, one try after the other. */
const eagerOpens = [0, 1, 2, Infinity]

/** How many may be looked at before one return: some hundred megabytes of them. */
const configurationsMax = 1_000_000

/** The linearization that led to a configuration, last first. */
interface Chain<Input, Output> {
  readonly operation: Operation<Input, Output>
  readonly state: string
  readonly before: Chain<Input, Output> | undefined
}

interface Configuration<Input, Output> {
  readonly state: string
  /** Indices of operations that have taken effect and not returned yet, ascending. */
  readonly ahead: readonly number[]
  /** Indices of operations of unknown fate that took effect, ascending. */
  readonly used: readonly number[]
  readonly chain: Chain<Input, Output> | undefined
}

export interface FrontierResult<Input, Output> {
  readonly verdict: "linearizable" | "violation" | "unknown"
  /** The linearization of all that could be explained. */
  readonly longest: readonly { readonly operation: Operation<Input, Output>; readonly state: string }[]
  /** The operation at whose return no explanation was left. */
  readonly blocked: Operation<Input, Output> | undefined
  readonly steps: number
}

/** @param stepsMax steps of the model; more than that, or more memory than is sensible, is `unknown` */
export function checkFrontier<Input, Output>(
  model: Model<Input, Output>,
  history: readonly Operation<Input, Output>[],
  stepsMax: number,
): FrontierResult<Input, Output> {
  const eager = pass(model, history, stepsMax / 2, true)
  if (eager.verdict === "linearizable") return eager
  const whole = pass(model, history, stepsMax - eager.steps, false)
  return { ...whole, steps: eager.steps + whole.steps }
}

function pass<Input, Output>(
  model: Model<Input, Output>,
  history: readonly Operation<Input, Output>[],
  stepsMax: number,
  eager: boolean,
): FrontierResult<Input, Output> {
  const given = history.filter((o) => o.output !== undefined || model.mayChange(o.input))
  const operations = model.simplify?.(given) ?? given
  const deeds = deedsOf(operations)
  const isOpen = (index: number) => operations[index]?.returnedAt === never
  const observes = operations.map((operation) => model.observes?.(operation) === true)
  const events = operations.flatMap(({ calledAt, returnedAt }, index) => [
    { at: calledAt, call: true, index },
    ...(returnedAt === never ? [] : [{ at: returnedAt, call: false, index }]),
  ])
  // At equal places calls come first, as in `check.ts`.
  events.sort((a, b) => a.at - b.at || Number(b.call) - Number(a.call) || a.index - b.index)

  let steps = 0
  let isOver = false
  const running: number[] = []
  let frontier = new Frontier<Input, Output>()
  frontier.add({ state: model.initial, ahead: [], used: [], chain: undefined })

  for (const { call, index } of events) {
    if (call) {
      running.push(index)
      continue
    }
    const operation = given[index] as Operation<Input, Output>
    let next: Frontier<Input, Output> | undefined
    for (const openMax of eager ? eagerOpens : [Infinity])
      if (next === undefined || (next.size === 0 && !isOver)) next = explain(index, openMax)
    if (next === undefined) throw new Error("an explanation is looked for")
    if (isOver) return result("unknown", operation, frontier, steps)
    if (next.size === 0) return result("violation", operation, frontier, steps)
    frontier = next
    running.splice(running.indexOf(index), 1)
  }
  return result("linearizable", undefined, frontier, steps)

  /**
   * @returns the configurations after the return of `index`, before which any that runs may have taken effect; of those of unknown
   *   fate at most `openMax` more than in any configuration so far
   */
  function explain(index: number, openMax: number): Frontier<Input, Output> {
    const forerunners = forerunnersOf(running)
    const candidates = openMax === 0 ? running.filter((other) => !isOpen(other)) : running
    let usedMax = openMax
    for (const { used } of frontier.all()) usedMax = Math.max(usedMax, used.length + openMax)
    const next = new Frontier<Input, Output>()
    const met = new Frontier<Input, Output>()
    for (const from of frontier.all()) met.add(observed(from, candidates))
    for (const from of met.growing()) {
      if (from.ahead.includes(index)) {
        next.add({ ...from, ahead: from.ahead.filter((other) => other !== index) })
        continue
      }
      for (const candidate of candidates) {
        if (isTaken(from, candidate)) continue
        const forerunner = forerunners.get(candidate)
        if (forerunner !== undefined && !isTaken(from, forerunner)) continue
        if (isOpen(candidate) && from.used.length >= usedMax) continue
        isOver = ++steps > stepsMax || met.added + next.added > configurationsMax
        if (isOver) return next
        const operation = operations[candidate] as Operation<Input, Output>
        for (const state of model.step(from.state, operation)) {
          const chain = { operation: given[candidate] as Operation<Input, Output>, state, before: from.chain }
          const { ahead, used } = from
          if (candidate === index) next.add({ state, ahead, used, chain })
          else if (!isOpen(candidate))
            met.add(observed({ state, ahead: insert(ahead, candidate), used, chain }, candidates))
          else if (state !== from.state)
            met.add(observed({ state, ahead, used: insert(used, candidate), chain }, candidates))
        }
      }
    }
    return next
  }

  /** @returns for each of `indices` the one that does the same and is to take effect right before it, if there is one */
  function forerunnersOf(indices: readonly number[]): ReadonlyMap<number, number> {
    const last = new Map<number, number>()
    const forerunners = new Map<number, number>()
    const returnOf = (index: number) => Math.min(operations[index]?.returnedAt ?? never, Number.MAX_VALUE)
    for (const index of indices.toSorted((a, b) => returnOf(a) - returnOf(b) || a - b)) {
      const deed = deeds[index] as number
      const forerunner = last.get(deed)
      if (forerunner !== undefined) forerunners.set(index, forerunner)
      last.set(deed, index)
    }
    return forerunners
  }

  /** @returns the configuration with all of `candidates` taken that observe its state */
  function observed(
    from: Configuration<Input, Output>,
    candidates: readonly number[],
  ): Configuration<Input, Output> {
    const { state, used } = from
    let { ahead, chain } = from
    for (const candidate of candidates) {
      if (!observes[candidate] || ahead.includes(candidate)) continue
      const operation = operations[candidate] as Operation<Input, Output>
      steps++
      if (model.step(state, operation).length === 0) continue
      ahead = insert(ahead, candidate)
      chain = { operation: given[candidate] as Operation<Input, Output>, state, before: chain }
    }
    return { state, ahead, used, chain }
  }
}

/** @returns for each operation what it does, as a number: the same where it does the same in every state */
function deedsOf<Input, Output>(operations: readonly Operation<Input, Output>[]): readonly number[] {
  const numbers = new Map<string, number>()
  return operations.map(({ input, output, calledMs, returnedMs }) => {
    const deed = `${calledMs} ${returnedMs} ${JSON.stringify([input, output])}`
    const number = numbers.get(deed) ?? numbers.size
    numbers.set(deed, number)
    return number
  })
}

function isTaken({ ahead, used }: Configuration<unknown, unknown>, index: number): boolean {
  return ahead.includes(index) || used.includes(index)
}

function insert(sorted: readonly number[], value: number): readonly number[] {
  return [...sorted, value].sort((a, b) => a - b)
}

function result<Input, Output>(
  verdict: FrontierResult<Input, Output>["verdict"],
  blocked: Operation<Input, Output> | undefined,
  frontier: Frontier<Input, Output>,
  steps: number,
): FrontierResult<Input, Output> {
  const longest: Chain<Input, Output>[] = []
  for (let link = frontier.all().next().value?.chain; link !== undefined; link = link.before)
    longest.push(link)
  return { verdict, longest: longest.reverse(), blocked, steps }
}

/** Configurations, none of which another one can replace. */
class Frontier<Input, Output> {
  /** By state and operations ahead; each list holds configurations of which none used all that another one used. */
  private readonly groups = new Map<string, Configuration<Input, Output>[]>()
  private readonly queue: Configuration<Input, Output>[] = []

  get size(): number {
    return this.groups.size
  }

  get added(): number {
    return this.queue.length
  }

  add(configuration: Configuration<Input, Output>): void {
    const key = `${configuration.ahead.join()} ${configuration.state}`
    const group = this.groups.get(key) ?? []
    if (group.some(({ used }) => isSubset(used, configuration.used))) return
    const kept = group.filter(({ used }) => !isSubset(configuration.used, used))
    this.groups.set(key, [...kept, configuration])
    this.queue.push(configuration)
  }

  *all(): Generator<Configuration<Input, Output>, undefined> {
    for (const group of this.groups.values()) yield* group
    return undefined
  }

  /** Everything that was added, and what is added meanwhile. What was replaced since costs time only. */
  *growing(): Generator<Configuration<Input, Output>> {
    for (let at = 0; at < this.queue.length; at++) yield this.queue[at] as Configuration<Input, Output>
  }
}

function isSubset(part: readonly number[], whole: readonly number[]): boolean {
  let at = 0
  for (const value of part) {
    while (at < whole.length && (whole[at] as number) < value) at++
    if (whole[at] !== value) return false
  }
  return true
}
