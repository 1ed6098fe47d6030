/**
 * Giving up what only members held that are down and will not come back (`view/loss.ts`). Each slot that nobody else has
 * in sync goes to the member with the newest older copy, and where there is none, empty, to the one that is to lead it in
 * the end. To know who has what, every member that is up must have said so, in this epoch: they offer the first of these slots
 * with their heartbeats (`replication/wants.ts`), so a large recovery takes several views.
 *
 * Nobody else is asked whether the members that were named are really gone: who was cut off and comes back later finds
 * that it is no member any more. That is what the operator accepts.
 */
import { lossesMax, wantsPerHeartbeatMax } from "../lib/limits.ts"
import { memberOf, type SlotAssignment, type StorageId, type View, type ViewMember } from "../view/view.ts"
import type { Want } from "./event.ts"
import type { OrderRefusal } from "./order.ts"
import { outlookOf } from "./outlook.ts"
import type { Planning } from "./plan.ts"

type Offer = Extract<Want, { kind: "offer" }>

/** @returns why these members cannot be given up, or undefined */
export function recoveryRefusal(view: View, storageIds: readonly StorageId[]): OrderRefusal | undefined {
  for (const storageId of storageIds) {
    const member = memberOf(view, storageId)
    if (member === undefined) return "no_such_member"
    if (member.standing !== "down") return "not_down"
  }
  const steps = Math.ceil(lostSlots(view, storageIds).length / wantsPerHeartbeatMax)
  return view.losses.length + steps > lossesMax ? "too_many_losses" : undefined
}

/** @returns the slots that nobody but these members has in sync */
export function lostSlots(view: View, storageIds: readonly StorageId[]): number[] {
  const lost: number[] = []
  view.slots.forEach(({ inSync }, slot) => {
    if (inSync.every((storageId) => storageIds.includes(storageId))) lost.push(slot)
  })
  return lost
}

export function planRecovery(planning: Planning, storageIds: readonly StorageId[]): void {
  const { draft, situation } = planning
  const { view } = draft
  // Who is here again after all need not be given up.
  const gone = storageIds.flatMap((storageId) => {
    const isGone = draft.member(storageId)?.standing === "down" && situation.report(storageId) === undefined
    return isGone ? [memberOf(view, storageId) as ViewMember] : []
  })
  const names = gone.map((member) => member.storageId)
  for (const storageId of names) planning.forgotten.add(storageId)
  const offers = offersOf(planning)
  if (offers === undefined) return
  let [older, empty] = [0, 0]
  for (const slot of lostSlots(view, names)) {
    const heir = heirOf(view, slot, offers)
    if (heir === undefined) continue
    const lost = (view.slots[slot] as SlotAssignment).inSync.map((storageId) => memberOf(view, storageId))
    draft.giveUpSlot(slot, lost as ViewMember[], heir.storageId)
    if (heir.sequence > 0) older++
    else empty++
  }
  if (older + empty === 0) return
  const addresses = gone.map((member) => member.address).join(", ")
  planning.reasons.push(
    `gives up what only ${addresses} held: ${older} slots go on with an older copy, ${empty} begin empty`,
  )
}

/** @returns what each member that is up offers, by slot; undefined where somebody is not heard from */
function offersOf({
  draft,
  situation,
}: Planning): ReadonlyMap<StorageId, ReadonlyMap<number, Offer>> | undefined {
  const { view } = draft
  const offers = new Map<StorageId, ReadonlyMap<number, Offer>>()
  for (const { storageId, standing } of view.members) {
    if (standing !== "up" || draft.member(storageId)?.standing !== "up") continue
    const report = situation.report(storageId)
    if (report === undefined) return undefined
    const own = report.wants.filter(
      (want): want is Offer => want.kind === "offer" && want.epoch === view.epoch,
    )
    offers.set(storageId, new Map(own.map((want) => [want.slot, want])))
  }
  return offers
}

/** @returns who is to go on with the slot, and up to which entry; undefined where somebody has said nothing of it */
function heirOf(
  view: View,
  slot: number,
  offers: ReadonlyMap<StorageId, ReadonlyMap<number, Offer>>,
): { readonly storageId: StorageId; readonly sequence: number } | undefined {
  const target = outlookOf(view).target[slot] as readonly StorageId[]
  let best:
    { readonly storageId: StorageId; readonly lastEpoch: number; readonly sequence: number } | undefined
  // Among equals the first of those who are to hold the slot in the end.
  const order = [...target, ...offers.keys()]
  for (const storageId of order) {
    const own = offers.get(storageId)
    if (own === undefined) continue
    const offer = own.get(slot)
    if (offer === undefined) return undefined
    const { lastEpoch, sequence } = offer
    const isNewer =
      best === undefined ||
      lastEpoch > best.lastEpoch ||
      (lastEpoch === best.lastEpoch && sequence > best.sequence)
    if (isNewer) best = { storageId, lastEpoch, sequence }
  }
  return best
}
