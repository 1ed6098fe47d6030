/**
 * The roll call: what a voter knows of the members from their heartbeats. A member is *suspect* here when it has not been
 * heard from within the suspect window. That alone means nothing: it is one voter's impression, to be compared with the
 * others' before anybody is evicted.
 *
 * A voter that has just begun to listen has heard nobody and must not conclude anything from it: for one window it suspects
 * nobody.
 */
import type { Now } from "../lib/clock.ts"
import { joinersMax } from "../lib/limits.ts"
import { memberOf, type Address, type StorageId, type View } from "../view/view.ts"
import type { Identity, Want } from "./event.ts"
import type { Heartbeat } from "./renewal.ts"

/** A member's last heartbeat. */
export interface Report {
  readonly identity: Identity
  readonly epoch: number
  readonly standing: Heartbeat["standing"]
  readonly unclean: boolean
  readonly wants: readonly Want[]
  readonly lagMs: number
  readonly suspectAtMs: number
}

/** A node outside that asked to be made a member. */
export interface Joiner {
  readonly identity: Identity
  readonly weight: number
  readonly zone: string
  readonly forgetAtMs: number
}

export interface RollState {
  /** Nobody is suspect before. */
  listenUntilMs: number
  /** Whoever the view has just taken in, or up again, has until then to be heard from. */
  expectedUntilMs: Map<StorageId, number>
  reports: Map<StorageId, Report>
  joiners: Map<StorageId, Joiner>
}

const none: readonly Joiner[] = []

/** A joiner that stopped asking is forgotten after this, ms. */
const joinerForgottenMs = 3_000

export class Roll {
  readonly state: RollState

  constructor(state: RollState) {
    this.state = state
  }

  static started(now: Now, suspectMs: number): Roll {
    return new Roll({
      listenUntilMs: now.monotonicMs + suspectMs,
      expectedUntilMs: new Map(),
      reports: new Map(),
      joiners: new Map(),
    })
  }

  /** Begins anew, as one who has heard nobody. */
  listen(now: Now, suspectMs: number): void {
    this.state.listenUntilMs = now.monotonicMs + suspectMs
  }

  onHeartbeat(identity: Identity, epoch: number, body: Heartbeat, suspectMs: number, now: Now): void {
    const before = this.state.reports.get(identity.storageId)
    if (before !== undefined && before.identity.boot > identity.boot) return
    this.state.reports.set(identity.storageId, {
      identity,
      epoch,
      standing: body.standing,
      unclean: body.unclean,
      wants: body.wants,
      lagMs: body.lagMs,
      suspectAtMs: now.monotonicMs + suspectMs,
    })
  }

  /** Of two with one node id, as a node is that has just lost its disk, the one that asked last counts: one view has place for one. */
  onJoin(identity: Identity, weight: number, zone: string, now: Now): void {
    for (const [storageId, joiner] of this.state.joiners)
      if (joiner.identity.nodeId === identity.nodeId && storageId !== identity.storageId)
        this.state.joiners.delete(storageId)
    if (this.state.joiners.size >= joinersMax && !this.state.joiners.has(identity.storageId)) return
    this.state.joiners.set(identity.storageId, {
      identity,
      weight,
      zone,
      forgetAtMs: now.monotonicMs + joinerForgottenMs,
    })
  }

  /** The member's report, if it is fresh and from no earlier boot than the view names. */
  report(view: View, storageId: StorageId, now: Now): Report | undefined {
    const report = this.state.reports.get(storageId)
    if (report === undefined || now.monotonicMs >= report.suspectAtMs) return undefined
    return report.identity.boot >= (memberOf(view, storageId)?.boot ?? 0) ? report : undefined
  }

  /** Those who still ask. */
  joiners(now: Now): readonly Joiner[] {
    const { joiners } = this.state
    return joiners.size === 0 ? none : [...joiners.values()].filter((j) => now.monotonicMs < j.forgetAtMs)
  }

  hasHeard(storageId: StorageId, now: Now): boolean {
    const report = this.state.reports.get(storageId)
    return report !== undefined && now.monotonicMs < report.suspectAtMs
  }

  isSuspect(storageId: StorageId, now: Now): boolean {
    if (now.monotonicMs < this.state.listenUntilMs || this.hasHeard(storageId, now)) return false
    return now.monotonicMs >= (this.state.expectedUntilMs.get(storageId) ?? 0)
  }

  /** A new view: those whom it takes in, or up again, are not suspect before they could be heard from. */
  expect(view: View, previous: View, now: Now): void {
    const { expectedUntilMs } = this.state
    for (const [storageId, until] of expectedUntilMs) {
      if (now.monotonicMs >= until) expectedUntilMs.delete(storageId)
    }
    for (const { storageId, standing } of view.members) {
      const before = memberOf(previous, storageId)
      const isNew = before === undefined || (before.standing === "down" && standing !== "down")
      if (isNew) expectedUntilMs.set(storageId, now.monotonicMs + view.settings.suspectMs)
    }
  }

  /** Forgets whom the view no longer names, and joiners that it names or that fell silent. */
  tidy(view: View, now: Now): void {
    for (const storageId of this.state.reports.keys()) {
      if (memberOf(view, storageId) === undefined) this.state.reports.delete(storageId)
    }
    for (const [storageId, joiner] of this.state.joiners) {
      const isMember = memberOf(view, storageId) !== undefined
      if (isMember || now.monotonicMs >= joiner.forgetAtMs) this.state.joiners.delete(storageId)
    }
  }

  /** @returns addresses of members that have not been heard from, for the cluster to call them */
  silent(view: View, self: StorageId, now: Now): { storageId: StorageId; address: Address }[] {
    const found: { storageId: StorageId; address: Address }[] = []
    for (const { storageId, address } of view.members)
      if (storageId !== self && this.isSuspect(storageId, now)) found.push({ storageId, address })
    return found
  }
}
