/**
 * How the slots of a view are held, counted once for as long as neither the view nor who answers changes: whoever waits for a
 * cluster asks five times a second, and to look at thousands of slots each time would keep requests waiting.
 */
import type { StorageId, View } from "../../core/view/view.ts"

export interface SlotTally {
  /** Of each member. */
  readonly held: ReadonlyMap<StorageId, { readonly primary: number; readonly replica: number }>
  /** In-sync replicas, of members that answer, of the slot that has fewest. */
  readonly least: number
  /** Slots that have fewer of them than they could have. */
  readonly short: number
  /** Slots whose primary does not answer. */
  readonly unserved: number
  /** Replicas in the making. */
  readonly copying: number
  /** Who is down and must come back: nobody else has all of some slot. */
  readonly orphans: ReadonlySet<StorageId>
}

const tallies = new WeakMap<View, { readonly live: ReadonlySet<StorageId>; readonly tally: SlotTally }>()

/** @param live members that answer */
export function tallyOf(view: View, live: ReadonlySet<StorageId>): SlotTally {
  const known = tallies.get(view)
  if (known !== undefined && isSame(known.live, live)) return known.tally
  const tally = count(view, live)
  tallies.set(view, { live, tally })
  return tally
}

function isSame(a: ReadonlySet<StorageId>, b: ReadonlySet<StorageId>): boolean {
  return a.size === b.size && [...a].every((storageId) => b.has(storageId))
}

function count(view: View, live: ReadonlySet<StorageId>): SlotTally {
  const held = new Map(view.members.map(({ storageId }) => [storageId, { primary: 0, replica: 0 }]))
  const isDown = ({ standing }: { standing: string }) => standing === "down"
  const down = new Set(view.members.filter(isDown).map(({ storageId }) => storageId))
  const wanted = Math.min(view.settings.replicationFactor, live.size)
  const orphans = new Set<StorageId>()
  let least = Infinity
  let short = 0
  let unserved = 0
  let copying = 0
  for (const { inSync, learners } of view.slots) {
    inSync.forEach((storageId, place) => {
      const of = held.get(storageId) as { primary: number; replica: number }
      if (place === 0) of.primary++
      else of.replica++
    })
    const copies = inSync.filter((storageId) => live.has(storageId)).length
    least = Math.min(least, copies)
    copying += learners.length
    if (copies < wanted) short++
    if (!live.has(inSync[0] as StorageId)) unserved++
    if (inSync.every((storageId) => down.has(storageId)))
      for (const storageId of inSync) orphans.add(storageId)
  }
  return { held, least: Number.isFinite(least) ? least : 0, short, unserved, copying, orphans }
}
