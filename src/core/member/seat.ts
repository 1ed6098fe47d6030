/**
 * The seat: everything in a node's membership on which safety rests, and nothing that decides what would be good. It
 * holds the view, the acceptor and the proposer of the next instance, the leases that it gives and those that it has, and
 * the queue of what is not yet on disk. What to propose, whom to suspect and when to try again is the business of those
 * who use it; here, whatever they ask for at whatever time must be safe. So the small-scope tests explore this class, with
 * every legal proposal at every moment.
 *
 * Two rules bind the parts together:
 *
 * - *A view counts from when it is on disk.* A decided view goes to the disk first; until then the node is in its
 *   old epoch in every respect, except that it takes no more part in the instance that it knows to be decided.
 * - *Accepting and granting exclude each other* (`lease/grantor.ts`).
 *
 * State is plain data and maps, so that it can be copied; the class adds no hidden state.
 */
import { assert } from "../lib/assert.ts"
import { viewDeltasMax } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import type { Prng } from "../lib/prng.ts"
import { Grantor, type GrantorState } from "../lease/grantor.ts"
import { Holder, type HolderState } from "../lease/holder.ts"
import { Acceptor } from "../view/acceptor.ts"
import { compareBallots, type AcceptorState } from "../view/ballot.ts"
import { applyDelta, sameList, type ViewDelta } from "../view/delta.ts"
import { isVoid } from "../view/founded.ts"
import { demotedBy } from "../view/legal.ts"
import { Proposer, type ProposerState } from "../view/proposer.ts"
import {
  memberOf,
  primaryOf,
  type Address,
  type SlotAssignment,
  type StorageId,
  type View,
  type ViewMember,
} from "../view/view.ts"
import type { Identity, MemberEffect, MessageBody, PeerMessage } from "./event.ts"
import { Journal, type Adoption, type JournalState } from "./journal.ts"
import { receiveAgreement } from "./agreement.ts"
import { receiveHeartbeat } from "./renewal.ts"
import { receiveViews } from "./spreading.ts"

export interface SeatState {
  view: View
  journal: JournalState
  acceptor: { record: AcceptorState | undefined }
  proposer: ProposerState
  grantor: GrantorState
  holder: HolderState
  /** Where members that have restarted since the view said that they are. */
  moved: Map<StorageId, { readonly boot: number; readonly address: Address }>
  /** Steps that led to the view, the newest last. */
  history: ViewDelta[]
  /** Slots whose primary this node was and has released in this epoch. */
  released: Set<number>
  /** Until then it does not ask again for a newer view that it heard of. */
  askedUntilMs: number
  /** When it takes up an instance in which it took part, if there is one. */
  finishAtMs: number | undefined
  /** In the instance in hand. */
  duelsLost: number
  /** After a lost duel it proposes nothing until then. */
  backOffUntilMs: number
}

export type Draw = Pick<Prng, "between">

export class Seat {
  readonly self: Identity
  readonly state: SeatState
  readonly draw: Draw
  readonly journal: Journal
  readonly acceptor: Acceptor
  readonly proposer: Proposer
  readonly grantor: Grantor
  readonly holder: Holder
  /** Effects of the event in hand. */
  out: MemberEffect[] = []

  constructor(self: Identity, state: SeatState, draw: Draw) {
    this.self = self
    this.state = state
    this.draw = draw
    this.journal = new Journal(state.journal)
    this.acceptor = new Acceptor(state.acceptor)
    this.proposer = new Proposer(state.proposer)
    this.grantor = new Grantor(state.grantor)
    this.holder = new Holder(state.holder)
  }

  /** A seat as it is after a start: from what is on disk, and nothing else. */
  static started(
    self: Identity,
    view: View,
    acceptor: AcceptorState | undefined,
    now: Now,
    draw: Draw,
    firstToken = 1,
  ): Seat {
    const record = acceptor !== undefined && acceptor.instance === view.epoch + 1 ? acceptor : undefined
    const grantor = Grantor.started(now.monotonicMs, view.settings.leaseMs)
    if (record?.accepted !== undefined) {
      grantor.withhold(demotedBy(view, applyDelta(view, record.accepted.delta), record.accepted.evidence))
    }
    return new Seat(
      self,
      {
        view,
        journal: { nextToken: firstToken, pending: [] },
        acceptor: { record },
        proposer: { round: record?.promised.round ?? 0, attempt: undefined },
        grantor: grantor.state,
        holder: Holder.started(now).state,
        moved: new Map(),
        history: [],
        released: new Set(),
        askedUntilMs: 0,
        finishAtMs: record === undefined ? undefined : now.monotonicMs,
        duelsLost: 0,
        backOffUntilMs: 0,
      },
      draw,
    )
  }

  get view(): View {
    return this.state.view
  }

  /** Whether a decided view is on its way to the disk: the instance in hand is over. */
  get isAdopting(): boolean {
    return this.journal.adoptingEpoch() > this.view.epoch
  }

  isVoter(): boolean {
    return this.view.voters.includes(this.self.storageId)
  }

  /** Until when the node may rely on the leases of a majority of the present view's voters. */
  leaseUntilMs(): number {
    return this.holder.untilMs(this.view.voters)
  }

  /** Whether the present view names this very process as a member: only then may it act as a primary. */
  isNamed(): boolean {
    return memberOf(this.view, this.self.storageId)?.boot === this.self.boot
  }

  /** Whether this node is the slot's primary in a view that names its present boot, and has not released it. */
  isPrimary(slot: number): boolean {
    const assignment = this.view.slots[slot]
    if (assignment === undefined || primaryOf(assignment) !== this.self.storageId) return false
    return this.isNamed() && !this.state.released.has(slot)
  }

