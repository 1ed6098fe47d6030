/**
 * Runs the node's membership machine (`core/member/`): events in, one at a time, and its effects carried out in their
 * order. The machine itself holds back whatever depends on a record until `metaPersisted`.
 */
import type { Now } from "../../core/lib/clock.ts"
import type { Identity, MemberEvent, MemberOptions, PeerMessage, Recovered } from "../../core/member/event.ts"
import type { Order } from "../../core/member/order.ts"
import { Member } from "../../core/member/member.ts"
import type { Draw } from "../../core/member/seat.ts"
import type { NodeHost } from "../../core/node/host.ts"
import type { View } from "../../core/view/view.ts"

export type MembershipHost = Pick<NodeHost, "send" | "persistMeta" | "log" | "view" | "stop" | "startOver">

export class Membership {
  readonly member: Member
  private readonly host: MembershipHost

  constructor(self: Identity, options: MemberOptions, draw: Draw, host: MembershipHost, now: Now) {
    this.member = Member.create(self, options, draw, now)
    this.host = host
  }

  get view(): View | undefined {
    return this.member.view
  }

  /** Whether this node alone is its cluster, and may answer. */
  servesAlone(now: Now): boolean {
    return this.view?.members.length === 1 && this.member.mayAnswer(0, now)
  }

  start(recovered: Recovered, now: Now): void {
    this.step({ kind: "start", recovered }, now)
  }

  control(message: PeerMessage, now: Now): void {
    this.step({ kind: "message", message }, now)
  }

  metaPersisted(token: number, now: Now): void {
    this.step({ kind: "persisted", token }, now)
  }

  tick(now: Now): void {
    this.step({ kind: "tick" }, now)
  }

  stop(how: "stop" | "leave", now: Now): void {
    this.step({ kind: "stop", how }, now)
  }

  order(order: Order, forMs: number, now: Now): void {
    this.step({ kind: "order", order, forMs }, now)
  }

  private step(event: MemberEvent, now: Now): void {
    const { host } = this
    for (const effect of this.member.step(event, now)) {
      switch (effect.kind) {
        case "send":
          host.send(effect.address, effect.message)
          break
        case "persist":
          host.persistMeta(effect.token, effect.records)
          break
        case "view":
          host.view(effect.view)
          break
        case "log":
          host.log(effect.level, effect.text)
          break
        case "stop":
          host.stop(effect.outcome, effect.reason)
          break
        case "startOver":
          host.startOver(effect.reason)
          break
        default:
      }
    }
  }
}
