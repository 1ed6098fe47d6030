/**
 * The world of three seats: the real code of agreement, leases and restarts (`core/member/seat.ts`), with every legal
 * proposal at every moment, messages that are never taken away (so lost, late, doubled and in any order), a disk that is
 * as slow as it likes, crashes at every point of a write, and time.
 *
 * What keeps it affordable: a seat is a deterministic machine, so each (state, event) runs the code once, and the state of
 * the world is five small numbers: three seats, the messages sent, and what only the observer knows. What a node may do by itself
 * depends on few of them, so it is listed once, too. News of a decided
 * view are not messages here: any node may adopt any decided view at any time, which is the same and more.
 */
import type { PeerMessage } from "../../src/core/member/event.ts"
import { askForLeases } from "../../src/core/member/renewal.ts"
import { Seat } from "../../src/core/member/seat.ts"
import { candidatesOf } from "./candidates.ts"
import type { State, Transition, World } from "./explore.ts"
import { brokenBySend, brokenStep, type Observed } from "./invariants.ts"
import { MessageSets } from "./message-sets.ts"
import { leaseMs } from "./scope.ts"
import { age, copy, hasDeadline, Names, now } from "./snapshot.ts"
import {
  deterministic,
  firstView,
  freeze,
  identityOf,
  type NodeEvent,
  report,
  seatOf,
  SeatSteps,
  selfGrant,
  type Snapshot,
  type Step,
  storageOf,
  tell,
} from "./seat-steps.ts"

/** Something that a node may do, and what the observer knows after it. */
interface Act {
  readonly step: Step
  readonly observed: number
  readonly violation: string | undefined
  readonly label: () => string
}

/** What became of a node by a lease that was asked for: a voter has answered, or the one who asks has heard. */
interface Granted {
  readonly next: number
  /** -1 = none. */
  readonly reply: number
  readonly violation: string | undefined
}

export class SeatWorld extends SeatSteps implements World {
  private readonly acts = new Map<number, readonly Act[]>()
  private readonly entries = new Map<
    number,
    { readonly observed: number; readonly violation: string | undefined }
  >()
  private readonly next = new Int32Array(5)
  private readonly observed = new Names(this.shared)
  private readonly questions = new Map<number, number>()
  private readonly answers = new Map<number, Granted>()
  private readonly heard = new Map<number, Granted>()
  private readonly own = new Map<number, Granted>()
  private readonly serving = new Map<number, boolean>()
  private readonly timed = new Map<number, boolean>()

  initial(): State {
    const view = firstView(this.scope)
    const nodes = [0, 1, 2].map((node) => {
      const seat = Seat.started(identityOf(node, 1), view, undefined, now, deterministic)
      // The cluster has run for a while: nobody reckons with leases that were never given.
      age(seat.state, 100 * this.scope.stepMs)
      const snapshot = { node, boot: 1, seat: seat.state, disk: { view, acceptor: undefined }, writes: [] }
      return this.nodes.of(this.normal(snapshot))
    })
    const { proposalsMax, crashes, suspends, leases } = this.scope
    const beats = typeof leases === "object" ? leases.slow : 0
    const observed: Observed = {
      decided: [view],
      certificates: [],
      releases: [],
      proposalsLeft: proposalsMax,
      crashesLeft: crashes,
      beatsLeft: [beats, beats, beats],
      suspendsLeft: suspends,
      certified: 0,
    }
    return Int32Array.from([...nodes, this.observed.of(freeze(observed)), MessageSets.none])
  }

  check(state: State): string | undefined {
    const serving = [0, 1, 2].filter((i) => this.mayAnswer(state[i] as number))
    for (const i of serving) {
      const { boot, seat } = this.nodes.value(state[i] as number) as Snapshot
      const named = seat.view.members.find((member) => member.storageId === storageOf(i))?.boot
      if (named !== boot) return `I28: node ${i} may answer as boot ${boot}, its view names ${named}`
    }
    if (serving.length > 1) return `I6: nodes ${serving.join(" and ")} may both answer`
    return undefined
  }

