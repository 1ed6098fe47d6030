/**
 * The world of three seats: the real code of agreement, leases and restarts (`core/member/seat.ts`), with every legal
 * proposal at every moment, messages that are never taken away (so lost, late, doubled and in any order), a disk that is
 * as slow as it likes, crashes at every point of a write, and time.
 *
 * What keeps it affordable: a seat is a deterministic machine, so each (state, event) runs the code once, and the state of
 * the world is five small numbers: three seats, the messages sent, and what only the observer knows. News of a decided
 * view are not messages here: any node may adopt any decided view at any time, which is the same and more.
 */
import { propose } from "../../src/core/member/agreement.ts"
import type { Identity, MemberEffect, PeerMessage, DurableRecord } from "../../src/core/member/event.ts"
import { askForLeases } from "../../src/core/member/renewal.ts"
import { Seat, type SeatState } from "../../src/core/member/seat.ts"
import type { AcceptorState, Proposal } from "../../src/core/view/ballot.ts"
import { freezeView, type StorageId, type View } from "../../src/core/view/view.ts"
import { candidatesOf } from "./candidates.ts"
import type { State, Transition, World } from "./explore.ts"
import { brokenBySend, brokenStep, type Observed } from "./invariants.ts"
import { leaseMs, settings, type Scope } from "./scope.ts"
import { age, copy, hasDeadline, Names, now, nowMs } from "./snapshot.ts"

export interface Disk {
  view: View
  acceptor: AcceptorState | undefined
}

export interface Snapshot {
  readonly node: number
  boot: number
  seat: SeatState
  disk: Disk
  /** Records on their way, oldest first, as in the journal. */
  writes: (readonly DurableRecord[])[]
}

type NodeEvent =
  | { readonly kind: "deliver"; readonly message: PeerMessage }
  | { readonly kind: "persisted" }
  | { readonly kind: "propose"; readonly proposal: Proposal }
  | { readonly kind: "adopt"; readonly view: View }
  | { readonly kind: "crash"; readonly written: number }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "release" }
  | { readonly kind: "age" }
  | { readonly kind: "suspend" }

interface Step {
  readonly node: number
  readonly messages: readonly number[]
  readonly entered: View | undefined
  readonly violation: string | undefined
}

/** A message of a newer attempt is all that a lease needs; the rest of a heartbeat is not the seat's. */
const report = { wants: [], standing: "up", unclean: false, lagMs: 0 } as const
const deterministic = { between: (low: number) => low }

export class SeatWorld implements World {
  readonly scope: Scope
  private readonly shared = new Names()
  private readonly nodes = new Names(this.shared)
  private readonly derived = new Map<string, number>()
  private readonly messages = new Names(this.shared)
  private readonly sets = new Names()
  private readonly observed = new Names(this.shared)
  private readonly steps = new Map<number, Step>()
  private readonly grants = new Map<number, readonly [number, number, string | undefined]>()
  private readonly serving = new Map<number, boolean>()
  private readonly timed = new Map<number, boolean>()
  private readonly pruned = new Map<number, boolean>()

