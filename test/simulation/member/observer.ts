/**
 * Watches a world of members. Local invariants are judged where they could break: at each message that leaves, against
 * what is on the sender's disk at that moment; at each change of a disk. Who may answer for a slot (I6) is judged over all
 * machines whenever a lease, a view or a process changed, by asking each as a request that arrives just then would.
 */
import type { PeerMessage } from "../../../src/core/member/event.ts"
import { compareBallots } from "../../../src/core/view/ballot.ts"
import { applyDelta } from "../../../src/core/view/delta.ts"
import { viewZero } from "../../../src/core/view/founded.ts"
import type { View } from "../../../src/core/view/view.ts"
import { Violation } from "../violation.ts"
import type { Checks, Coverage } from "../violation.ts"
import type { Machine, Observer } from "../machine.ts"
import type { MemberContents } from "./contents.ts"
import { ballotKey, Ledger, viewText } from "./ledger.ts"
import type { Chosen } from "./ledger.ts"
import type { MemberLogic } from "./logic.ts"

type MemberMachine = Machine<MemberContents>

export class MemberObserver implements Observer<MemberContents> {
  readonly ledger: Ledger
  /** Machines that run on an old copy of their directory, which must be found out. */
  readonly oldCopies = new Set<number>()
  /** Storages that were founded through the one list of this run. */
  listFounds = false
  private readonly checks: Checks
  private readonly coverage: Coverage
  private machines: readonly MemberMachine[] = []
  private nowMs: () => number = () => 0
  private readonly seen = new Map<number, MemberContents>()
  /** The newest epoch of each heartbeat that was sent, by sender and number. */
  private readonly heartbeats = new Map<string, Map<number, number>>()
  private readonly clusterOfStorage = new Map<string, string>()
  private readonly founded = new Set<string>()
  private readonly refusedThenAccepted = new Set<string>()
  private serving: Uint8Array = new Uint8Array(0)

  constructor(checks: Checks, coverage: Coverage) {
    this.checks = checks
    this.coverage = coverage
    this.ledger = new Ledger(checks, coverage, (chosen) => this.onChosen(chosen))
  }

  attach(machines: readonly MemberMachine[], nowMs: () => number): void {
    this.machines = machines
    this.nowMs = nowMs
  }

  // What is on a disk

  durable(machine: MemberMachine): void {
    const contents = machine.disk.durable
    const before = this.seen.get(machine.index)
    if (before === contents) return
    this.seen.set(machine.index, contents)
    const same = before?.storageId === contents.storageId ? before : undefined
    const copied = this.oldCopies.has(machine.index)
    if (same?.founding !== contents.founding) this.ledger.founded(contents)
    if (contents.view !== undefined && contents.view !== same?.view) {
      const { view } = contents
      if (!copied) {
        const again = same?.view !== undefined && viewText(same.view) === viewText(view)
        this.checks.that("I3", again || same?.view === undefined || same.view.epoch < view.epoch, () => {
          return `${contents.storageId} went from epoch ${same?.view?.epoch} to ${view.epoch}`
        })
        const cluster = this.clusterOfStorage.get(contents.storageId)
        this.checks.that("I20", cluster === undefined || cluster === view.clusterId, () => {
          return `${contents.storageId} of cluster ${cluster} took a view of ${view.clusterId}`
        })
        this.clusterOfStorage.set(contents.storageId, view.clusterId)
      }
      this.ledger.decided(view)
      if (view.epoch === 1) this.onFounded(view)
    }
    if (contents.acceptor !== same?.acceptor) this.onAcceptor(contents)
    // The newest directory, which will be put back, has not seen what the copy hears before it is found out.
    if (copied && before !== undefined && before.storageId === contents.storageId) {
      this.seen.set(machine.index, { ...contents, view: undefined })
    }
  }

  /**
   * A founder gives its directory up. Where view 1 was chosen it may not, lest the cluster lose a voter by its own doing;
   * unless a majority of the founders' directories is gone already, when nobody can know.
   */
  startingOver(machine: MemberMachine): void {
    const contents = machine.disk.durable
    const founders = contents.founding?.founders ?? []
    const left = founders.filter((founder) =>
      this.machines.some((other) => other.disk.durable.storageId === founder.storageId),
    )
    this.checks.that("I30", left.length * 2 <= founders.length || !this.ledger.isFounded(contents), () => {
      return `n${machine.index} starts over, though view 1 of its founding is chosen`
    })
  }

  private onFounded(view: View): void {
    this.founded.add(view.clusterId)
    this.coverage.count(view.members.length > 1 ? "founded by a list" : "founded alone")
    this.checks.that("I30", !this.listFounds || this.founded.size === 1, () => {
      return `one list founded ${[...this.founded].join(" and ")}`
    })
  }