  successors(state: State, emit: (transition: Transition) => void): void {
    const observed = state[3] as number
    for (let i = 0; i < 3; i++) {
      const id = state[i] as number
      for (const number of this.sets.for(state[4] as number, i)) {
        const message = this.messages.value(number) as PeerMessage
        const step = this.step(id, { kind: "deliver", message }, false)
        this.take(state, i, this.entering(step, observed), () => `node ${i} receives ${tell(message)}`, emit)
      }
      for (const act of this.actsOf(state, i)) this.take(state, i, act, act.label, emit)
      this.leases(state, i, emit)
    }
    this.timePasses(state, emit)
  }

  /** What node i may do by itself. That depends on its state, on what the observer counts, and on everybody's boot. */
  private actsOf(state: State, i: number): readonly Act[] {
    const boots = [0, 1, 2].map((k) => (this.nodes.value(state[k] as number) as Snapshot).boot)
    const packed = boots.reduce((all, boot) => all * 8 + boot, state[3] as number)
    const key = (state[i] as number) * 2 ** 26 + packed
    let acts = this.acts.get(key)
    if (acts === undefined) {
      this.acts.set(key, (acts = this.listActs(state[i] as number, i, state[3] as number, boots)))
    }
    return acts
  }

  private listActs(id: number, i: number, known: number, boots: readonly number[]): readonly Act[] {
    const acts: Act[] = []
    const observed = this.observed.value(known) as Observed
    const snapshot = this.nodes.value(id) as Snapshot
    const does = (event: NodeEvent, after: Observed, label: () => string) => {
      const step = this.step(id, event, false)
      acts.push({ ...this.entering(step, this.observed.of(freeze(after))), label })
    }
    if (snapshot.writes.length > 0) {
      does({ kind: "persisted" }, observed, () => `node ${i} has ${snapshot.writes[0]?.[0]?.key} on disk`)
    }
    const { view } = snapshot.seat
    for (const other of observed.decided) {
      if (other.epoch <= view.epoch) continue
      does({ kind: "adopt", view: other }, observed, () => `node ${i} hears of view ${other.epoch}`)
    }
    const mayPropose = observed.proposalsLeft > 0 && view.epoch <= this.scope.viewsMax
    if (mayPropose && snapshot.seat.proposer.attempt === undefined) {
      const after = { ...observed, proposalsLeft: observed.proposalsLeft - 1 }
      for (const proposal of candidatesOf(view, this.scope.candidates, observed, boots)) {
        const label = () => `node ${i} proposes view ${view.epoch + 1}: ${JSON.stringify(proposal)}`
        does({ kind: "propose", proposal }, after, label)
      }
    }
    this.evidence(i, snapshot, observed, does)
    if (
      typeof this.scope.leases === "object" &&
      isPrimary(snapshot, i) &&
      (observed.beatsLeft[i] as number) > 0
    ) {
      const after = { ...observed, beatsLeft: lessOne(observed.beatsLeft, i) }
      does({ kind: "heartbeat" }, after, () => `node ${i} sends heartbeats`)
    }
    if ((observed.crashesLeft[i] as number) > 0) {
      const after = { ...observed, crashesLeft: lessOne(observed.crashesLeft, i) }
      for (let written = 0; written <= snapshot.writes.length; written++) {
        const label = () => `node ${i} crashes, ${written} writes done, and restarts`
        does({ kind: "crash", written }, after, label)
      }
    }
    return acts
  }

  /** What follows from a view that the step entered, if it did. */
  private entering(step: Step, known: number): Omit<Act, "label"> {
    const { entered, violation } = step
    if (entered === undefined) return { step, observed: known, violation }
    const key = known * 2 ** 20 + this.shared.of(entered)
    let entry = this.entries.get(key)
    if (entry === undefined) {
      const outcome = brokenStep(this.observed.value(known) as Observed, entered)
      entry = { observed: this.observed.of(freeze(outcome.observed)), violation: outcome.violation }
      this.entries.set(key, entry)
    }
    return { step, observed: entry.observed, violation: violation ?? entry.violation }
  }

