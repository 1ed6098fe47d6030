/**
 * Exhaustive exploration, breadth first, so that the first counterexample is a shortest one; and random walks, for what lies
 * deeper than breadth can go. A world's states are short lists of small numbers; seen ones are kept as 64-bit hashes, so a
 * run of some million states has a chance of about one in a million to overlook one.
 */

export type State = Int32Array

export interface Transition {
  /** Valid while it is told of; whoever keeps it copies it. */
  readonly next: State
  readonly label: () => string
  /** An invariant broken on the way, if any. */
  readonly violation: string | undefined
}

export interface World {
  initial(): State
  /** Calls `emit` for each thing that may happen next. */
  successors(state: State, emit: (transition: Transition) => void): void
  /** @returns the invariant that the state breaks, if any */
  check(state: State): string | undefined
  /** For reachability: whether what should be possible in the end has happened here. */
  isDone?(state: State): boolean
}

export interface Outcome {
  readonly states: number
  readonly transitions: number
  readonly depth: number
  /** Every reachable state was seen. */
  readonly isComplete: boolean
  readonly violation: string | undefined
  readonly trace: readonly string[]
  /** States from which `isDone` cannot be reached any more (only of complete runs of worlds that have it). */
  readonly stuck: number
  readonly stuckTrace: readonly string[]
  /** Of processor time. */
  readonly ms: number
}

/** Bounds are of this thread's processor time: how far exploration gets does not depend on what else the machine does. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

class Seen {
  private bits = 20
  private low = new Uint32Array(1 << this.bits)
  private high = new Uint32Array(1 << this.bits)
  private index = new Int32Array(1 << this.bits)
  size = 0

  /** @returns the state's index, and whether it is new */
  add(state: State): { index: number; isNew: boolean } {
    let a = 0x811c9dc5
    let b = 0x9747b28c
    for (const x of state) {
      a = Math.imul(a ^ x, 0x85ebca6b)
      a ^= a >>> 15
      b = Math.imul(b ^ (x + 0x7f4a7c15), 0xc2b2ae35)
      b = (b << 13) | (b >>> 19)
    }
    a = Math.imul(a ^ (a >>> 16), 0x2c1b3c6d) >>> 0
    b = (b ^ (b >>> 15)) >>> 0
    if (a === 0 && b === 0) b = 1
    const before = this.size
    const index = this.insert(a, b, this.size)
    if (this.size > before && this.size * 2 > this.low.length) this.grow()
    return { index, isNew: this.size > before }
  }

  private insert(a: number, b: number, index: number): number {
    const mask = this.low.length - 1
    let at = (a ^ Math.imul(b, 0x9e3779b1)) & mask
    for (;;) {
      if (this.low[at] === 0 && this.high[at] === 0) {
        this.low[at] = a
        this.high[at] = b
        this.index[at] = index
        this.size++
        return index
      }
      if (this.low[at] === a && this.high[at] === b) return this.index[at] as number
      at = (at + 1) & mask
    }
  }

  private grow(): void {
    const { low, high, index } = this
    this.bits++
    this.low = new Uint32Array(1 << this.bits)
    this.high = new Uint32Array(1 << this.bits)
    this.index = new Int32Array(1 << this.bits)
    this.size = 0
    for (let i = 0; i < low.length; i++) {
      if (low[i] !== 0 || high[i] !== 0) this.insert(low[i] as number, high[i] as number, index[i] as number)
    }
  }
}

interface Found {
  readonly violation: string
  readonly parent: number
  readonly action: number
}