  private onAcceptor(contents: MemberContents): void {
    const { acceptor, storageId } = contents
    if (acceptor?.acceptedBallot === undefined || acceptor.accepted === undefined) return
    const clusterId = clusterOf(contents)
    if (clusterId === undefined) return
    const { instance, acceptedBallot, accepted } = acceptor
    this.ledger.accepted(clusterId, instance, storageId, acceptedBallot, accepted)
    if (this.refusedThenAccepted.has(`${storageId} ${instance}`))
      this.coverage.count("voter refused and later accepted")
  }

  // What leaves a machine

  sending(machine: MemberMachine, sent: unknown): void {
    const message = sent as PeerMessage
    const { body, from } = message
    const contents = machine.disk.durable
    const epoch = contents.view?.epoch ?? 0
    this.checks.that("I4", from.storageId === contents.storageId && from.boot === contents.boot, () => {
      return `n${machine.index} speaks as ${from.storageId} boot ${from.boot}, it is ${contents.storageId} boot ${contents.boot}`
    })
    // A node that asks to join follows the cluster's views from outside, and is in no epoch.
    this.checks.that("I3", message.epoch <= epoch || body.kind === "join", () => {
      return `n${machine.index} sends ${body.kind} of epoch ${message.epoch}, on its disk is ${epoch}`
    })
    switch (body.kind) {
      case "promise":
      case "accepted":
        return this.judgeVote(machine, message, contents)
      case "accept":
        return this.ledger.proposed(message.clusterId, body.instance, body.ballot, body.proposal)
      case "heartbeat": {
        let sent = this.heartbeats.get(from.storageId)
        if (sent === undefined) this.heartbeats.set(from.storageId, (sent = new Map()))
        sent.set(body.number, Math.max(message.epoch, sent.get(body.number) ?? 0))
        return
      }
      case "heartbeatReply":
        return this.judgeGrant(machine, message, contents)
      case "refused":
        if (!body.waits) return this.coverage.count("ballot refused")
        this.coverage.count("voter waits for a lease")
        this.refusedThenAccepted.add(`${from.storageId} ${body.instance}`)
        return
      case "refusal":
        return this.coverage.count(`refusal: ${body.reason}`)
      case "poll":
        return this.coverage.count("eviction polled")
      case "view":
        return this.coverage.count("view told whole")
      default:
    }
  }

  /** I4: durable before the reply, and the whole truth. */
  private judgeVote(machine: MemberMachine, message: PeerMessage, contents: MemberContents): void {
    const { body, clusterId, from } = message
    if (body.kind !== "promise" && body.kind !== "accepted") return
    this.checks.that("I4", !this.oldCopies.has(machine.index), () => {
      return `n${machine.index} votes (${body.kind}) from an old copy of its directory`
    })
    const { acceptor } = contents
    const epoch = contents.view?.epoch ?? 0
    const over = epoch >= body.instance
    const holds =
      acceptor !== undefined &&
      acceptor.instance === body.instance &&
      compareBallots(acceptor.promised, body.ballot) >= 0
    this.checks.that("I4", over || holds, () => {
      return `n${machine.index} sends ${body.kind} for ${ballotKey(body.ballot)} of ${body.instance}; on its disk: ${JSON.stringify(acceptor)}`
    })
    const ballots = this.ledger.acceptedBallots(clusterId, body.instance, from.storageId)
    if (body.kind === "accepted") {
      this.checks.that(
        "I4",
        ballots.some((ballot) => compareBallots(ballot, body.ballot) === 0),
        () => {
          return `n${machine.index} says accepted for ${ballotKey(body.ballot)} of ${body.instance}, which is not on its disk`
        },
      )
      return
    }
    const below = ballots.filter((ballot) => compareBallots(ballot, body.ballot) < 0)
    const highest = below.reduce<(typeof below)[number] | undefined>(
      (a, b) => (a === undefined || compareBallots(a, b) < 0 ? b : a),
      undefined,
    )
    const told =
      highest === undefined ||
      (body.acceptedBallot !== undefined && compareBallots(body.acceptedBallot, highest) >= 0)
    this.checks.that("I4", told, () => {
      return `n${machine.index} promises ${ballotKey(body.ballot)} of ${body.instance} without telling of ${ballotKey(highest!)}`
    })
  }

  /** I29, and that a voter grants to its own epoch only. */
  private judgeGrant(machine: MemberMachine, message: PeerMessage, contents: MemberContents): void {
    const { body, to, epoch } = message
    if (body.kind !== "heartbeatReply" || !body.granted) return
    const { view, acceptor } = contents
    if (view === undefined) throw new Violation("I29", `n${machine.index} grants without a view`)
    // The number may have been used in several boots; the voter answered one of them.
    const asked = this.heartbeats.get(to)?.get(body.number)
    this.checks.that("I6", asked === undefined || asked >= epoch, () => {
      return `n${machine.index} in epoch ${epoch} grants a lease to ${to}, which asked in epoch ${asked}`
    })
    // What it accepted last counts, be it still on its way to the disk: it exists because a majority has promised never
    // to accept the one before.
    const last = (machine.logic as MemberLogic).acceptorRecord ?? acceptor
    // Said before a pause, on its way after it: the view that the disk finished meanwhile is not what it was said in.
    if (view.epoch !== epoch) return
    const accepted = last?.instance === epoch + 1 ? last.accepted : undefined
    this.checks.that(
      "I29",
      accepted === undefined || !this.demotes(view, applyDelta(view, accepted.delta), to),
      () => {
        return `n${machine.index} grants a lease to ${to} in epoch ${epoch}, having accepted its demotion`
      },
    )
  }

