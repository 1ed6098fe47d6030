/**
 * One node of a cluster: its membership (`Member`) and its data path (`DataPath`, `Replication`) behind the calls that its
 * driver makes (`host.ts`). Here is decided what of the one concerns the other:
 *
 * - A view, once it is on disk, gives the slots their roles; a lease lets the primaries among them serve.
 * - What primaries want of the next view is told to the voters with the heartbeats.
 * - A message between data paths counts only between members of one cluster, from a process that is not older than the
 *   view knows, to this very storage.
 * - A request for a slot that this node does not serve is sent to who does, or turned away.
 */
import { code } from "../../wire/errors.ts"
import type { EntryMemory } from "../entry/memory.ts"
import { Request } from "../entry/request.ts"
import { unreachable } from "../lib/assert.ts"
import type { Now } from "../lib/clock.ts"
import { hopsMax, progressMs, tickMs } from "../lib/limits.ts"
import type {
  MemberEffect,
  MemberEvent,
  MemberOptions,
  PeerMessage,
  Recovered,
  Want,
} from "../member/event.ts"
import { Member } from "../member/member.ts"
import type { Order } from "../member/order.ts"
import type { Draw } from "../member/seat.ts"
import { onAppend } from "../replication/backup.ts"
import type { Text } from "../replication/clients.ts"
import { onCompare } from "../replication/compare.ts"
import { stepDown } from "../replication/damage.ts"
import { onPiece } from "../replication/install.ts"
import type { Requester } from "../replication/prepared.ts"
import { onAppended } from "../replication/primary.ts"
import { Recovery } from "../replication/recovery.ts"
import type { Replication } from "../replication/replication.ts"
import { adoptView } from "../replication/roles.ts"
import type { RecordSink } from "../replication/sink.ts"
import type { SlotLog } from "../replication/slot-log.ts"
import { onSlotPiece, onTaken } from "../replication/snapshot.ts"
import { onTailPiece } from "../replication/tail.ts"
import type { SlotPiece, TailPiece } from "../replication/transfer.ts"
import { sameWants, tickReplication, wantsOf } from "../replication/wants.ts"
import type { Digest } from "../ring/slot.ts"
import { memberOf, type View } from "../view/view.ts"
import { Answering } from "./answering.ts"
import { DataPath } from "./data.ts"
import type { DataMessage, Forward } from "./data-message.ts"
import { Forwards, RemoteRequester } from "./forwards.ts"
import type { NodeHost, NodeIdentity, NodeInput } from "./host.ts"

export interface NodeOptions {
  readonly identity: NodeIdentity
  readonly member: MemberOptions
  readonly memory: EntryMemory
  readonly log: RecordSink
  readonly host: NodeHost
  readonly digest: Digest
  readonly text: Text
  /** Reads a forwarded request's frame [0, length). @returns 0, or why it cannot be read */
  readonly decode: (frame: Uint8Array, request: Request) => number
  readonly contentBytesMax: number
  readonly diskFull: () => boolean
  /** Randomness for back-off only. */
  readonly draw: Draw
  /** What `recovery` needs before there is a view: that of the view on disk, or of the settings. */
  readonly slotCount: number
  /** For tests: bounds of queues that are to be met. */
  readonly bounds?: QueueBounds
}

export interface QueueBounds {
  /** Requests forwarded and not answered. */
  readonly forwards: number
  /** Of records on their way to one replica. */
  readonly windowBytes: number
}

/** A tick that comes later than this finds that the node itself was not awake. */
const awakeMsMax = 2 * tickMs

export class Node implements NodeInput {
  readonly path: DataPath
  readonly replication: Replication
  readonly forwards: Forwards
  member: Member | undefined
  private readonly options: NodeOptions
  private readonly host: NodeHost
  private readonly answering: Answering
  private readonly forwarded = new Request()
  private isStopped = false
  /** What the voters were told last in this epoch. */
  private wanted: readonly Want[] = []
  private tickedMs = 0
  /** Taken since the last tick. */
  private requests = 0
  private sweepAtMs = 0
  /** For how long this node's own log has not moved although something waits for it, ms of time awake. */
  private stalledMs = 0
  private durableBefore = 0
  /** How often a lease had ended before the next one came: for so long nothing was served that needs one. */
  leasesLapsed = 0
  /** The end of the lease that answers rest on which have not yet left. */
  private answersUntilMs = Infinity

  constructor(options: NodeOptions) {
    this.options = options
    this.host = options.host
    const { memory, host } = options
    this.answering = new Answering(host, memory, (to, answer) => {
      this.replication.send(this.replication.peer(to.storageId), answer)
    })
    this.forwards = new Forwards(options.bounds?.forwards)
    this.path = new DataPath({ ...options, output: this.answering })
    this.path.misdirected = (request, requester, slot, now) => this.misdirected(request, requester, slot, now)
    this.replication = this.path.replication
    this.replication.self = options.identity
    this.replication.host = host
    this.replication.windowBytes = options.bounds?.windowBytes
  }

