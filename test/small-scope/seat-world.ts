/**
 * The world of three seats: the real code of agreement, leases and restarts (`core/member/seat.ts`), with every legal
 * proposal at every moment, messages that are never taken away (so lost, late, doubled and in any order), a disk that is
 * as slow as it likes, crashes at every point of a write, and time.
 *
 * What keeps it affordable: a seat is a deterministic machine, so each (state, event) runs the code once, and the state of
 * the world is five small numbers: three seats, the messages sent, and what only the observer knows. News of a decided
 * view are not messages here: any node may adopt any decided view at any time, which is the same and more.
 */
import type { PeerMessage } from "../../src/core/member/event.ts"
import { askForLeases } from "../../src/core/member/renewal.ts"
import { Seat } from "../../src/core/member/seat.ts"
import type { Proposal } from "../../src/core/view/ballot.ts"
import type { View } from "../../src/core/view/view.ts"
import { candidatesOf } from "./candidates.ts"
import type { State, Transition, World } from "./explore.ts"
import { brokenBySend, brokenStep, type Observed } from "./invariants.ts"
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
  storageOf,
  tell,
} from "./seat-steps.ts"

export class SeatWorld extends SeatSteps implements World {
  private readonly derived = new Map<string, number>()
  private readonly sets = new Names()
  private readonly observed = new Names(this.shared)
  private readonly grants = new Map<number, readonly [number, number, string | undefined]>()
  private readonly proposable = new Map<string, readonly Proposal[]>()
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
    return Int32Array.from([...nodes, this.observed.of(freeze(observed)), this.sets.of(Object.freeze([]))])
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
    const observed = this.observed.value(state[3] as number) as Observed
    const set = this.sets.value(state[4] as number) as readonly number[]
    for (let i = 0; i < 3; i++) {
      const snapshot = this.nodes.value(state[i] as number) as Snapshot
      const does = (event: NodeEvent, after: Observed, label: () => string) => {
        this.act(state, i, event, after, set, label, emit)
      }
      for (const number of set) {
        if (this.targetOf(number) !== i) continue
        const message = this.messages.value(number) as PeerMessage
        does({ kind: "deliver", message }, observed, () => `node ${i} receives ${tell(message)}`)
      }
      if (snapshot.writes.length > 0) {
        does({ kind: "persisted" }, observed, () => `node ${i} has ${snapshot.writes[0]?.[0]?.key} on disk`)
      }
      const epoch = snapshot.seat.view.epoch
      for (const view of observed.decided) {
        if (view.epoch <= epoch) continue
        does({ kind: "adopt", view }, observed, () => `node ${i} hears of view ${view.epoch}`)
      }
      this.proposals(state, i, snapshot, observed, does)
      this.evidence(state, i, snapshot, observed, does)
      this.leases(state, i, snapshot, observed, does, emit)
      if ((observed.crashesLeft[i] as number) > 0) {
        const after = this.derive(state, `crash ${i}`, () => ({
          ...observed,
          crashesLeft: observed.crashesLeft.map((left, k) => (k === i ? left - 1 : left)),
        }))
        for (let written = 0; written <= snapshot.writes.length; written++) {
          does(
            { kind: "crash", written },
            after,
            () => `node ${i} crashes, ${written} writes done, and restarts`,
          )
        }
      }
    }
    this.timePasses(state, emit)
  }

  private proposals(
    state: State,
    i: number,
    snapshot: Snapshot,
    observed: Observed,
    does: (event: NodeEvent, after: Observed, label: () => string) => void,
  ): void {
    const { view } = snapshot.seat
    if (observed.proposalsLeft === 0 || view.epoch > this.scope.viewsMax) return
    if (snapshot.seat.proposer.attempt !== undefined) return
    const after = this.derive(state, "propose", () => ({
      ...observed,
      proposalsLeft: observed.proposalsLeft - 1,
    }))
    for (const proposal of this.candidates(state, view, observed)) {
      const label = () => `node ${i} proposes view ${view.epoch + 1}: ${JSON.stringify(proposal)}`
      does({ kind: "propose", proposal }, after, label)
    }
  }

  private candidates(state: State, view: View, observed: Observed): readonly Proposal[] {
    const boots = [0, 1, 2].map((k) => (this.nodes.value(state[k] as number) as Snapshot).boot)
    const key = `${this.shared.of(view)} ${state[3]} ${boots.join()}`
    let proposals = this.proposable.get(key)
    if (proposals === undefined)
      this.proposable.set(key, (proposals = candidatesOf(view, this.scope.candidates, observed, boots)))
    return proposals
  }

  /** What the observer knows after something that he counts. */
  private derive(state: State, what: string, make: () => Observed): Observed {
    const key = `${state[3]} ${what}`
    let number = this.derived.get(key)
    if (number === undefined) this.derived.set(key, (number = this.observed.of(freeze(make()))))
    return this.observed.value(number) as Observed
  }

  /** The data path's part: a primary certifies learners and releases the slot when it likes. */
  private evidence(
    state: State,
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
        const after = this.derive(state, `certify ${JSON.stringify(certificate)}`, () => ({
          ...observed,
          certificates: [...observed.certificates, certificate],
        }))
        does({ kind: "age" }, after, () => `node ${i} certifies ${learner}`)
      }
    }
    if (this.scope.candidates.includes("handOver") && assignment.inSync.length > 1) {
      const after = this.derive(state, `release ${JSON.stringify(statement)}`, () => ({
        ...observed,
        releases: [...observed.releases, statement],
      }))
      does({ kind: "release" }, after, () => `node ${i} releases the slot in epoch ${view.epoch}`)
    }
  }

  private leases(
    state: State,
    i: number,
    snapshot: Snapshot,
    observed: Observed,
    does: (event: NodeEvent, after: Observed, label: () => string) => void,
    emit: (transition: Transition) => void,
  ): void {
    const { leases } = this.scope
    if (leases === "none" || snapshot.seat.view.slots[0]?.inSync[0] !== storageOf(i)) return
    if (observed.suspendsLeft > 0) {
      const after = this.derive(state, "suspend", () => ({
        ...observed,
        suspendsLeft: observed.suspendsLeft - 1,
      }))
      this.suspend(state, i, after, emit)
    }
    if (leases === "prompt") {
      for (let voter = 0; voter < 3; voter++) this.grant(state, i, voter, emit)
    } else if ((observed.beatsLeft[i] as number) > 0) {
      const after = this.derive(state, `beat ${i}`, () => ({
        ...observed,
        beatsLeft: observed.beatsLeft.map((left, k) => (k === i ? left - 1 : left)),
      }))
      does({ kind: "heartbeat" }, after, () => `node ${i} sends heartbeats`)
    }
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
    const holderId = state[i] as number
    const voterId = state[voter] as number
    const key = holderId * 2 ** 26 + voterId * 4 + (i === voter ? 1 : 0)
    let outcome = this.grants.get(key)
    if (outcome === undefined) this.grants.set(key, (outcome = this.runGrant(i, voter, holderId, voterId)))
    if (outcome[0] === holderId && outcome[1] === voterId) return
    const next = state.slice()
    next[i] = outcome[0]
    if (i !== voter) next[voter] = outcome[1]
    const violation = outcome[2]
    emit({ next, violation, label: () => `voter ${voter} renews the lease of node ${i}` })
  }

  private runGrant(
    i: number,
    voter: number,
    holderId: number,
    voterId: number,
  ): readonly [number, number, string | undefined] {
    const holder = copy(this.nodes.value(holderId) as Snapshot)
    const granter = i === voter ? holder : copy(this.nodes.value(voterId) as Snapshot)
    const seat = seatOf(holder)
    const other = i === voter ? seat : seatOf(granter)
    let violation: string | undefined
    // The heartbeat that this node sends itself is handled at once and is no other voter's.
    seat.holder.dropIfClockJumped(now)
    const kept = i === voter ? undefined : copy(seat.state.grantor)
    const own = i === voter ? undefined : copy(seat.state.holder.leaseUntilMs)
    askForLeases(seat, report, now)
    const sent = seat.out.filter((effect) => effect.kind === "send").map((effect) => effect.message)
    if (kept !== undefined && own !== undefined) {
      seat.state.grantor = kept
      seat.state.holder.leaseUntilMs = own
    }
    for (const message of sent) {
      if (message.to !== storageOf(voter) || i === voter) continue
      other.receive(message, now)
      for (const effect of other.out) {
        if (effect.kind !== "send" || effect.message.to !== storageOf(i)) continue
        violation ??= brokenBySend(granter, effect.message)
        new Seat(seat.self, seat.state, deterministic).receive(effect.message, now)
      }
    }
    if (i === voter) violation = brokenBySend(holder, selfGrant(holder))
    holder.seat.holder.askedUntilMs = new Map()
    holder.seat.holder.nextNumber = 1
    const first = this.nodes.of(this.normal(holder))
    return [first, i === voter ? first : this.nodes.of(this.normal(granter)), violation]
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

  private act(
    state: State,
    i: number,
    event: NodeEvent,
    after: Observed,
    set: readonly number[],
    label: () => string,
    emit: (transition: Transition) => void,
  ): void {
    const step = this.step(state[i] as number, event, false)
    let violation = step.violation
    let observed = after
    if (step.entered !== undefined) {
      const outcome = brokenStep(after, step.entered)
      violation ??= outcome.violation
      observed = outcome.observed
    }
    violation ??= this.twoValues(step.messages, set)
    const isSame =
      violation === undefined &&
      step.node === state[i] &&
      observed === this.observed.value(state[3] as number)
    if (isSame && step.messages.every((number) => set.includes(number))) return
    const next = state.slice()
    next[i] = step.node
    next[3] = this.observed.of(freeze(observed))
    next[4] = this.sets.of(Object.freeze(this.live(set, step.messages, next)))
    if (violation === undefined && next.every((x, k) => x === state[k])) return
    emit({ next, violation, label })
  }
}
