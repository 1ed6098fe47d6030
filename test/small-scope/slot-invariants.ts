/**
 * What must hold of one slot, in words of its own: of the nodes it knows what is on their disks, what they have applied and
 * what they would answer; of the whole, what was ever committed.
 */
import type { Observed } from "./invariants.ts"
import { contentText, type Entries, type Facts, type History, lastOf } from "./slot-facts.ts"
import { storageOf } from "./seat-steps.ts"

/** What the observer of a run knows and no node does. */
export interface SlotObserved extends Pick<Observed, "decided" | "certificates" | "releases"> {
  /** All that was ever committed, in order. */
  readonly log: readonly number[]
  /** First answers, by request. */
  readonly answers: readonly (string | undefined)[]
  readonly crashesLeft: readonly number[]
  readonly clocksLeft: readonly number[]
}

/** A node has committed up to `facts.committed`. */
export function commit(
  observed: SlotObserved,
  facts: Facts,
  entries: Entries,
): { readonly observed: SlotObserved; readonly violation: string | undefined } {
  const { history, committed, index } = facts
  const log = [...observed.log]
  for (let sequence = history.base + 1; sequence <= committed; sequence++) {
    const number = history.entries[sequence - history.base - 1] as number
    const entry = entries.at(number)
    const there = log[sequence - 1]
    if (there === number) continue
    if (there !== undefined)
      return { observed, violation: `I7: node ${index} commits another entry as ${sequence}` }
    if (entry.number !== 0 && log.some((other) => entries.at(other).number === entry.number))
      return { observed, violation: `I13: write ${entry.number} has taken effect twice` }
    const before = log.length === 0 ? undefined : entries.at(log.at(-1) as number)
    if (before !== undefined && before.clockMs > entry.clockMs)
      return { observed, violation: `I17: the slot's clock goes back at ${sequence}` }
    log.push(number)
  }
  return {
    observed: log.length === observed.log.length ? observed : { ...observed, log },
    violation: undefined,
  }
}

/** Answers that say nothing of the entry: the client comes again. */
const comesAgain = new Set(["unstable_cluster", "wrong_node", "in_doubt", "timeout", "overloaded"])

/** A write's answer: is it what its record says, and what the first one said? */
export function brokenAnswer(
  observed: SlotObserved,
  text: string,
  number: number,
  entries: Entries,
  floors: number,
): string | undefined {
  if (comesAgain.has(text)) return undefined
  if (text === "stale_request")
    return number < floors ? undefined : `I13: write ${number} is refused as answered, and was not`
  const committed = observed.log.map((each) => entries.at(each)).find((entry) => entry.number === number)
  if (committed === undefined) return `I5/I10: write ${number} is answered "${text}" and not committed`
  return committed.answer === text
    ? undefined
    : `I13: write ${number} is answered "${text}", its record says "${committed.answer}"`
}

export const isServing = (probe: string): boolean => probe !== "turned away"

