/**
 * What placement makes of a view, kept with it: the plan is asked for ten times a second, and with thousands of slots
 * neither placement nor a look at every slot is cheap.
 */
import { planPlacement } from "../ring/placement.ts"
import type { StorageId, View } from "../view/view.ts"

export interface Outlook {
  /** Where the planner wants the slots, the primary first: on members that are up. */
  readonly target: readonly (readonly string[])[]
  /** Slots that are not held by exactly those who are to hold them. In the others nothing is to be moved. */
  readonly unsettled: readonly number[]
  /** Slots whose primary is to be another. */
  readonly misled: readonly number[]
  /**
   * Who holds more than he is to hold in the end, with what he learns and with replicas that are yet to be dropped. A slot that
   * has all its replicas is not copied to him: when the others have dropped theirs, the plan may not want it any more.
   */
  readonly overfull: ReadonlySet<StorageId>
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
  const excess = new Map<StorageId, number>()
  const count = (storageId: StorageId, by: number) => excess.set(storageId, (excess.get(storageId) ?? 0) + by)
  let learning = 0
  view.slots.forEach(({ inSync, learners }, slot) => {
    const wanted = target[slot] as readonly string[]
    learning += learners.length
    for (const storageId of inSync) count(storageId, 1)
    for (const storageId of learners) count(storageId, 1)
    for (const storageId of wanted) count(storageId, -1)
    const isHeld = inSync.length === wanted.length && wanted.every((holder) => inSync.includes(holder))
    if (!isHeld || learners.length > 0) unsettled.push(slot)
    if (wanted[0] !== inSync[0]) misled.push(slot)
  })
  const overfull = new Set([...excess].filter(([, more]) => more > 0).map(([storageId]) => storageId))
  return { target, unsettled, misled, overfull, learners: learning }
}

function targetOf(view: View): readonly (readonly string[])[] {
  const present = view.slots.map(({ inSync, learners }) => [...inSync, ...learners])
  const up = view.members.filter((member) => member.standing === "up")
  if (up.length === 0) return present
  const members = up.map(({ storageId, weight, zone }) => ({ id: storageId, weight, host: "", zone }))
  return planPlacement(members, present, view.settings.replicationFactor)
}
