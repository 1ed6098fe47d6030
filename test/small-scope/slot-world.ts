/**
 * The world of one slot: three real nodes with their whole data path (requests, replication, takeover, catch-up, exactly
 * once), messages that are never taken away (so lost, late, doubled and in any order), disks that sync when they like,
 * crashes that lose what was not synced, and views that the world decides: every legal one, whenever it likes. What agreement
 * and leases make sure of is taken for granted here (`seat-world.ts` explores it): one view per epoch, and that a node which
 * loses a primary place without having released it has no lease any more when that view is there.
 *
 * As there, each (state of a node, event) runs the code once, and the state of the world is five small numbers: three
 * nodes, what only the observer knows, and the messages sent.
 */
import type { Proposal } from "../../src/core/view/ballot.ts"
import { applyDelta } from "../../src/core/view/delta.ts"
import type { DataMessage } from "../../src/core/node/data-message.ts"
import type { View } from "../../src/core/view/view.ts"
import { candidatesOf } from "./candidates.ts"
import type { State, Transition, World } from "./explore.ts"
import { brokenStep } from "./invariants.ts"
import { firstView, freeze, storageOf } from "./seat-steps.ts"
import type { Facts } from "./slot-facts.ts"
import { brokenAnswer, brokenState, commit, type SlotObserved } from "./slot-invariants.ts"
import { isRead, Machine, type SlotEvent } from "./slot-node.ts"
import { SlotSteps, type Step } from "./slot-steps.ts"
import { slotEpochOf, tell, tellView } from "./slot-tell.ts"
import { scopes } from "./scope.ts"
import { Names } from "./snapshot.ts"

interface Learned {
  readonly observed: number
  readonly violation: string | undefined
}

const all = [0, 1, 2]
/** For keys that name a step together with something else. */
const stepsMax = 2 ** 20
const storages = all.map(storageOf)

/** Some dozens are enough: what changes with every tick, as a counter does, makes each of them another state. */
const settleRoundsMax = 1_000

export class SlotWorld extends SlotSteps implements World {
  private readonly views = new Names()
  private readonly observed = new Names(this.views)
  private readonly sets = new Names()
  private readonly proposable = new Map<string, readonly Proposal[]>()
  private readonly learned = new Map<number, Learned>()
  private readonly lively = new Map<number, number>()
  private readonly derived = new Map<string, number>()
  private readonly checked = new Map<number, string | undefined>()

  // The world

  initial(): State {
    const { scope } = this
    const { inSync, learners, crashes, wallMs, clockStepMs } = scope
    const view = firstView({ ...scopes.duel, inSync, learners })
    for (const i of all) this.shells[i] = new Machine(scope, i, 1, view, wallMs[i] as number, [])
    const nodes = all.map((i) => this.intern(this.shells[i] as Machine))
    const clocksLeft = all.map(() => (clockStepMs > 0 ? 1 : 0))
    const observed: SlotObserved = {
      decided: [view],
      certificates: [],
      releases: [],
      log: [],
      answers: scope.requests.map(() => undefined),
      crashesLeft: crashes,
      clocksLeft,
    }
    let state: State = Int32Array.from([
      ...nodes,
      this.observed.of(freeze(observed)),
      this.sets.of(freeze([])),
    ])
    // It gets its lease, and what comes before the exploration is done by all.
    state = this.after(state, inSync[0] as number, this.adoptStep(state, inSync[0] as number, view))
    for (let k = 0; k < scope.before; k++) {
      const primary = inSync[0] as number
      const asked = this.step(state[primary] as number, `request ${k}`, { kind: "request", request: k })
      state = this.settle(this.after(state, primary, asked))
    }
    if (scope.before > 0) state[4] = this.sets.of(freeze([]))
    return state
  }

  private adoptStep(state: State, i: number, view: View): Step {
    const { decided } = this.observed.value(state[3] as number) as SlotObserved
    const hasLease = decided.at(-1)?.epoch === view.epoch
    const name = `adopt ${this.views.of(view)} ${hasLease}`
    return this.step(state[i] as number, name, { kind: "adopt", view, hasLease })
  }

  /** All disks sync, all messages arrive, all ticks come, until nothing changes. */
  private settle(from: State): State {
    let state = from
    let rounds = 0
    for (let changed = true; changed;) {
      if (++rounds > settleRoundsMax) throw new Error("nodes to which nothing happens do not come to rest")
      changed = false
      this.successors(
        state,
        ({ next, violation }) => {
          if (changed) return
          if (violation !== undefined) throw new Error(violation)
          changed = true
          state = next
        },
        true,
      )
    }
    return state
  }

  private after(state: State, i: number, step: Step): State {
    let next = state
    this.apply(
      state,
      i,
      step,
      state[3] as number,
      () => "",
      (transition) => {
        if (transition.violation !== undefined) throw new Error(transition.violation)
        next = transition.next
      },
    )
    return next
  }

