/**
 * One node's membership: the small machines composed, behind `step(event, now)`. It decides which of them an event is for,
 * and what a node may do in which phase:
 *
 * - In `founding` and `joining` it is in no cluster, grants nothing and votes in view 0 only.
 * - In `rejoining` it has a view on disk but does not act on it, not even as a voter, before a majority of the voters
 *   has told this process the newest view that they know. Only so can a directory that was restored from an old copy be told: the
 *   cluster has then seen this start already.
 * - In `active` it does everything.
 *
 * What must be safe is in `seat.ts`; what is wanted is in `plan.ts`. Effects come out in the order in which they are to be
 * carried out.
 */
import { assert, unreachable } from "../lib/assert.ts"
import { cleanStopMs, heartbeatMs, listenMs, moveGatherMs } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import { viewZero } from "../view/founded.ts"
import { lossText } from "../view/loss.ts"
import { memberOf, primaryOf, type SlotAssignment, type View } from "../view/view.ts"
import { enterActive, tickActive } from "./active.ts"
import { resume } from "./agreement.ts"
import { Coordinator } from "./coordinator.ts"
import type { Identity, MemberEffect, MemberEvent, MemberOptions, Recovered, Want } from "./event.ts"
import { Finder } from "./finder.ts"
import { tickFounding } from "./founding-phase.ts"
import { Joining } from "./joining.ts"
import { isPressing, onlyMoves } from "./patience.ts"
import { Poll } from "./poll.ts"
import { receive } from "./receive.ts"
import { tickRejoining } from "./rejoining-phase.ts"
import { Roll } from "./roll.ts"
import { Seat, type Draw } from "./seat.ts"
import { heardOf } from "./spreading.ts"
import type { MemberState } from "./state.ts"

export class Member {
  readonly self: Identity
  readonly options: MemberOptions
  readonly draw: Draw
  readonly state: MemberState
  readonly finder: Finder
  readonly joining: Joining
  readonly roll: Roll
  readonly poll: Poll
  readonly coordinator: Coordinator
  seat: Seat | undefined
  out: MemberEffect[] = []

  /** @param draw randomness for back-off, and for numbers that no other process of this directory has used */
  constructor(self: Identity, options: MemberOptions, draw: Draw, state: MemberState) {
    this.self = Object.freeze(self)
    this.options = options
    this.draw = draw
    this.state = state
    this.finder = new Finder(state.finder)
    this.joining = new Joining(state.joining)
    this.roll = new Roll(state.roll)
    this.poll = new Poll(state.poll)
    this.coordinator = new Coordinator(state.coordinator)
    this.seat = state.seat === undefined ? undefined : new Seat(self, state.seat, draw)
  }

  /** A node that has not yet been given `start`. */
  static create(self: Identity, options: MemberOptions, draw: Draw, now: Now): Member {
    return new Member(self, options, draw, {
      phase: "founding",
      peers: [...new Set([self.address, ...options.bootstrappingPeers])].sort(),
      unclean: false,
      listenUntilMs: 0,
      founding: undefined,
      recordingToken: undefined,
      foundAtMs: undefined,
      entering: undefined,
      nextToken: 1,
      seat: undefined,
      finder: Finder.started(now, self.boot, draw).state,
      joining: Joining.started().state,
      answered: new Set(),
      roll: Roll.started(now, options.settings.suspectMs).state,
      poll: new Poll().state,
      coordinator: Coordinator.started(now, options.settings.repairGraceMs).state,
      wants: [],
      handOvers: [],
      handOverAtMs: 0,
      stopping: undefined,
      stopAtMs: 0,
      heartbeatAtMs: 0,
      callAtMs: 0,
      leaseUntilMs: -Infinity,
      lagMs: 0,
      said: "",
      refused: new Set(),
    })
  }

  get phase(): MemberState["phase"] {
    return this.state.phase
  }

  /** The node's view; undefined while it is in no cluster. */
  get view(): View | undefined {
    return this.seat !== undefined && this.seat.view.epoch > 0 ? this.seat.view : undefined
  }

  /** Whether a result may be answered: see `Seat.mayAnswer`. */
  mayAnswer(slot: number, now: Now): boolean {
    return this.phase === "active" && this.seat !== undefined && this.seat.mayAnswer(slot, now)
  }

  /** Whether this node is the slot's primary now, in a view that names its boot, and has not released it. */
  isPrimary(slot: number): boolean {
    return this.phase === "active" && this.seat !== undefined && this.seat.isPrimary(slot)
  }

