/**
 * Orders: what an operator wants of a cluster, given to any voter. A voter keeps an order until the view has fulfilled it or
 * its time is over, and plans by it as by anything else that it knows (`plan.ts`); so an order needs no message between
 * nodes and no memory on disk. Given to several voters, or twice, it means the same. What takes long afterwards (moving a
 * leaving member's slots) follows from the view and no longer from the order.
 */
import { assert } from "../lib/assert.ts"
import type { Now } from "../lib/clock.ts"
import { ordersMax } from "../lib/limits.ts"
import { memberOf, type Settings, type SlotAssignment, type StorageId, type View } from "../view/view.ts"
import type { Planning } from "./plan.ts"
import { planRecovery, recoveryRefusal } from "./recover.ts"

/** The settings that may change while a cluster runs. A lease may not: one that was granted under the old length could outlive a wait of the new one. */
export type LiveSettings = Pick<Settings, "replicationFactor" | "repairGraceMs" | "suspectMs">

export type Order =
  /** The member is to leave for good, its slots first; one that is down is forgotten once it holds nothing. */
  | { readonly kind: "remove"; readonly storageId: StorageId }
  | { readonly kind: "set"; readonly change: Partial<LiveSettings> }
  /** What only these members held is given up for ever; then they are forgotten. */
  | { readonly kind: "recover"; readonly storageIds: readonly StorageId[] }

/** Why an order is not taken. */
export type OrderRefusal =
  "no_such_member" | "factor_would_fall" | "loss_not_accepted" | "not_down" | "too_many_losses"

/** @returns whether the view is as ordered, or on a way there that needs the order no more */
export function isFulfilled(view: View, order: Order): boolean {
  if (order.kind === "set") {
    const keys = Object.keys(order.change) as (keyof LiveSettings)[]
    return keys.every((key) => view.settings[key] === order.change[key])
  }
  // Who came back meanwhile need not be given up.
  if (order.kind === "recover")
    return order.storageIds.every((lost) => memberOf(view, lost)?.standing !== "down")
  const member = memberOf(view, order.storageId)
  return member === undefined || member.standing === "leaving"
}

/** @param isForced whether the factor may fall. @returns why the order is refused, or undefined */
export function refusalOf(view: View, order: Order, isForced: boolean): OrderRefusal | undefined {
  if (order.kind === "set") return undefined
  if (order.kind === "recover") return recoveryRefusal(view, order.storageIds)
  const member = memberOf(view, order.storageId)
  if (member === undefined) return "no_such_member"
  const isDown = (storageId: StorageId) => memberOf(view, storageId)?.standing === "down"
  const isLost = ({ inSync }: SlotAssignment) => inSync.includes(order.storageId) && inSync.every(isDown)
  if (member.standing === "down" && view.slots.some(isLost)) return "loss_not_accepted"
  const left = view.members.filter((other) => other.standing === "up" && other !== member).length
  // The last member can go nowhere.
  if (left === 0) return "factor_would_fall"
  return left < view.settings.replicationFactor && !isForced ? "factor_would_fall" : undefined
}

/** The orders that a voter was given. */
export class Orders {
  readonly open: { readonly order: Order; readonly untilMs: number }[]

  constructor(open: { readonly order: Order; readonly untilMs: number }[] = []) {
    this.open = open
  }

  /** @param forMs how long to try. @returns false where there are too many */
  take(order: Order, forMs: number, now: Now): boolean {
    if (this.open.length >= ordersMax) return false
    this.open.push({ order, untilMs: now.monotonicMs + forMs })
    return true
  }

  /** What is still to be done. */
  present(view: View, now: Now): readonly Order[] {
    if (this.open.length === 0) return none
    const kept = this.open.filter((o) => now.monotonicMs < o.untilMs && !isFulfilled(view, o.order))
    this.open.splice(0, this.open.length, ...kept)
    return kept.map((o) => o.order)
  }
}

const none: readonly Order[] = []

/** Puts the orders into the draft. What a member that is down still holds is not taken from it here. */
export function planOrders(planning: Planning): void {
  const { draft, situation } = planning
  for (const order of situation.orders) {
    if (order.kind === "set") {
      draft.setSettings(Object.freeze({ ...draft.view.settings, ...order.change }))
      planning.reasons.push(
        `sets ${Object.entries(order.change)
          .map(([key, value]) => `${key} ${value}`)
          .join(", ")}`,
      )
      continue
    }
    if (order.kind === "recover") {
      planRecovery(planning, order.storageIds)
      continue
    }
    const member = draft.member(order.storageId)
    if (member === undefined || member.standing === "leaving") continue
    if (member.standing === "down") {
      planning.forgotten.add(member.storageId)
      continue
    }
    assert(member.standing === "up", "a member is up, down or leaving")
    draft.setMember({ ...member, standing: "leaving" })
    planning.reasons.push(`${member.address} is to leave`)
  }
}
