/**
 * The messages of a world's state as one number: sets that only grow by what is sent and shrink by what can change nothing any
 * more, so that what follows from a set is worked out once. Messages and nodes' states are numbers, too; a node's state tells
 * which of the three it is of.
 *
 * A set holds nothing that is spent in its state. When one node changes, only what is meant for that one can have become so.
 */
import type { State } from "./explore.ts"

export class MessageSets {
  /** The empty set. */
  static readonly none = 0
  private readonly lists: (readonly number[])[] = [[]]
  private readonly parts: (readonly (readonly number[])[])[] = [[[], [], []]]
  private readonly numbers = new Map<string, number>([["", MessageSets.none]])
  private readonly kept = new Map<number, number>()
  private readonly grown = new Map<number, number>()
  private readonly spent = new Map<number, boolean>()
  private readonly targetOf: (message: number) => number
  private readonly isSpent: (message: number, node: number) => boolean

  /**
   * @param targetOf the node that the message is for, -1 = none of the three
   * @param isSpent whether the message can change nothing at a node in this state any more
   */
  constructor(targetOf: (message: number) => number, isSpent: (message: number, node: number) => boolean) {
    this.targetOf = targetOf
    this.isSpent = isSpent
  }

  list(set: number): readonly number[] {
    return this.lists[set] as readonly number[]
  }

  /** @returns those for node i */
  for(set: number, i: number): readonly number[] {
    return this.parts[set]?.[i] as readonly number[]
  }

  /** @returns the set after node i of `state` changed to what it is there, having sent these */
  after(set: number, i: number, state: State, sent: readonly number[]): number {
    let next = this.without(set, i, state[i] as number)
    for (const message of sent) {
      const target = this.targetOf(message)
      if (target === -1 || this.list(next).includes(message)) continue
      if (!this.isOver(message, state[target] as number)) next = this.with(next, message)
    }
    return next
  }

  private without(set: number, i: number, node: number): number {
    const mine = this.for(set, i)
    if (mine.length === 0) return set
    const key = set * 2 ** 24 + node
    let kept = this.kept.get(key)
    if (kept === undefined) {
      const over = mine.filter((message) => this.isOver(message, node))
      kept = over.length === 0 ? set : this.of(this.list(set).filter((message) => !over.includes(message)))
      this.kept.set(key, kept)
    }
    return kept
  }

  private with(set: number, message: number): number {
    const key = set * 2 ** 20 + message
    let grown = this.grown.get(key)
    if (grown === undefined)
      this.grown.set(key, (grown = this.of([...this.list(set), message].sort((a, b) => a - b))))
    return grown
  }

  private isOver(message: number, node: number): boolean {
    const key = node * 2 ** 20 + message
    let over = this.spent.get(key)
    if (over === undefined) this.spent.set(key, (over = this.isSpent(message, node)))
    return over
  }

  private of(list: readonly number[]): number {
    const text = list.join()
    let number = this.numbers.get(text)
    if (number === undefined) {
      this.numbers.set(text, (number = this.lists.length))
      this.lists.push(list)
      this.parts.push([0, 1, 2].map((i) => list.filter((message) => this.targetOf(message) === i)))
    }
    return number
  }
}