  /** Nothing is handed in any more. */
  get hasStopped(): boolean {
    return this.isStopped
  }

  /** Takes what storage has recovered; before `start`. */
  recovery(now: Now): Recovery {
    return new Recovery(this.replication, now.monotonicMs)
  }

  start(recovered: Recovered, now: Now): void {
    const { identity, member, draw, log } = this.options
    const { queue } = this.replication
    if (queue.oldest === undefined) queue.settledPosition = log.position
    this.replication.persisted(log.position, now)
    this.host.settle(queue.settledPosition)
    this.durableBefore = log.position
    this.tickedMs = now.monotonicMs
    this.member = Member.create(identity, member, draw, now)
    if (recovered.view !== undefined) this.adopt(recovered.view, now)
    this.step({ kind: "start", recovered }, now)
  }

  // Membership

  control(message: PeerMessage, now: Now): void {
    this.step({ kind: "message", message }, now)
  }

  metaPersisted(token: number, now: Now): void {
    this.step({ kind: "persisted", token }, now)
  }

  stop(how: "stop" | "leave", now: Now): void {
    this.step({ kind: "stop", how }, now)
  }

  order(order: Order, forMs: number, now: Now): void {
    this.step({ kind: "order", order, forMs }, now)
  }

  private step(event: MemberEvent, now: Now): void {
    if (this.isStopped || this.member === undefined) return
    for (const effect of this.member.step(event, now)) this.carryOut(effect, now)
  }

  private carryOut(effect: MemberEffect, now: Now): void {
    const { host, path, replication } = this
    switch (effect.kind) {
      case "send":
        return host.send(effect.address, effect.message)
      case "persist":
        return host.persistMeta(effect.token, effect.records)
      case "view":
        return this.adopt(effect.view, now)
      case "lease":
        // Of the first one in a view nothing is known to have ended.
        if (path.leaseUntilMs !== -Infinity && path.leaseUntilMs <= now.monotonicMs) this.leasesLapsed++
        path.leaseUntilMs = effect.endMs
        return
      case "released":
        for (const slot of effect.slots) replication.release(slot)
        return
      case "log":
        return host.log(effect.level, effect.text)
      case "startOver":
        this.isStopped = true
        return host.startOver(effect.reason)
      case "stop":
        this.isStopped = true
        return host.stop(effect.outcome, effect.reason)
      default:
        unreachable(effect, "member effect")
    }
  }

  private adopt(view: View, now: Now): void {
    const { path, forwards, answering, member } = this
    // The lease of the old view's voters says nothing of the new one; the new one is told behind this effect.
    path.leaseUntilMs = Math.min(path.leaseUntilMs, member?.seat?.leaseUntilMs() ?? -Infinity)
    adoptView(this.replication, view, now)
    const primaries = new Set(view.slots.map((slot) => slot.inSync[0]))
    forwards.giveUpWhere((target) => !primaries.has(target), answering)
    this.wanted = []
    this.host.view(view)
  }

  // Requests

  request(request: Request, requester: Requester, now: Now): void {
    this.dropLeaseIfClockJumped(now)
    this.requests++
    this.path.request(request, requester, now)
    this.restOnLease(now)
  }

  /** An answer that was given just now holds as long as the lease, if there is one. */
  private restOnLease({ monotonicMs }: Now): void {
    const { leaseUntilMs } = this.path
    if (leaseUntilMs < this.answersUntilMs && monotonicMs < leaseUntilMs) this.answersUntilMs = leaseUntilMs
  }

  /** Whether this node may answer for all of these slots now, as their primary. */
  serves(slots: readonly number[], now: Now): boolean {
    this.dropLeaseIfClockJumped(now)
    return (
      now.monotonicMs < this.path.leaseUntilMs && slots.every((slot) => this.replication.slot(slot).serving)
    )
  }

  answersHold(now: Now): boolean {
    this.dropLeaseIfClockJumped(now)
    const holds = now.monotonicMs < this.answersUntilMs
    this.answersUntilMs = Infinity
    return holds
  }

  private dropLeaseIfClockJumped(now: Now): void {
    const holder = this.member?.seat?.holder
    if (holder === undefined || !holder.dropIfClockJumped(now)) return
    this.path.leaseUntilMs = -Infinity
    if (this.answersUntilMs !== Infinity) this.answersUntilMs = -Infinity
  }