export function brokenState(
  observed: SlotObserved,
  nodes: readonly Facts[],
  entries: Entries,
  aliases: readonly string[],
): string | undefined {
  const { log, decided } = observed
  const view = decided.at(-1)
  const serving = nodes.filter((facts) => facts.probe.some(isServing))
  if (serving.length > 1)
    return `I6/I18: nodes ${serving.map((facts) => facts.index).join(" and ")} both serve`
  for (const facts of serving) {
    const own = decided.find((other) => other.epoch === facts.epoch)
    const named = own?.members.find((member) => member.storageId === storageOf(facts.index))?.boot
    if (named !== facts.boot)
      return `I28: node ${facts.index} serves as boot ${facts.boot}, its view names ${named}`
    const state = entries.state(log)
    for (let i = 0; i < aliases.length; i++) {
      const entry = state.get(aliases[i] as string)
      const truth = entry === undefined ? "alias_not_found" : `ok ${entry.content}`
      const told = facts.probe[i] as string
      if (told === "waits" || told === truth) continue
      const rests = entry !== undefined && told === "alias_not_found" && entry.expiresAtMs !== 0
      if (rests) return `I17: node ${facts.index} calls expired what no removal in the log says`
      return `I6/I10/I16: node ${facts.index} answers "${told}" where "${truth}" is committed`
    }
  }
  for (const facts of nodes) {
    const broken = brokenCopy(facts, known(facts, nodes, observed), entries)
    if (broken !== undefined) return broken
  }
  for (const facts of nodes) {
    if (view?.slots[0]?.inSync.includes(storageOf(facts.index)) !== true) continue
    if (lastOf(facts.durable) < log.length)
      return `I7/I8/I11/I14: node ${facts.index}, in sync in view ${view.epoch}, has ${lastOf(facts.durable)} on disk of ${log.length} committed`
    if (!isPrefix(facts.durable, log, entries))
      return `I7/I8/I14: node ${facts.index}, in sync in view ${view.epoch}, has another log than was committed`
  }
  return differing(nodes, entries)
}

/**
 * What was committed, and what `facts` holds behind it if all that are in sync have the same on disk: nobody can lose that
 * any more, so a node that wrote it alone may take it for committed when it comes back.
 */
function known(facts: Facts, nodes: readonly Facts[], { log, decided }: SlotObserved): readonly number[] {
  const { committed, history } = facts
  if (facts.isIncomplete || committed <= log.length || history.base > log.length) return log
  const inSync = decided.at(-1)?.slots[0]?.inSync ?? []
  const more: number[] = []
  for (let sequence = log.length + 1; sequence <= committed; sequence++) {
    const number = history.entries[sequence - history.base - 1] as number
    const holds = ({ index, durable }: Facts) =>
      !inSync.includes(storageOf(index)) || durable.entries[sequence - durable.base - 1] === number
    if (!nodes.every(holds)) break
    more.push(number)
  }
  return [...log, ...more]
}

/** What one node counts as committed. */
function brokenCopy(facts: Facts, log: readonly number[], entries: Entries): string | undefined {
  const { index, committed, history, isIncomplete } = facts
  if (isIncomplete) return undefined
  if (committed > log.length) return `I10: node ${index} counts ${committed} committed, ${log.length} are`
  const own = { ...history, entries: history.entries.slice(0, Math.max(0, committed - history.base)) }
  if (!isPrefix(own, log.slice(0, committed), entries))
    return `I7/I9: node ${index} counts another entry committed than was`
  const truth = contentText(entries.state(log, committed).values())
  if (facts.content !== truth)
    return `I10/I19: node ${index} holds "${facts.content}" at ${committed}, where "${truth}" is committed`
  return undefined
}

/** Whether the log holds all of `log`. */
function isPrefix(
  { base, baseEpoch, entries: own }: History,
  log: readonly number[],
  entries: Entries,
): boolean {
  const atBase = log[base - 1]
  if (base > log.length) return false
  if (atBase !== undefined && entries.at(atBase).slotEpoch !== baseEpoch) return false
  for (let sequence = Math.max(0, base) + 1; sequence <= log.length; sequence++)
    if (own[sequence - base - 1] !== log[sequence - 1]) return false
  return true
}

function differing(nodes: readonly Facts[], entries: Entries): string | undefined {
  for (const a of nodes) {
    for (const b of nodes) {
      if (b.index <= a.index) continue
      const last = Math.min(lastOf(a.history), lastOf(b.history))
      for (let sequence = Math.max(a.history.base, b.history.base, 0) + 1; sequence <= last; sequence++) {
        const first = a.history.entries[sequence - a.history.base - 1] as number
        const second = b.history.entries[sequence - b.history.base - 1] as number
        if (first !== second && entries.at(first).slotEpoch === entries.at(second).slotEpoch)
          return `I9: nodes ${a.index} and ${b.index} hold different entries ${sequence} of one slot epoch`
      }
    }
  }
  return undefined
}