  constructor(scope: Scope) {
    this.scope = scope
  }

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
    return Int32Array.from([...nodes, this.observed.of(freeze(observed)), this.sets.of([])])
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
        const message = this.messages.value(number) as PeerMessage
        if (message.to !== storageOf(i)) continue
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
    const boots = [0, 1, 2].map((k) => (this.nodes.value(state[k] as number) as Snapshot).boot)
    const after = this.derive(state, "propose", () => ({
      ...observed,
      proposalsLeft: observed.proposalsLeft - 1,
    }))
    for (const proposal of candidatesOf(view, this.scope.candidates, observed, boots)) {
      const label = () => `node ${i} proposes view ${view.epoch + 1}: ${JSON.stringify(proposal)}`
      does({ kind: "propose", proposal }, after, label)
    }
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
    const isSame =
      violation === undefined &&
      step.node === state[i] &&
      observed === this.observed.value(state[3] as number)
    if (isSame && step.messages.every((number) => set.includes(number))) return
    const next = state.slice()
    next[i] = step.node
    next[3] = this.observed.of(freeze(observed))
    next[4] = this.sets.of(this.live(step.messages.length === 0 ? set : [...set, ...step.messages], next))
    if (violation === undefined && next.every((x, k) => x === state[k])) return
    emit({ next, violation, label })
  }

  /** The messages that can still make a difference: the rest would only multiply states. */
  private live(numbers: readonly number[], state: State): number[] {
    const unique = [...new Set(numbers)].sort((a, b) => a - b)
    return unique.filter((number) => {
      const message = this.messages.value(number) as PeerMessage
      const target = [0, 1, 2].find((i) => storageOf(i) === message.to)
      if (target === undefined) return false
      const id = state[target] as number
      const key = id * 2 ** 20 + number
      let isSpent = this.pruned.get(key)
      if (isSpent === undefined) {
        isSpent = this.isSpent(message, this.nodes.value(id) as Snapshot)
        this.pruned.set(key, isSpent)
      }
      return !isSpent
    })
  }

  private isSpent({ body }: PeerMessage, { seat }: Snapshot): boolean {
    if (body.kind === "heartbeat" || body.kind === "heartbeatReply") return false
    if (!("instance" in body)) return true
    if (body.instance <= seat.view.epoch) return true
    if (this.scope.refusals || body.instance > seat.view.epoch + 1) return false
    const { attempt } = seat.proposer
    const { record } = seat.acceptor
    if (body.kind === "prepare" || body.kind === "accept") {
      return record?.instance === body.instance && body.ballot.round < record.promised.round
    }
    if (JSON.stringify(attempt?.ballot) !== JSON.stringify(body.ballot)) return true
    return body.kind === "promise" && attempt?.proposed !== undefined
  }

  /** A number for an event, without looking into it. */
  private numberOf(event: NodeEvent): number {
    switch (event.kind) {
      case "deliver":
        return this.messages.of(event.message) * 16
      case "propose":
        return this.shared.of(event.proposal) * 16 + 1
      case "adopt":
        return this.shared.of(event.view) * 16 + 2
      case "crash":
        return event.written * 16 + 3
      default:
        return 4 + ["persisted", "heartbeat", "release", "suspend", "age"].indexOf(event.kind)
    }
  }

  /** Runs the code once for each (state, event). */
  private step(id: number, event: NodeEvent, isAging: boolean): Step {
    const key = id * 2 ** 26 + this.numberOf(event) * 2 + (isAging ? 1 : 0)
    let step = this.steps.get(key)
    if (step === undefined) this.steps.set(key, (step = this.run(id, event, isAging)))
    return step
  }

  private run(id: number, event: NodeEvent, isAging: boolean): Step {
    const snapshot = copy(this.nodes.value(id) as Snapshot)
    const { node } = snapshot
    if (event.kind === "age") {
      if (isAging) age(snapshot.seat, this.scope.stepMs)
      return {
        node: isAging ? this.nodes.of(this.normal(snapshot)) : id,
        messages: [],
        entered: undefined,
        violation: undefined,
      }
    }
    let seat = seatOf(snapshot)
    let violation: string | undefined
    try {
      seat = this.perform(snapshot, seat, event)
    } catch (error) {
      violation = `an assertion fails at node ${node}: ${String(error)}`
    }
    let entered: View | undefined
    const messages: number[] = []
    for (let k = 0; k < seat.out.length; k++) {
      const effect = seat.out[k] as MemberEffect
      if (effect.kind === "persist") {
        snapshot.writes.push(effect.records)
        if (this.scope.disk === "prompt") this.perform(snapshot, seat, { kind: "persisted" })
      } else if (effect.kind === "view") entered = effect.view
      else if (effect.kind === "send") {
        violation ??= brokenBySend(snapshot, effect.message)
        if (this.isKept(effect)) messages.push(this.messages.of(Object.freeze(effect.message)))
      }
    }
    return { node: this.nodes.of(this.normal(snapshot)), messages, entered, violation }
  }

  private isKept(effect: Extract<MemberEffect, { kind: "send" }>): boolean {
    const { kind } = effect.message.body
    if (kind === "view" || kind === "deltas" || kind === "behind") return false
    return kind !== "refused" || (this.scope.refusals && effect.message.body.kind === "refused")
  }

  private perform(snapshot: Snapshot, seat: Seat, event: NodeEvent): Seat {
    switch (event.kind) {
      case "deliver":
        seat.receive(event.message, now)
        return seat
      case "persisted":
        write(snapshot.disk, snapshot.writes.shift() ?? [])
        seat.persisted(seat.state.journal.pending[0]?.token ?? 0, now)
        return seat
      case "propose":
        propose(seat, event.proposal, now)
        return seat
      case "adopt":
        seat.adopt({ view: event.view, deltas: [], spread: false }, now)
        return seat
      case "heartbeat":
        askForLeases(seat, report, now)
        return seat
      case "release":
        seat.release(0)
        return seat
      case "suspend":
        seat.state.holder.clockGapMs -= 2 * leaseMs
        return seat
      case "crash": {
        for (const records of snapshot.writes.slice(0, event.written)) write(snapshot.disk, records)
        snapshot.writes = []
        snapshot.boot++
        const { view, acceptor } = snapshot.disk
        const fresh = Seat.started(
          identityOf(snapshot.node, snapshot.boot),
          view,
          acceptor,
          now,
          deterministic,
        )
        snapshot.seat = fresh.state
        return fresh
      }
      case "age":
        return seat
    }
  }

  /** One form for states that cannot be told apart: what only decides when a node would try something is left out. */
  private normal(snapshot: Snapshot): Snapshot {
    const { seat } = snapshot
    seat.history = []
    seat.finishAtMs = undefined
    seat.backOffUntilMs = 0
    seat.askedUntilMs = 0
    const { proposer, journal } = seat
    if (proposer.attempt !== undefined) {
      proposer.attempt.resendAtMs = 0
      proposer.attempt.giveUpAtMs = 0
      proposer.attempt.promises.sort()
      proposer.attempt.acceptances.sort()
    } else if (seat.acceptor.record === undefined) proposer.round = 0
    journal.pending = journal.pending.map((pending, k) => ({ ...pending, token: k + 1 }))
    journal.nextToken = journal.pending.length + 1
    if (this.scope.leases === "none") age(seat, Infinity)
    else age(seat, 0)
    return snapshot
  }
}