  /**
   * Whether a result that was computed from the slot's state may be answered. To be asked *after* it was computed, with
   * clocks read anew.
   */
  mayAnswer(slot: number, now: Now): boolean {
    this.holder.dropIfClockJumped(now)
    return this.isPrimary(slot) && now.monotonicMs < this.leaseUntilMs()
  }

  /** The slot is served no more in this epoch; from here on the node's release may be shown to others. */
  release(slot: number): void {
    assert(primaryOf(this.view.slots[slot] as SlotAssignment) === this.self.storageId, "a primary releases")
    this.state.released.add(slot)
  }

  /** Handles what concerns the seat; the rest is the member's. The message is of this cluster and for this storage. */
  receive(message: PeerMessage, now: Now): void {
    if (receiveViews(this, message, now)) return
    if (receiveAgreement(this, message, now)) return
    receiveHeartbeat(this, message, now)
  }

  /** A token came back from the disk. */
  persisted(token: number, now: Now): void {
    const write = this.journal.completed(token)
    if (write === undefined) return
    if (write.adoption !== undefined) this.enter(write.adoption, now)
    for (const outgoing of write.sends) this.sendTo(outgoing.address, outgoing.to, outgoing.body, now)
  }

  /** A view is decided: to the disk with it. */
  adopt(adoption: Adoption, now: Now): void {
    if (adoption.view.epoch <= Math.max(this.view.epoch, this.journal.adoptingEpoch())) return
    this.proposer.abandon()
    if (isVoid(adoption.view)) {
      if (adoption.spread) this.spread(this.view, adoption.deltas, now)
      this.out.push({ kind: "startOver", reason: "the founding was given up: a founder's directory is gone" })
      return
    }
    this.journal.write([{ key: "view", value: adoption.view }], [], adoption, this.out)
  }

  /** The view is on disk: this is its epoch from here on. */
  private enter({ view, deltas, spread }: Adoption, now: Now): void {
    const previous = this.view
    if (view.epoch <= previous.epoch) return
    const { state } = this
    const skipped = view.epoch > previous.epoch + 1
    const others = !sameList(view.voters, previous.voters)
    state.view = view
    const steps = deltas.filter((delta) => delta.epoch > previous.epoch)
    state.history = steps.length === 0 ? [] : [...state.history, ...steps].slice(-viewDeltasMax)
    if (state.acceptor.record !== undefined && state.acceptor.record.instance <= view.epoch) {
      state.acceptor.record = undefined
    }
    state.released.clear()
    for (const [storageId, { boot }] of state.moved) {
      if (boot <= (memberOf(view, storageId)?.boot ?? boot)) state.moved.delete(storageId)
    }
    state.finishAtMs = undefined
    state.duelsLost = 0
    this.grantor.enterEpoch(skipped || others, now.monotonicMs, view.settings.leaseMs)
    this.holder.forgetOthers(view.voters)
    this.out.push({ kind: "view", view, previous })
    if (spread) this.spread(previous, steps, now)
  }

  /** The news of a decision, to all whom it concerns. Who misses it hears with the next heartbeat's answer. */
  private spread(previous: View, deltas: readonly ViewDelta[], now: Now): void {
    const founded = this.view.epoch === 1
    const body: MessageBody = founded ? { kind: "view", view: this.view } : { kind: "deltas", deltas }
    const told = new Set<StorageId>([this.self.storageId])
    for (const member of [...this.view.members, ...previous.members]) {
      if (told.has(member.storageId)) continue
      told.add(member.storageId)
      this.sendTo(member.address, member.storageId, body, now)
    }
  }

  /** Sends to a storage at its address; what is for this node itself is handled at once. */
  sendTo(address: Address, to: StorageId, body: MessageBody, now: Now): void {
    const message: PeerMessage = {
      clusterId: this.view.clusterId,
      from: this.self,
      to,
      epoch: this.view.epoch,
      body,
    }
    if (to === this.self.storageId) this.receive(message, now)
    else this.out.push({ kind: "send", address, message })
  }

  /** To a member of the present view. */
  sendToMember(storageId: StorageId, body: MessageBody, now: Now): void {
    const member = memberOf(this.view, storageId)
    if (member !== undefined) this.sendTo(this.addressOf(member), storageId, body, now)
  }

  /** Where the member was last heard from. */
  addressOf({ storageId, address }: ViewMember): Address {
    return this.state.moved.get(storageId)?.address ?? address
  }

  /**
   * A member that restarts may come back at another address, and so may most of them at once. Then no view can say so
   * before they have found each other.
   */
  heardFrom({ storageId, boot, address }: Identity): void {
    const member = memberOf(this.view, storageId)
    if (member === undefined || boot <= (this.state.moved.get(storageId)?.boot ?? member.boot)) return
    if (address !== member.address) this.state.moved.set(storageId, { boot, address })
  }

  /** As `sendTo`, but not before everything now on its way to the disk is there. */
  sendBehind(address: Address, to: StorageId, body: MessageBody, now: Now): void {
    if (!this.journal.sendBehind({ address, to, body })) this.sendTo(address, to, body, now)
  }

  /** Whether a higher promise would make an attempt of this node's futile from the start. */
  promisedAbove(): boolean {
    const attempt = this.proposer.attempt
    if (attempt === undefined) return false
    return compareBallots(this.acceptor.record(attempt.instance).promised, attempt.ballot) > 0
  }
}
