/**
 * Handing over primaries: a primary that the plan wants elsewhere, or whose node stops, is *released* by its holder, so
 * that its successor need not wait for a lease. A released slot is served by nobody until the next view, so only
 * those are released that can be taken over at once: the target is in sync, and this node is in touch with a
 * majority.
 */
import { handOversMax } from "../lib/limits.ts"
import type { StorageId, View } from "../view/view.ts"
import { memberOf, primaryOf, type SlotAssignment } from "../view/view.ts"
import type { Want } from "./event.ts"
import { outlookOf } from "./outlook.ts"
import type { Seat } from "./seat.ts"

/**
 * @param mayMove whether everybody is back, or was waited for long enough: until then primaries stay where they are
 * @returns the releases that this node should make in the present view; all of them when it stops
 */
export function handOvers(
  seat: Seat,
  how: "stop" | "leave" | undefined,
  mayMove: boolean,
): Extract<Want, { kind: "release" }>[] {
  const { view, self } = seat
  if (!seat.isNamed()) return []
  if (how === undefined && !mayMove) return []
  const wants: Extract<Want, { kind: "release" }>[] = []
  const slotsMax = how === "stop" ? Infinity : handOversMax
  const slots = how === "stop" ? view.slots.keys() : outlookOf(view).misled
  for (const slot of slots) {
    if (wants.length >= slotsMax) break
    const assignment = view.slots[slot] as SlotAssignment
    if (primaryOf(assignment) !== self.storageId || assignment.inSync.length < 2) continue
    const target = how === "stop" ? nextUp(view, assignment) : outlookOf(view).target[slot]?.[0]
    if (target === undefined || target === self.storageId || !assignment.inSync.includes(target)) continue
    const release = { epoch: view.epoch, slot, primary: self.storageId, boot: self.boot }
    wants.push({ kind: "release", release, target })
  }
  return wants
}

function nextUp(view: View, { inSync }: SlotAssignment): StorageId | undefined {
  return inSync.slice(1).find((storageId) => memberOf(view, storageId)?.standing === "up")
}