function write(disk: Disk, records: readonly DurableRecord[]): void {
  for (const record of records) {
    if (record.key === "view") disk.view = record.value
    else if (record.key === "acceptor") disk.acceptor = record.value
  }
}

export function storageOf(node: number): StorageId {
  return `s${node}`
}

function identityOf(node: number, boot: number): Identity {
  return Object.freeze({
    nodeId: String(node).padStart(64, "0"),
    storageId: storageOf(node),
    boot,
    address: `n${node}:1`,
  })
}

export function seatOf(snapshot: Snapshot): Seat {
  return new Seat(identityOf(snapshot.node, snapshot.boot), snapshot.seat, deterministic)
}

function selfGrant(snapshot: Snapshot): PeerMessage {
  const storageId = storageOf(snapshot.node)
  const granted = (snapshot.seat.grantor.grantedUntilMs.get(storageId) ?? 0) > nowMs + leaseMs
  return {
    clusterId: snapshot.seat.view.clusterId,
    from: identityOf(snapshot.node, snapshot.boot),
    to: storageId,
    epoch: snapshot.seat.view.epoch,
    body: { kind: "heartbeatReply", number: 0, granted },
  }
}

function firstView({ voters, inSync, learners }: Scope): View {
  return freezeView({
    clusterId: "c",
    epoch: 1,
    members: [0, 1, 2].map((node) => {
      const { nodeId, storageId, boot, address } = identityOf(node, 1)
      return Object.freeze({ nodeId, storageId, boot, address, standing: "up", weight: 1, zone: "" } as const)
    }),
    voters: voters.map(storageOf),
    settings,
    slots: [
      Object.freeze({
        inSync: Object.freeze(inSync.map(storageOf)),
        learners: Object.freeze(learners.map(storageOf)),
        slotEpoch: 1,
      }),
    ],
  })
}

function freeze<A extends object>(value: A): A {
  return Object.isFrozen(value) ? value : Object.freeze(value)
}

function tell({ from, body }: PeerMessage): string {
  const ballot =
    "ballot" in body ? ` (${body.ballot.round}.${body.ballot.storageId}.${body.ballot.boot})` : ""
  const instance = "instance" in body ? ` of view ${body.instance}` : ""
  const granted = body.kind === "heartbeatReply" ? ` ${String(body.granted)}` : ""
  return `${body.kind}${instance}${ballot}${granted} from ${from.storageId}`
}