  /** Whether `next` takes a primary place from the storage that it did not release. */
  private demotes(view: View, next: View, storageId: string): boolean {
    return view.slots.some((slot, s) => {
      if (slot.inSync[0] !== storageId || next.slots[s]?.inSync[0] === storageId) return false
      return !this.ledger.isReleased(view, s)
    })
  }

  // Who may answer

  /** "A demoted node's lease is over before its successor's view exists." */
  private onChosen({ view, next }: Chosen): void {
    if (next.members.length === 0) this.coverage.count("founding given up")
    for (const machine of this.machines) {
      const { storageId } = machine.disk.durable
      next.slots.forEach((slot, s) => {
        const before = view.slots[s]?.inSync[0]
        if (before !== storageId || slot.inSync[0] === storageId) return
        this.checks.that("I6", !this.mayAnswer(machine, s) || this.hasNewer(machine, next), () => {
          return `view ${next.epoch} is chosen while n${machine.index}, which loses slot ${s}, may still answer for it`
        })
      })
    }
  }

  private hasNewer(machine: MemberMachine, view: View): boolean {
    const own = machine.disk.durable.view
    return own !== undefined && own.clusterId === view.clusterId && own.epoch >= view.epoch
  }

  private mayAnswer(machine: MemberMachine, slot: number): boolean {
    if (machine.logic === undefined || machine.paused) return false
    return (machine.logic as MemberLogic).mayAnswer(slot, machine.clock.read(this.nowMs()))
  }

  stepped(machine: MemberMachine): void {
    const logic = machine.logic as MemberLogic | undefined
    if (logic === undefined || machine.paused || !logic.changed) return
    logic.changed = false
    const { view } = machine.disk.durable
    if (view === undefined) return
    if (this.serving.length < view.slots.length * 2) this.serving = new Uint8Array(view.slots.length * 2)
    for (let slot = 0; slot < view.slots.length; slot++)
      if (this.mayAnswer(machine, slot)) this.judgeAnswer(machine, view, slot)
  }

  /** I6, I28: the one that may answer for the slot is its primary, is the only one, and is named with its boot. */
  private judgeAnswer(machine: MemberMachine, view: View, slot: number): void {
    const { storageId, boot } = machine.disk.durable
    const primary = view.slots[slot]?.inSync[0]
    this.checks.that("I6", primary === storageId, () => {
      return `n${machine.index} (storage ${storageId}) answers for slot ${slot}, whose primary is ${primary}`
    })
    const named = view.members.find((member) => member.storageId === storageId)
    this.checks.that("I28", named?.boot === boot, () => {
      return `n${machine.index} answers for slot ${slot} in boot ${boot}, view ${view.epoch} names ${named?.boot}`
    })
    this.checks.that("I6", !this.oldCopies.has(machine.index), () => {
      return `n${machine.index} answers for slot ${slot} from an old copy of its directory`
    })
    const released = this.ledger.isReleased(view, slot)
    this.checks.that("I18", !released, () => {
      return `n${machine.index} answers for slot ${slot}, which it has released in epoch ${view.epoch}`
    })
    for (const other of this.machines) {
      if (other === machine || other.disk.durable.view?.clusterId !== view.clusterId) continue
      this.checks.that("I6", !this.mayAnswer(other, slot), () => {
        return `n${machine.index} (epoch ${view.epoch}) and n${other.index} (epoch ${other.disk.durable.view?.epoch}) may both answer for slot ${slot}`
      })
    }
  }

  dying(machine: MemberMachine): void {
    const { storageId, view } = machine.disk.durable
    const logic = machine.logic as MemberLogic
    if (logic.leaseEndMs <= machine.clock.monotonicAt(this.nowMs())) return
    if (view?.slots.some((slot) => slot.inSync[0] === storageId) === true)
      this.coverage.count("primary restarted within its lease")
  }

  resumed(machine: MemberMachine): void {
    const logic = machine.logic as MemberLogic
    logic.changed = true
    const nowMs = machine.clock.monotonicAt(this.nowMs())
    if (logic.leaseEndMs > logic.steppedMs && logic.leaseEndMs <= nowMs)
      this.coverage.count("lease ran out while paused")
  }

  /** For people. */
  summary(): string {
    const view = this.ledger.newest()
    return view === undefined ? "no view" : viewText(view)
  }
}

/** The cluster that a directory is of. From the disk alone: its process may have died of the kill that wrote this down. */
function clusterOf({ view, founding }: MemberContents): string | undefined {
  if (view !== undefined) return view.clusterId
  return founding === undefined ? undefined : viewZero(founding).clusterId
}