  check(state: State): string | undefined {
    const observed = this.observed.value(state[3] as number) as SlotObserved
    const [a = 0, b = 0, c = 0, d = 0] = state
    // Unless there are more of them than explorations have.
    const key = ((a * 4096 + b) * 4096 + c) * 4096 + d
    const isKey = Math.max(a, b, c, d) < 4096
    if (isKey && this.checked.has(key)) return this.checked.get(key)
    const facts = all.map((i) => this.factsAt(state, i))
    const broken = brokenState(observed, facts, this.entries, this.scope.aliases)
    if (isKey) this.checked.set(key, broken)
    return broken
  }

  successors(state: State, emit: (transition: Transition) => void, quietly = false): void {
    const observed = this.observed.value(state[3] as number) as SlotObserved
    const set = this.sets.value(state[4] as number) as readonly number[]
    const newest = observed.decided.at(-1) as View
    for (const i of all) {
      const node = state[i] as number
      const facts = this.factsAt(state, i)
      const does = (
        event: SlotEvent,
        name: string,
        label: string | (() => string),
        after = state[3] as number,
      ) => {
        const text = () => `node ${i} ${typeof label === "string" ? label : label()}`
        this.apply(state, i, this.step(node, name, event), after, text, emit)
      }
      for (const number of set) {
        const message = this.messages[number] as DataMessage
        if (message.to === storages[i])
          does({ kind: "deliver", message }, `m${number}`, () => `receives ${tell(message)}`)
      }
      if (facts.ends.length > 1) does({ kind: "durable" }, "durable", "has its log on disk")
      if (facts.followers > 0) does({ kind: "tick" }, "tick", "asks where its replicas stand")
      if (quietly) continue
      if (this.scope.stalls && facts.owes) does({ kind: "stall" }, "stall", "waits for two seconds in vain")
      if (facts.role === "primary") this.requests(observed, i, does)
      for (const view of observed.decided) {
        if (view.epoch <= facts.epoch) continue
        const label = () => `node ${i} hears of view ${view.epoch}`
        this.apply(state, i, this.adoptStep(state, i, view), state[3] as number, label, emit)
      }
      if (facts.serving && this.scope.candidates.includes("handOver"))
        this.release(state, facts, observed, does)
      if ((observed.clocksLeft[i] as number) > 0) {
        const after = this.derive(state, `clock ${i}`, () => ({
          ...observed,
          clocksLeft: minusOne(observed.clocksLeft, i),
        }))
        does({ kind: "clock" }, "clock", "finds its wall clock moved on", after)
      }
      if ((observed.crashesLeft[i] as number) > 0) {
        const after = this.derive(state, `crash ${i}`, () => ({
          ...observed,
          crashesLeft: minusOne(observed.crashesLeft, i),
        }))
        facts.ends.forEach((end, k) => {
          const label = () =>
            `node ${i} crashes and restarts, ${k} of its last ${facts.ends.length - 1} records synced`
          this.apply(state, i, this.restart(node, end, facts.epoch === newest.epoch), after, label, emit)
        })
      }
    }
    if (!quietly && newest.epoch <= this.scope.viewsMax) this.decide(state, observed, newest, emit)
  }

  private requests(
    observed: SlotObserved,
    i: number,
    does: (event: SlotEvent, name: string, label: string) => void,
  ): void {
    this.scope.requests.forEach((request, k) => {
      if (request.node !== undefined && request.node !== i) return
      if (request.after !== undefined && observed.answers[request.after] === undefined) return
      const what = isRead(request) ? `a read of ${request.alias}` : `write ${request.number}`
      does({ kind: "request", request: k }, `request ${k}`, `is asked for ${what}`)
    })
  }

  private derive(state: State, what: string, make: () => SlotObserved): number {
    const key = `${state[3]} ${what}`
    let derived = this.derived.get(key)
    if (derived === undefined) this.derived.set(key, (derived = this.observed.of(freeze(make()))))
    return derived
  }

  private release(
    state: State,
    { index, epoch, boot }: Facts,
    observed: SlotObserved,
    does: (event: SlotEvent, name: string, label: string, after: number) => void,
  ): void {
    const release = { epoch, slot: 0, primary: storageOf(index), boot }
    const isKnown = observed.releases.some((other) => JSON.stringify(other) === JSON.stringify(release))
    const after = isKnown
      ? (state[3] as number)
      : this.derive(state, `release ${epoch} ${boot}`, () => ({
          ...observed,
          releases: [...observed.releases, release],
        }))
    does({ kind: "release" }, "release", `releases the slot in epoch ${epoch}`, after)
  }

  /** A next view. Whom it demotes has no lease any more. */
  private decide(
    state: State,
    observed: SlotObserved,
    newest: View,
    emit: (transition: Transition) => void,
  ): void {
    const boots = all.map((i) => this.factsAt(state, i).boot)
    const key = `${state[3]} ${boots.join()}`
    let proposals = this.proposable.get(key)
    if (proposals === undefined)
      this.proposable.set(key, (proposals = candidatesOf(newest, this.scope.candidates, observed, boots)))
    for (const { delta, evidence } of proposals) {
      const view = applyDelta(newest, delta)
      const step = brokenStep(observed, view)
      const next = state.slice()
      next[3] = this.observed.of(freeze(step.observed))
      const before = newest.slots[0]?.inSync[0]
      const isReleased = evidence.releases.some(
        ({ epoch, primary }) => epoch === newest.epoch && primary === before,
      )
      const demoted = all.find((i) => storageOf(i) === before && view.slots[0]?.inSync[0] !== before)
      if (demoted !== undefined && !isReleased)
        next[demoted] = this.step(state[demoted] as number, "demoted", { kind: "demoted" }).node
      next[4] = this.live(this.sets.value(state[4] as number) as readonly number[], [], next)
      emit({
        next,
        violation: step.violation,
        label: () => `view ${view.epoch} is decided: ${tellView(view)}`,
      })
    }
  }