/** Explores all states, or as many as the bounds allow. */
export function explore(makeWorld: () => World, statesMax: number, msMax: number): Outcome {
  const world = makeWorld()
  const startedMs = cpuMs()
  const seen = new Seen()
  const parents: number[] = [-1]
  const actions: number[] = [-1]
  const edges: number[] = []
  const done: number[] = []
  const first = world.initial()
  seen.add(first)
  let frontier: State[] = [first]
  let frontierIndex: number[] = [0]
  let transitions = 0
  let depth = 0
  let isComplete = true
  const found: Found[] = []
  const startViolation = world.check(first)
  if (startViolation !== undefined) found.push({ violation: startViolation, parent: -1, action: -1 })

  while (frontier.length > 0 && found.length === 0 && isComplete) {
    const nextFrontier: State[] = []
    const nextIndex: number[] = []
    for (let i = 0; i < frontier.length && found.length === 0; i++) {
      const parent = frontierIndex[i] as number
      let action = 0
      world.successors(frontier[i] as State, ({ next, violation }) => {
        const mine = action++
        transitions++
        if (found.length > 0) return
        if (violation !== undefined) {
          found.push({ violation, parent, action: mine })
          return
        }
        const { index, isNew } = seen.add(next)
        if (world.isDone !== undefined) edges.push(parent, index)
        if (!isNew) return
        parents.push(parent)
        actions.push(mine)
        const broken = world.check(next)
        if (broken !== undefined) found.push({ violation: broken, parent, action: mine })
        nextFrontier.push(next.slice())
        nextIndex.push(index)
      })
      // After its successors: a world learns from them what it does not follow any further.
      if (world.isDone?.(frontier[i] as State) === true) done.push(parent)
      if (seen.size > statesMax || ((i & 255) === 0 && cpuMs() - startedMs > msMax)) {
        isComplete = false
        break
      }
    }
    depth++
    frontier = nextFrontier
    frontierIndex = nextIndex
  }

  const replay = (parent: number, action: number): string[] => {
    const chain = action < 0 ? [] : [action]
    for (let at = parent; at > 0; at = parents[at] as number) chain.push(actions[at] as number)
    chain.reverse()
    return labels(world, chain)
  }
  const [violated] = found
  const complete = isComplete && violated === undefined
  const stuck = complete && world.isDone !== undefined ? stuckStates(seen.size, edges, done) : []
  const firstStuck = stuck[0]
  return {
    states: seen.size,
    transitions,
    depth,
    isComplete: complete,
    violation: violated?.violation,
    trace: violated === undefined ? [] : replay(violated.parent, violated.action),
    stuck: stuck.length,
    stuckTrace: firstStuck === undefined ? [] : replay(firstStuck, -1),
    ms: Math.round(cpuMs() - startedMs),
  }
}

/** @returns states from which no done one can be reached, the shallowest first */
function stuckStates(size: number, edges: readonly number[], done: readonly number[]): number[] {
  const heads = new Int32Array(size).fill(-1)
  const links = new Int32Array(edges.length / 2)
  for (let i = 0; i < edges.length; i += 2) {
    links[i / 2] = heads[edges[i + 1] as number] as number
    heads[edges[i + 1] as number] = i / 2
  }
  const isLive = new Uint8Array(size)
  const stack = [...done]
  for (const index of done) isLive[index] = 1
  while (stack.length > 0) {
    for (let link = heads[stack.pop() as number] as number; link >= 0; link = links[link] as number) {
      const from = edges[link * 2] as number
      if (isLive[from] === 1) continue
      isLive[from] = 1
      stack.push(from)
    }
  }
  const stuck: number[] = []
  for (let i = 0; i < size; i++) if (isLive[i] === 0) stuck.push(i)
  return stuck
}

function kept(transition: Transition): Transition {
  return { ...transition, next: transition.next.slice() }
}

function labels(world: World, chain: readonly number[]): string[] {
  const lines: string[] = []
  let state = world.initial()
  for (const wanted of chain) {
    let action = 0
    let chosen: Transition | undefined
    world.successors(state, (transition) => {
      if (action++ === wanted) chosen = kept(transition)
    })
    if (chosen === undefined) break
    lines.push(chosen.label())
    state = chosen.next
  }
  return lines
}

export interface WalkOutcome {
  readonly walks: number
  readonly steps: number
  readonly violation: string | undefined
  readonly trace: readonly string[]
}

/** Random walks of at most `stepsMax` steps. @param draw a number in [0, bound) */
export function walk(
  world: World,
  stepsMax: number,
  walksMax: number,
  msMax: number,
  draw: (bound: number) => number,
): WalkOutcome {
  const startedMs = cpuMs()
  let steps = 0
  for (let walks = 1; walks <= walksMax && cpuMs() - startedMs < msMax; walks++) {
    let state = world.initial()
    const chain: number[] = []
    for (let i = 0; i < stepsMax; i++) {
      const choices: Transition[] = []
      world.successors(state, (transition) => choices.push(kept(transition)))
      if (choices.length === 0) break
      const pick = draw(choices.length)
      const chosen = choices[pick] as Transition
      chain.push(pick)
      steps++
      const violation = chosen.violation ?? world.check(chosen.next)
      if (violation !== undefined) return { walks, steps, violation, trace: labels(world, chain) }
      state = chosen.next
    }
  }
  return { walks: walksMax, steps, violation: undefined, trace: [] }
}
