/**
 * Losses: what an operator has given up, and the only way in which acknowledged entries are ever forgotten. A slot whose
 * in-sync replicas are all down waits for one of them for ever, because only they hold all that was acknowledged. Where
 * none will come back, an operator may say so by naming the members; the view then gives the slot to another member, with
 * an older copy or none, and says so from then on.
 *
 * The loss is part of the view and not of its evidence: it must be shown for ever, and it tells each node, also one that
 * slept meanwhile, that copies of the slot from before are no part of its history any more (`replication/forsaken.ts`).
 */
import { memberOf, type Address, type SlotAssignment, type StorageId, type View } from "./view.ts"

/** One step of a recovery. */
export interface Loss {
  /** Of the view that began the slots anew. */
  readonly epoch: number
  /** The members that were given up: all that were in sync. */
  readonly lost: readonly { readonly storageId: StorageId; readonly address: Address }[]
  /** Ascending. */
  readonly slots: readonly number[]
}

/** What `next` gives up that `view` did not. */
export function newLoss(view: View, next: View): Loss | undefined {
  return next.losses.length > view.losses.length ? next.losses.at(-1) : undefined
}

/** @returns what is wrong with the losses of `next`; of each slot that it names `illegalLostSlot` tells the rest */
export function illegalLosses(view: View, next: View): string | undefined {
  const kept = view.losses.length
  if (next.losses.length > kept + 1) return "two losses at once"
  if (!view.losses.every((loss, i) => sameLoss(loss, next.losses[i]))) return "a loss is forgotten"
  const loss = newLoss(view, next)
  if (loss === undefined) return undefined
  if (loss.epoch !== next.epoch) return "a loss of another epoch"
  if (loss.slots.length === 0) return "a loss of nothing"
  for (const { storageId, address } of loss.lost) {
    const member = memberOf(view, storageId)
    if (member?.standing !== "down") return `gives up ${storageId}, which is not down`
    if (member.address !== address) return `gives up ${storageId} under another address`
  }
  for (const [i, slot] of loss.slots.entries()) {
    if (i > 0 && slot <= (loss.slots[i - 1] as number)) return "slots of a loss out of order"
    if (slot >= next.slots.length) return "a loss of no slot"
  }
  return undefined
}

/** @returns what is wrong with a slot that `loss` names */
export function illegalLostSlot(
  loss: Loss,
  before: SlotAssignment,
  after: SlotAssignment,
): string | undefined {
  const given = loss.lost.map((lost) => lost.storageId)
  const left = before.inSync.find((storageId) => !given.includes(storageId))
  if (left !== undefined) return `is given up though ${left} is in sync`
  if (after.inSync.length !== 1) return "is given to more than one"
  const heir = after.inSync[0] as StorageId
  if (given.includes(heir)) return `is given to ${heir}, which is lost`
  return undefined
}

function sameLoss(a: Loss, b: Loss | undefined): boolean {
  if (a === b) return true
  return (
    b !== undefined &&
    a.epoch === b.epoch &&
    a.slots.length === b.slots.length &&
    a.slots.every((slot, i) => slot === b.slots[i]) &&
    a.lost.length === b.lost.length &&
    a.lost.every(
      ({ storageId, address }, i) => storageId === b.lost[i]?.storageId && address === b.lost[i]?.address,
    )
  )
}

export function sameLosses(a: readonly Loss[], b: readonly Loss[]): boolean {
  return a === b || (a.length === b.length && a.every((loss, i) => sameLoss(loss, b[i])))
}

/** For people. */
export function lossText({ epoch, lost, slots }: Loss): string {
  const nodes = lost.map(({ address }) => address).join(", ")
  return `what only ${nodes} held of ${slots.length} slots was given up in view ${epoch}, as an operator ordered`
}

const none: ReadonlyMap<number, number> = new Map()
const epochs = new WeakMap<readonly Loss[], ReadonlyMap<number, number>>()

/** @returns in which epoch each slot was last begun anew, of those that were */
export function lossEpochs({ losses }: View): ReadonlyMap<number, number> {
  if (losses.length === 0) return none
  let found = epochs.get(losses)
  if (found === undefined) {
    found = new Map(losses.flatMap(({ epoch, slots }) => slots.map((slot) => [slot, epoch] as const)))
    epochs.set(losses, found)
  }
  return found
}