  /** Handles one event. @returns the effects, to be carried out in order */
  step(event: MemberEvent, now: Now): readonly MemberEffect[] {
    if (this.state.phase === "stopped") return []
    this.out = []
    if (this.seat !== undefined) this.seat.out = this.out
    switch (event.kind) {
      case "start":
        this.start(event.recovered, now)
        this.tick(now)
        break
      case "message":
        receive(this, event.message, now)
        break
      case "tick":
        this.tick(now)
        break
      case "persisted":
        this.persisted(event.token, now)
        break
      case "heard":
        if (this.seat !== undefined && this.phase === "active")
          heardOf(this.seat, event.storageId, event.epoch, now)
        break
      case "wants":
        this.want(event.wants, now)
        break
      case "order":
        this.coordinator.orders.take(event.order, event.forMs, now)
        if (this.phase === "active") this.tick(now)
        break
      case "stop":
        this.state.stopping = event.how
        this.state.stopAtMs = now.monotonicMs + cleanStopMs
        this.state.heartbeatAtMs = now.monotonicMs
        break
      default:
        unreachable(event, "member event")
    }
    this.afterSeat(now)
    return this.out
  }

  private start(recovered: Recovered, now: Now): void {
    const { state } = this
    state.unclean = recovered.unclean
    if (recovered.view !== undefined) {
      const member = memberOf(recovered.view, this.self.storageId)
      if (member !== undefined && member.boot >= this.self.boot) {
        this.fail("this data directory is an old copy: its own view names a start as late as this one")
        return
      }
      state.phase = "rejoining"
      this.sit(Seat.started(this.self, recovered.view, recovered.acceptor, now, this.draw))
      return
    }
    const isAlone = state.peers.length === 1
    state.listenUntilMs = now.monotonicMs + (isAlone && !isLoopback(this.self.address) ? listenMs : 0)
    if (recovered.founding !== undefined) {
      state.founding = recovered.founding
      const zero = viewZero(recovered.founding)
      this.sit(Seat.started(this.self, zero, recovered.acceptor, now, this.draw))
    }
  }

  sit(seat: Seat): void {
    this.seat = seat
    this.state.seat = seat.state
    seat.out = this.out
  }

  /** @returns a token for a record written outside of a seat; the next seat's tokens follow it */
  takeToken(): number {
    return this.state.nextToken++
  }

  private tick(now: Now): void {
    const { state, seat } = this
    if (state.phase === "stopped") return
    if (state.stopping !== undefined && (state.phase !== "active" || now.monotonicMs >= state.stopAtMs)) {
      this.stop("stopped", state.phase === "active" ? "stops without having handed over everything" : "stops")
      return
    }
    switch (state.phase) {
      case "founding":
        tickFounding(this, now)
        break
      case "joining":
        this.tickJoining(now)
        break
      case "rejoining":
        assert(seat !== undefined, "who rejoins has a view")
        tickRejoining(this, seat, now)
        break
      case "active":
        tickActive(this, now)
        break
      default:
        unreachable(state.phase, "phase")
    }
    if (seat !== undefined && (state.phase === "founding" || state.phase === "active")) resume(seat, now)
  }

  hello(): {
    peers: readonly string[]
    settings: MemberOptions["settings"]
    weight: number
    zone: string
    founding: MemberState["founding"]
  } {
    const { settings, weight, zone } = this.options
    // What is not yet on disk is not yet recorded.
    const founding = this.state.recordingToken === undefined ? this.state.founding : undefined
    return { peers: this.view === undefined ? this.state.peers : [], settings, weight, zone, founding }
  }

  private tickJoining(now: Now): void {
    const { state, joining } = this
    if (state.entering !== undefined) return
    const known = joining.state.known?.members.map((member) => member.address) ?? []
    if (joining.isSilent(now))
      this.finder.tick(this.self, [], [...state.peers, ...known], this.hello(), now, this.out)
    const step = joining.step(this.self, now)
    if (step.kind === "fail") this.fail(step.reason)
    else if (step.kind === "enter") this.enter(step.view)
    else joining.ask(this.self, this.options.weight, this.options.zone, now, this.out)
  }

  /** A view that has this node in it: to the disk with it, then it is a member. */
  enter(view: View): void {
    const { state } = this
    if (state.entering !== undefined) return
    assert(memberOf(view, this.self.storageId) !== undefined, "a node enters a view that names it")
    state.phase = "joining"
    this.leaveSeat()
    state.entering = { token: this.takeToken(), view }
    this.out.push({ kind: "persist", token: state.entering.token, records: [{ key: "view", value: view }] })
  }

  /** Gives a seat up: that of a founding that came to nothing, or of a member that was removed. */
  leaveSeat(): void {
    if (this.seat === undefined) return
    this.state.nextToken = Math.max(this.state.nextToken, this.seat.state.journal.nextToken)
    this.seat = undefined
    this.state.seat = undefined
  }

  private persisted(token: number, now: Now): void {
    const { state } = this
    if (state.entering?.token === token) {
      const { view } = state.entering
      state.entering = undefined
      this.sit(Seat.started(this.self, view, undefined, now, this.draw, state.nextToken))
      this.out.push({ kind: "view", view, previous: undefined })
      enterActive(this, now)
    } else if (state.recordingToken === token) {
      state.recordingToken = undefined
      assert(state.founding !== undefined, "a founding was recorded")
      this.sit(Seat.started(this.self, viewZero(state.founding), undefined, now, this.draw, state.nextToken))
      state.finder.askAtMs = now.monotonicMs
      this.tick(now)
    } else this.seat?.persisted(token, now)
  }

