/**
 * One step of one seat: the real code of agreement, leases and restarts run once per (state, event), its effects carried
 * out, and what it sent kept as numbers. `seat-world.ts` makes a world of three.
 */
import { propose } from "../../src/core/member/agreement.ts"
import type { Identity, MemberEffect, PeerMessage, DurableRecord } from "../../src/core/member/event.ts"
import { askForLeases } from "../../src/core/member/renewal.ts"
import { Seat, type SeatState } from "../../src/core/member/seat.ts"
import type { AcceptorState, Proposal } from "../../src/core/view/ballot.ts"
import { freezeView, type StorageId, type View } from "../../src/core/view/view.ts"
import { brokenBySend } from "./invariants.ts"
import { leaseMs, settings, type Scope } from "./scope.ts"
import { MessageSets } from "./message-sets.ts"
import { age, copy, Names, now, nowMs } from "./snapshot.ts"

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

export type NodeEvent =
  | { readonly kind: "deliver"; readonly message: PeerMessage }
  | { readonly kind: "persisted" }
  | { readonly kind: "propose"; readonly proposal: Proposal }
  | { readonly kind: "adopt"; readonly view: View }
  | { readonly kind: "crash"; readonly written: number }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "release" }
  | { readonly kind: "age" }
  | { readonly kind: "suspend" }

export interface Step {
  readonly node: number
  readonly messages: readonly number[]
  /** Whether one of them asks for acceptance. */
  readonly asks: boolean
  readonly entered: View | undefined
  readonly violation: string | undefined
}

/** A message of a newer attempt is all that a lease needs; the rest of a heartbeat is not the seat's. */
export const report = { wants: [], standing: "up", unclean: false, lagMs: 0 } as const
export const deterministic = { between: (low: number) => low }

export class SeatSteps {
  readonly scope: Scope
  protected readonly shared = new Names()
  protected readonly nodes = new Names(this.shared)
  protected readonly messages = new Names(this.shared)
  private readonly steps = new Map<number, Step>()
  protected readonly sets = new MessageSets(
    (message) => this.targetOf(message),
    (message, id) =>
      this.isSpent(this.messages.value(message) as PeerMessage, this.nodes.value(id) as Snapshot),
  )
  private readonly targets: number[] = []
  private readonly proposed: ({ readonly ballot: string; readonly value: string } | null | undefined)[] = []

  constructor(scope: Scope) {
    this.scope = scope
  }

  /** @returns the node that the message is for, -1 = none of the three */
  private targetOf(number: number): number {
    const { to } = this.messages.value(number) as PeerMessage
    return (this.targets[number] ??= [0, 1, 2].findIndex((i) => storageOf(i) === to))
  }

  /** @returns whether a ballot that carried one value before, as far as messages tell, carries another now */
  protected twoValues(sent: readonly number[], before: readonly number[]): string | undefined {
    for (const number of sent) {
      const proposed = this.proposedIn(number)
      if (proposed === undefined) continue
      for (const other of before) {
        const old = this.proposedIn(other)
        if (old !== undefined && old.ballot === proposed.ballot && old.value !== proposed.value)
          return "I4: a ballot carries two values"
      }
    }
    return undefined
  }

  /** What an `accept` asks for: instance and ballot, and the value. Other messages ask for nothing. */
  private proposedIn(number: number): { readonly ballot: string; readonly value: string } | undefined {
    let proposed = this.proposed[number]
    if (proposed === undefined) {
      const { body } = this.messages.value(number) as PeerMessage
      proposed =
        body.kind === "accept"
          ? { ballot: JSON.stringify([body.instance, body.ballot]), value: JSON.stringify(body.proposal) }
          : null
      this.proposed[number] = proposed
    }
    return proposed ?? undefined
  }

  private isSpent({ body }: PeerMessage, { seat }: Snapshot): boolean {
    if (body.kind === "heartbeat" || body.kind === "heartbeatReply") return false
    if (!("instance" in body)) return true
    if (this.scope.late) return false
    if (body.instance <= seat.view.epoch) return true
    if (this.scope.refusals || body.instance !== seat.view.epoch + 1) return false
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
  protected step(id: number, event: NodeEvent, isAging: boolean): Step {
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
        asks: false,
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
      } else if (effect.kind === "view") entered = this.canonical(effect.view)
      else if (effect.kind === "send") {
        violation ??= brokenBySend(snapshot, effect.message)
        if (this.isKept(effect)) messages.push(this.messages.of(Object.freeze(effect.message)))
      }
    }
    const asks = messages.some((number) => this.proposedIn(number) !== undefined)
    return { node: this.nodes.of(this.normal(snapshot)), messages, asks, entered, violation }
  }

  /** One object for equal views, so that they can be compared by reference. */
  private canonical(view: View): View {
    return this.shared.value(this.shared.of(view)) as View
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
  protected normal(snapshot: Snapshot): Snapshot {
    const { seat } = snapshot
    seat.history = []
    seat.finishAtMs = undefined
    seat.backOffUntilMs = 0
    seat.duelsLost = 0
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

export function write(disk: Disk, records: readonly DurableRecord[]): void {
  for (const record of records) {
    if (record.key === "view") disk.view = record.value
    else if (record.key === "acceptor") disk.acceptor = record.value
  }
}

export function storageOf(node: number): StorageId {
  return `s${node}`
}

const identities = new Map<number, Identity>()

export function identityOf(node: number, boot: number): Identity {
  const key = boot * 4 + node
  let identity = identities.get(key)
  if (identity === undefined) {
    const nodeId = String(node).padStart(64, "0")
    identity = Object.freeze({ nodeId, storageId: storageOf(node), boot, address: `n${node}:1` })
    identities.set(key, identity)
  }
  return identity
}

export function seatOf(snapshot: Snapshot): Seat {
  return new Seat(identityOf(snapshot.node, snapshot.boot), snapshot.seat, deterministic)
}

export function selfGrant(snapshot: Snapshot): PeerMessage {
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

export function firstView({ voters, inSync, learners }: Scope): View {
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
    losses: [],
  })
}

export function freeze<A extends object>(value: A): A {
  return Object.isFrozen(value) ? value : Object.freeze(value)
}

export function tell({ from, body }: PeerMessage): string {
  const ballot =
    "ballot" in body ? ` (${body.ballot.round}.${body.ballot.storageId}.${body.ballot.boot})` : ""
  const instance = "instance" in body ? ` of view ${body.instance}` : ""
  const granted = body.kind === "heartbeatReply" ? ` ${String(body.granted)}` : ""
  return `${body.kind}${instance}${ballot}${granted} from ${from.storageId}`
}