  /** The data path's part: a primary certifies learners and releases the slot when it likes. */
  private evidence(
    i: number,
    snapshot: Snapshot,
    observed: Observed,
    does: (event: NodeEvent, after: Observed, label: () => string) => void,
  ): void {
    const { view } = snapshot.seat
    const assignment = view.slots[0]
    if (assignment === undefined || !seatOf(snapshot).isPrimary(0)) return
    const statement = { epoch: view.epoch, slot: 0, primary: storageOf(i), boot: snapshot.boot }
    if (this.scope.candidates.includes("promote")) {
      for (const learner of assignment.learners) {
        const certificate = { ...statement, learner }
        if (observed.certificates.some((other) => JSON.stringify(other) === JSON.stringify(certificate)))
          continue
        const after = { ...observed, certificates: [...observed.certificates, certificate] }
        does({ kind: "age" }, after, () => `node ${i} certifies ${learner}`)
      }
    }
    if (this.scope.candidates.includes("handOver") && assignment.inSync.length > 1) {
      const after = { ...observed, releases: [...observed.releases, statement] }
      does({ kind: "release" }, after, () => `node ${i} releases the slot in epoch ${view.epoch}`)
    }
  }

  private leases(state: State, i: number, emit: (transition: Transition) => void): void {
    const { leases, suspends } = this.scope
    if (leases === "none" || !isPrimary(this.nodes.value(state[i] as number) as Snapshot, i)) return
    if (suspends > 0) {
      const observed = this.observed.value(state[3] as number) as Observed
      const after = { ...observed, suspendsLeft: observed.suspendsLeft - 1 }
      if (observed.suspendsLeft > 0) this.suspend(state, i, after, emit)
    }
    if (leases === "prompt") for (let voter = 0; voter < 3; voter++) this.grant(state, i, voter, emit)
  }

  /** The node and its monotonic clock stand still for two leases; for the others, time passes. */
  private suspend(state: State, i: number, after: Observed, emit: (transition: Transition) => void): void {
    const next = state.slice()
    next[i] = this.step(state[i] as number, { kind: "suspend" }, false).node
    next[3] = this.observed.of(freeze(after))
    for (let passed = 0; passed < 2 * leaseMs; passed += this.scope.stepMs) {
      for (let k = 0; k < 3; k++) {
        if (k !== i) next[k] = this.step(next[k] as number, { kind: "age" }, true).node
      }
    }
    emit({ next, violation: undefined, label: () => `node ${i} is suspended for two leases and wakes` })
  }

  /** Question and answer in no time, from and to one voter. */
  private grant(state: State, i: number, voter: number, emit: (transition: Transition) => void): void {
    const holder = state[i] as number
    const asked =
      i === voter ? undefined : this.answerTo(state[voter] as number, this.questionOf(holder, voter))
    const node = asked === undefined ? this.grantedItself(holder) : this.hears(holder, asked.reply)
    if (node.next === holder && (asked === undefined || asked.next === state[voter])) return
    const next = state.slice()
    next[i] = node.next
    if (asked !== undefined) next[voter] = asked.next
    const violation = node.violation ?? asked?.violation
    emit({ next, violation, label: () => `voter ${voter} renews the lease of node ${i}` })
  }

  /** The heartbeat for another voter; -1 where it is none. */
  private questionOf(id: number, voter: number): number {
    return this.once(this.questions, id * 4 + voter, () => {
      const seat = seatOf(copy(this.nodes.value(id) as Snapshot))
      askForLeases(seat, report, now)
      for (const effect of seat.out) {
        if (effect.kind === "send" && effect.message.to === storageOf(voter))
          return this.messages.of(Object.freeze(effect.message))
      }
      return -1
    })
  }

