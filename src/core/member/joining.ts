/**
 * Asking to be made a member: first some address that knows the cluster, then its voters, twice a second until a view names
 * this storage. Whoever knows of a newer view than the joiner's answers with it, so the joiner follows the cluster's
 * views from outside and finds the voters wherever they go.
 *
 * A node id that belongs to another storage may be this node's own past, before its directory was wiped: that one is
 * silent, will be evicted, and makes room. If it is not gone after ten seconds, somebody else uses the id: then
 * the joiner gives up, and the cluster is as it was.
 */
import { duplicateNodeIdMs, heartbeatMs } from "../lib/limits.ts"
import type { Now } from "../lib/clock.ts"
import { memberOf, type View } from "../view/view.ts"
import type { Identity, MemberEffect, PeerMessage } from "./event.ts"

/** Voters that say nothing for so long may have gone elsewhere, ms. */
const silentVotersMs = 1_000
/** A cluster that does not answer for so long may be gone, ms. */
const silentClusterMs = 5_000

export interface JoiningState {
  /** The newest view that was heard of; the joiner is not in it. */
  known: View | undefined
  askAtMs: number
  nextNumber: number
  /** If it hears nothing of the cluster until then, it asks others than the voters, too. */
  silentAtMs: number
  /** Until then it keeps to the cluster that it heard of; if that one stays silent, it may join another. */
  keepUntilMs: number
  /** It was a member of it: it never joins another. */
  isBound: boolean
  /** Since when its node id is another's: when it gives up. */
  giveUpAtMs: number | undefined
}

export type JoiningStep =
  | { readonly kind: "wait" }
  | { readonly kind: "enter"; readonly view: View }
  | { readonly kind: "fail"; readonly reason: string }

export class Joining {
  readonly state: JoiningState

  constructor(state: JoiningState) {
    this.state = state
  }

  static started(): Joining {
    return new Joining({
      known: undefined,
      askAtMs: 0,
      nextNumber: 1,
      silentAtMs: 0,
      keepUntilMs: 0,
      isBound: false,
      giveUpAtMs: undefined,
    })
  }

  /** @returns whether the view is of the cluster that this node is joining, and newer than what it knew */
  learn(view: View, now: Now): boolean {
    const { known, isBound, keepUntilMs } = this.state
    const isOther = known !== undefined && known.clusterId !== view.clusterId
    if (isOther && (isBound || now.monotonicMs < keepUntilMs)) return false
    this.state.silentAtMs = now.monotonicMs + silentVotersMs
    this.state.keepUntilMs = now.monotonicMs + silentClusterMs
    if (known !== undefined && !isOther && known.epoch >= view.epoch) return false
    this.state.known = view
    return true
  }

  /** Whether those it asks do not answer, or it knows of nobody yet. */
  isSilent(now: Now): boolean {
    return this.state.known === undefined || now.monotonicMs >= this.state.silentAtMs
  }

  /** This node was a member, and is to be one again, of this cluster only. */
  bind(view: View): void {
    this.state.known = view
    this.state.isBound = true
  }

  step(self: Identity, now: Now): JoiningStep {
    const { known } = this.state
    if (known === undefined) return { kind: "wait" }
    const member = memberOf(known, self.storageId)
    if (member !== undefined) {
      return member.boot > self.boot
        ? {
            kind: "fail",
            reason: "this data directory is an old copy: the cluster has seen a later start of it",
          }
        : { kind: "enter", view: known }
    }
    const twin = known.members.find((other) => other.nodeId === self.nodeId)
    if (twin === undefined) {
      this.state.giveUpAtMs = undefined
      return { kind: "wait" }
    }
    this.state.giveUpAtMs ??= now.monotonicMs + duplicateNodeIdMs
    if (now.monotonicMs < this.state.giveUpAtMs) return { kind: "wait" }
    return {
      kind: "fail",
      reason: `node id ${self.nodeId} belongs to another data directory, of the node at ${twin.address}: choose another id, or remove that node`,
    }
  }

  /** Asks the voters, where it is time to. */
  ask(self: Identity, weight: number, zone: string, now: Now, out: MemberEffect[]): void {
    const { known } = this.state
    if (known === undefined || now.monotonicMs < this.state.askAtMs) return
    this.state.askAtMs = now.monotonicMs + heartbeatMs
    const number = this.state.nextNumber++
    for (const voter of known.voters) {
      const member = memberOf(known, voter)
      if (member === undefined) continue
      const body = { kind: "join", weight, zone, number } as const
      const message: PeerMessage = {
        clusterId: known.clusterId,
        from: self,
        to: voter,
        epoch: known.epoch,
        body,
      }
      out.push({ kind: "send", address: member.address, message })
    }
  }
}
