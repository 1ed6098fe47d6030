/**
 * What placement makes of a view, kept with it: the plan is asked for ten times a second, and with thousands of slots
 * neither placement nor a look at every slot is cheap.
 */
import { planPlacement } from "../ring/placement.ts"
import type { View } from "../view/view.ts"

export interface Outlook {
  /** Where the planner wants the slots, the primary first: on members that are up. */
  readonly target: readonly (readonly string[])[]
  /** Slots that are not held by exactly those who are to hold them. In the others nothing is to be moved. */
  readonly unsettled: readonly number[]
  /** Slots whose primary is to be another. */
  readonly misled: readonly number[]
  /** Learners of all slots. */
  readonly learners: number
}

const outlooks = new WeakMap<View, Outlook>()

export function outlookOf(view: View): Outlook {
  let outlook = outlooks.get(view)
  if (outlook === undefined) outlooks.set(view, (outlook = look(view)))
  return outlook
}

function look(view: View): Outlook {
  const target = targetOf(view)
  const unsettled: number[] = []
  const misled: number[] = []
  let learning = 0
  view.slots.forEach(({ inSync, learners }, slot) => {
    const wanted = target[slot] as readonly string[]
    learning += learners.length
    const isHeld = inSync.length === wanted.length && wanted.every((holder) => inSync.includes(holder))
    if (!isHeld || learners.length > 0) unsettled.push(slot)
    if (wanted[0] !== inSync[0]) misled.push(slot)
  })
  return { target, unsettled, misled, learners: learning }
}

function targetOf(view: View): readonly (readonly string[])[] {
  const present = view.slots.map(({ inSync, learners }) => [...inSync, ...learners])
  const up = view.members.filter((member) => member.standing === "up")
  if (up.length === 0) return present
  const members = up.map(({ storageId, weight, zone }) => ({ id: storageId, weight, host: "", zone }))
  return planPlacement(members, present, view.settings.replicationFactor)
}