  /** To whom the request belongs; two hops at the most. */
  private misdirected(request: Request, requester: Requester, slot: SlotLog, now: Now): void {
    const { replication, path } = this
    const { view, self } = replication
    const isAtFirst = !(requester instanceof RemoteRequester)
    if (isAtFirst && request.epoch > 0 && request.epoch < view.epoch)
      this.host.outdated(requester, view.epoch)
    const target = memberOf(view, slot.primary)
    const isElsewhere = slot.primary !== self?.storageId && target?.standing !== "down"
    if (target === undefined || !isElsewhere)
      return path.failUnserved(request, requester, code.unstable_cluster)
    if (requester instanceof RemoteRequester && requester.hops >= hopsMax)
      return path.failUnserved(request, requester, code.wrong_node)
    const body = this.forwards.take(request, requester, slot.primary, now)
    if (body === undefined) return path.failUnserved(request, requester, code.overloaded)
    replication.send(replication.peer(slot.primary), body)
  }

  private onForward(message: DataMessage, forward: Forward, now: Now): void {
    const { forwarded } = this
    if (!this.replication.peer(message.from.storageId).takesForward(forward.id)) return
    const requester = new RemoteRequester(message.from.storageId, message.from.boot, forward.id, forward.hops)
    const failed = this.options.decode(forward.frame, forwarded)
    if (failed !== 0) return this.answering.error(requester, 0, failed)
    if (forward.timeLeftMs <= 0) return this.answering.error(requester, 0, code.timeout)
    forwarded.timeLeftMs = forward.timeLeftMs
    this.request(forwarded, requester, now)
  }

  // Other nodes

  data(message: DataMessage, now: Now): void {
    const { replication, member } = this
    const { view, self } = replication
    const { from, to, epoch, body } = message
    if (this.isStopped || member?.phase !== "active" || self === undefined) return
    if (message.clusterId !== view.clusterId || to !== self.storageId) return
    const known = memberOf(view, from.storageId)
    if (epoch > view.epoch) this.step({ kind: "heard", storageId: from.storageId, epoch }, now)
    if (known === undefined || from.boot < known.boot) return
    const peer = replication.peer(from.storageId)
    if (from.boot < peer.boot) return
    if (from.boot > peer.boot) peer.restart(from.boot)
    switch (body.kind) {
      case "append":
        return onAppend(replication, message, body, now)
      case "appended":
        return onAppended(replication, message, body, now)
      case "piece":
        return onPiece(replication, message, body)
      case "taken":
        return onTaken(replication, message, body, now)
      case "compare":
        return onCompare(replication, message, body)
      case "forward":
        return this.onForward(message, body, now)
      case "forwarded":
        return this.forwards.answered(from.storageId, body, self.boot, this.answering)
      default:
        unreachable(body, "data message")
    }
  }

  // Storage

  persisted(position: number, now: Now): void {
    this.path.persisted(position, now)
    this.durableBefore = Math.max(this.durableBefore, position)
    this.stalledMs = 0
  }

  loaded(alias: string, found: boolean, failed: boolean, now: Now): void {
    this.path.loaded(alias, found, failed, now)
    this.restOnLease(now)
  }

  damaged(slot: number): boolean {
    return this.path.damaged(this.replication.slot(slot), "an entry cannot be read to be listed")
  }

  slotPiece(token: number, piece: SlotPiece | undefined, now: Now): void {
    onSlotPiece(this.replication, token, piece, now)
  }

  tailPiece(token: number, piece: TailPiece | undefined, _now: Now): void {
    onTailPiece(this.replication, token, piece)
  }

  expire(alias: string, now: Now): void {
    this.path.expire(alias, now)
  }

  // Time

  tick(now: Now): void {
    const { path, replication } = this
    this.dropLeaseIfClockJumped(now)
    const awakeMs = Math.min(now.monotonicMs - this.tickedMs, awakeMsMax)
    this.tickedMs = now.monotonicMs
    this.step({ kind: "tick" }, now)
    if (this.isStopped) return
    tickReplication(replication, awakeMs, this.requests, now)
    this.requests = 0
    if (now.monotonicMs < path.leaseUntilMs) stepDown(replication)
    this.tellWants(now)
    path.expireWaiters(now)
    this.forwards.tick(now, this.answering)
    this.watchLog(awakeMs)
    if (now.monotonicMs < this.sweepAtMs) return
    this.sweepAtMs = now.monotonicMs + sweepMs
    path.tick(now)
  }

  private tellWants(now: Now): void {
    const { replication } = this
    const wants = wantsOf(replication)
    if (sameWants(wants, this.wanted)) return
    this.wanted = wants
    this.step({ kind: "wants", wants }, now)
  }

  /** A log that stands still: others wait for this node, and are better off without it. */
  private watchLog(awakeMs: number): void {
    const { log } = this.options
    this.stalledMs = log.position > this.durableBefore ? this.stalledMs + awakeMs : 0
    if (this.stalledMs < progressMs) return
    this.isStopped = true
    this.host.stop("failed", `the log has not moved for ${progressMs / 1000} s: the disk hangs`)
  }

  endTurn(_now: Now): void {
    this.replication.endTurn()
  }
}

/** How often silent clients are looked for. */
const sweepMs = 1_000
