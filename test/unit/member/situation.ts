/** What a coordinator plans with, for tests. */
import type { Order } from "../../../src/core/member/order.ts"
import type { Situation } from "../../../src/core/member/plan.ts"
import type { Report } from "../../../src/core/member/roll.ts"
import type { View } from "../../../src/core/view/view.ts"

/** @param said what a member's report says besides the usual; undefined: there is none */
export function situationOf(
  view: View,
  said: (storageId: string) => Partial<Report> | undefined,
  orders: readonly Order[] = [],
): Situation {
  return {
    now: { monotonicMs: 0, wallMs: 0 },
    mayRepair: false,
    mayEvict: () => false,
    joiners: [],
    orders,
    report(storageId) {
      const member = view.members.find((other) => other.storageId === storageId)
      const own = said(storageId)
      if (member === undefined || own === undefined) return undefined
      const { nodeId, boot, address } = member
      return {
        identity: { nodeId, storageId, boot, address },
        epoch: view.epoch,
        standing: "up",
        unclean: false,
        wants: [],
        lagMs: 0,
        suspectAtMs: Infinity,
        ...own,
      }
    },
  }
}