  private answerTo(id: number, question: number): Granted {
    return this.once(this.answers, id * 2 ** 20 + question + 1, () => {
      if (question === -1) return { next: id, reply: -1, violation: undefined }
      const voter = copy(this.nodes.value(id) as Snapshot)
      const seat = seatOf(voter)
      seat.receive(this.messages.value(question) as PeerMessage, now)
      let reply = -1
      let violation: string | undefined
      for (const effect of seat.out) {
        // News of a view is heard as an event of its own, with the disk that it takes.
        if (effect.kind !== "send" || effect.message.body.kind !== "heartbeatReply") continue
        violation ??= brokenBySend(voter, effect.message)
        reply = this.messages.of(Object.freeze(effect.message))
      }
      return { next: this.nodes.of(this.normal(voter)), reply, violation }
    })
  }

  /** It has asked, and this came back; the heartbeat that it sends itself is handled at once and is no other voter's. */
  private hears(id: number, reply: number): Granted {
    return this.once(this.heard, id * 2 ** 20 + reply + 1, () => {
      const holder = copy(this.nodes.value(id) as Snapshot)
      const seat = seatOf(holder)
      seat.holder.dropIfClockJumped(now)
      const kept = copy(seat.state.grantor)
      const own = copy(seat.state.holder.leaseUntilMs)
      askForLeases(seat, report, now)
      seat.state.grantor = kept
      seat.state.holder.leaseUntilMs = own
      const asker = new Seat(seat.self, seat.state, deterministic)
      if (reply !== -1) asker.receive(this.messages.value(reply) as PeerMessage, now)
      return { next: this.afterAsking(holder), reply, violation: undefined }
    })
  }

  private grantedItself(id: number): Granted {
    return this.once(this.own, id, () => {
      const holder = copy(this.nodes.value(id) as Snapshot)
      const seat = seatOf(holder)
      askForLeases(seat, report, now)
      const violation = brokenBySend(holder, selfGrant(holder))
      return { next: this.afterAsking(holder), reply: -1, violation }
    })
  }

  private afterAsking(holder: Snapshot): number {
    holder.seat.holder.askedUntilMs = new Map()
    holder.seat.holder.nextNumber = 1
    return this.nodes.of(this.normal(holder))
  }

  private once<Known>(known: Map<number, Known>, key: number, make: () => Known): Known {
    let value = known.get(key)
    if (value === undefined) known.set(key, (value = make()))
    return value
  }

  private timePasses(state: State, emit: (transition: Transition) => void): void {
    if (![0, 1, 2].some((i) => this.hasTime(state[i] as number))) return
    const next = state.slice()
    for (let i = 0; i < 3; i++) next[i] = this.step(state[i] as number, { kind: "age" }, true).node
    emit({ next, violation: undefined, label: () => "time passes" })
  }

  private hasTime(id: number): boolean {
    let timed = this.timed.get(id)
    if (timed === undefined) {
      const { grantor, holder } = (this.nodes.value(id) as Snapshot).seat
      this.timed.set(id, (timed = hasDeadline(grantor) || hasDeadline(holder)))
    }
    return timed
  }

  private mayAnswer(id: number): boolean {
    let may = this.serving.get(id)
    if (may === undefined) {
      const snapshot = copy(this.nodes.value(id) as Snapshot)
      may = seatOf(snapshot).mayAnswer(0, now)
      this.serving.set(id, may)
    }
    return may
  }

  private take(
    state: State,
    i: number,
    { step, observed, violation }: Omit<Act, "label">,
    label: () => string,
    emit: (transition: Transition) => void,
  ): void {
    const { next } = this
    next.set(state)
    next[i] = step.node
    next[3] = observed
    const set = state[4] as number
    next[4] = this.sets.after(set, i, next, step.messages)
    const broken = violation ?? (step.asks ? this.twoValues(step.messages, this.sets.list(set)) : undefined)
    const isSame = next[i] === state[i] && next[3] === state[3] && next[4] === set
    if (isSame && broken === undefined) return
    emit({ next, violation: broken, label })
  }
}

function isPrimary({ seat }: Snapshot, i: number): boolean {
  return seat.view.slots[0]?.inSync[0] === storageOf(i)
}

function lessOne(counts: readonly number[], i: number): readonly number[] {
  return counts.map((count, k) => (k === i ? count - 1 : count))
}