  private want(wants: readonly Want[], now: Now): void {
    this.state.wants = wants
    const { seat } = this
    if (seat === undefined) return
    const { view } = seat
    if (onlyMoves(view) && !isPressing(view, this.self.storageId, wants)) return
    this.state.heartbeatAtMs = now.monotonicMs
    if (wants.length > 0 && !onlyMoves(view)) this.state.handOverAtMs = now.monotonicMs
    for (const want of wants) if (want.kind === "release") this.release(want)
    if (this.phase === "active") this.tick(now)
  }

  /** From here on the slot is not served in this epoch, so that the release may be shown. */
  release({ release }: Extract<Want, { kind: "release" }>): void {
    const { seat } = this
    const assignment = seat?.view.slots[release.slot] as SlotAssignment | undefined
    if (seat === undefined || assignment === undefined || release.epoch !== seat.view.epoch) return
    if (primaryOf(assignment) === this.self.storageId) seat.release(release.slot)
  }

  /** What follows from what the seat did: a view entered, a lease won or lost, the end. */
  private afterSeat(now: Now): void {
    for (let i = 0; i < this.out.length; i++) {
      const effect = this.out[i] as MemberEffect
      if (effect.kind === "startOver") this.state.phase = "stopped"
      if (effect.kind === "view" && effect.previous !== undefined && this.state.phase !== "stopped") {
        this.onView(effect.view, effect.previous, now)
      }
    }
    const until = this.phase === "active" && this.seat !== undefined ? this.seat.leaseUntilMs() : -Infinity
    if (until !== this.state.leaseUntilMs) {
      this.state.leaseUntilMs = until
      this.out.push({ kind: "lease", endMs: until })
    }
  }

  private onView(view: View, previous: View, now: Now): void {
    const { state } = this
    const member = memberOf(view, this.self.storageId)
    if (member === undefined) {
      if (state.stopping === "leave") this.stop("stopped", "has left the cluster")
      else this.joinAgain(view)
      return
    }
    if (state.phase === "rejoining" && member.boot >= this.self.boot) {
      this.fail("this data directory is an old copy: the cluster has seen a later start of it")
      return
    }
    for (const loss of view.losses.slice(previous.losses.length)) this.log("warning", lossText(loss))
    if (state.phase === "founding") enterActive(this, now)
    // Members that are the same list are the same; with a thousand, each view would else cost a walk along them.
    const sameMembers = view.members === previous.members
    const wentDown =
      !sameMembers &&
      view.members.some(
        (other) => other.standing === "down" && memberOf(previous, other.storageId)?.standing === "up",
      )
    const votes = view.voters.includes(this.self.storageId)
    const voted = previous.voters.includes(this.self.storageId) && previous.epoch > 0
    if (votes && !voted) this.roll.listen(now, view.settings.suspectMs)
    if (!sameMembers) this.roll.expect(view, previous, now)
    this.roll.tidy(view, now)
    if (this.seat !== undefined) this.coordinator.onView(this.seat, wentDown, now)
    state.handOvers = []
    state.handOverAtMs = now.monotonicMs + (onlyMoves(view) ? moveGatherMs : heartbeatMs)
    state.heartbeatAtMs = now.monotonicMs
    if (member.standing === "leaving" && memberOf(previous, this.self.storageId)?.standing !== "leaving") {
      this.beginToLeave()
    }
    if (state.stopping === "stop" && member.standing === "down") this.stop("stopped", "stops")
  }

  /** The cluster goes on without this node, which knows no other. */
  joinAgain(view: View): void {
    this.log("warning", "is no longer a member of the cluster: asks to join again")
    this.leaveSeat()
    this.state.phase = "joining"
    this.joining.bind(view)
  }

  /** The cluster was ordered to do without this node; that takes as long as it takes. */
  private beginToLeave(): void {
    if (this.state.stopping !== undefined) return
    this.state.stopping = "leave"
    this.state.stopAtMs = Infinity
    this.log("info", "is to leave the cluster: its slots move to the others first")
  }

  log(level: "info" | "warning" | "error", text: string): void {
    this.out.push({ kind: "log", level, text })
  }

  /** What the node waits for, once. */
  say(text: string): void {
    if (text === this.state.said) return
    this.state.said = text
    this.log("info", text)
  }

  fail(reason: string): void {
    this.stop("failed", reason)
  }

  private stop(outcome: "stopped" | "failed", reason: string): void {
    this.state.phase = "stopped"
    this.out.push({ kind: "stop", outcome, reason })
  }
}

function isLoopback(address: string): boolean {
  return /^(127\.|localhost:|\[::1\])/.test(address)
}