  private apply(
    state: State,
    i: number,
    step: Step,
    after: number,
    label: () => string,
    emit: (transition: Transition) => void,
  ): void {
    if (step.violation !== undefined) {
      emit({ next: state, violation: step.violation, label })
      return
    }
    const { observed, violation } = this.observeOnce(step, i, after)
    const next = state.slice()
    next[i] = step.node
    next[3] = observed
    next[4] = this.liveOnce(state, i, step, next)
    if (violation === undefined && next.every((x, k) => x === state[k])) return
    emit({ next, violation, label })
  }

  private observeOnce(step: Step, i: number, after: number): Learned {
    const key = after * stepsMax + step.serial
    let known = this.learned.get(key)
    if (known === undefined) {
      const before = this.observed.value(after) as SlotObserved
      const { observed, violation } = this.observe(step, i, before)
      this.learned.set(key, (known = { observed: this.observed.of(freeze(observed)), violation }))
    }
    return known
  }

  /** The set with what the step sent, and without what its new slot epoch makes void. */
  private liveOnce(state: State, i: number, step: Step, next: State): number {
    const set = state[4] as number
    const isSameEpoch = this.factsAt(state, i).slotEpoch === this.factsAt(next, i).slotEpoch
    if (step.messages.length === 0 && isSameEpoch) return set
    const [a, b, c] = all.map((k) => this.factsAt(next, k).slotEpoch)
    const epochs = ((a ?? 0) * 8 + (b ?? 0)) * 8 + (c ?? 0)
    const key = (set * stepsMax + step.serial) * 512 + epochs
    let number = this.lively.get(key)
    if (number === undefined) {
      number = this.live(this.sets.value(set) as readonly number[], step.messages, next)
      this.lively.set(key, number)
    }
    return number
  }

  /** What the observer learns of a step. */
  private observe(
    { node, answers, certificates }: Step,
    i: number,
    before: SlotObserved,
  ): { readonly observed: SlotObserved; readonly violation: string | undefined } {
    const facts = this.facts[node] as Facts
    let observed = before
    const newest = before.decided.at(-1)?.slots[0]?.inSync ?? []
    // Who is alone in sync commits by writing, also if it only learns that when it comes back.
    const isAlone = newest.length === 1 && newest[0] === storageOf(i)
    if (facts.committed > before.log.length && !facts.isIncomplete && (facts.role === "primary" || isAlone)) {
      const committed = commit(before, facts, this.entries)
      if (committed.violation !== undefined) return committed
      observed = committed.observed
    }
    for (const { request, text } of answers) {
      const asked = this.scope.requests[request]
      if (asked === undefined || isRead(asked)) continue
      const { number = 0 } = asked
      const floors = Math.max(
        ...this.scope.requests.map(({ floor = 1, after }) =>
          after === undefined || observed.answers[after] !== undefined ? floor : 1,
        ),
      )
      const violation = brokenAnswer(observed, text, number, this.entries, floors)
      if (violation !== undefined) return { observed, violation }
      const isFirst = observed.answers[request] === undefined && isTold(text)
      if (isFirst)
        observed = { ...observed, answers: observed.answers.map((old, k) => (k === request ? text : old)) }
    }
    for (const certificate of certificates) {
      if (observed.certificates.some((other) => JSON.stringify(other) === JSON.stringify(certificate)))
        continue
      observed = { ...observed, certificates: [...observed.certificates, certificate] }
    }
    return { observed, violation: undefined }
  }

  /** The messages that can still make a difference. */
  private live(before: readonly number[], sent: readonly number[], state: State): number {
    const numbers = new Set([...before, ...sent])
    const kept = [...numbers].filter((number) => this.matters(this.messages[number] as DataMessage, state))
    return this.sets.of(freeze(kept.sort((a, b) => a - b)))
  }

  private matters({ from, to, body }: DataMessage, state: State): boolean {
    const sender = storages.indexOf(from.storageId)
    if (this.scope.cut.includes(`${sender}>${storages.indexOf(to)}`)) return false
    const slotEpoch = slotEpochOf(body)
    if (slotEpoch === undefined) return false
    const target = all.find((i) => storageOf(i) === to)
    return target !== undefined && (this.scope.late || slotEpoch >= this.factsAt(state, target).slotEpoch)
  }
}

const minusOne = (counts: readonly number[], i: number) =>
  counts.map((left, k) => (k === i ? left - 1 : left))

const isTold = (text: string) => text === "ok" || text.startsWith("ok ") || text.startsWith("alias_")
