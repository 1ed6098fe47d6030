/**
 * Moves can wait. A learner that is to restore the factor is in a hurry, and so is all else that primaries want; but a slot that
 * has all its replicas and is only to go elsewhere loses nothing by waiting, while each view costs every node, makes void
 * what other learners have said so far, and lets none of the slots that it hands over be served until it is there. So where
 * all learners only move, their primaries report certificates with their next heartbeat and not at once, the next view waits
 * for more of them, and what is to be handed over is released shortly before it. When nothing more is to come it comes at
 * once: without load a move is as fast as it can be.
 */
import { wantsPerHeartbeatMax } from "../lib/limits.ts"
import type { StorageId, View } from "../view/view.ts"
import type { Want } from "./event.ts"
import type { Situation } from "./plan.ts"

interface Learning {
  /** Learners of the slots that each primary leads. */
  readonly led: ReadonlyMap<StorageId, number>
  /** There are learners, and none in a slot that lacks replicas. */
  readonly onlyMoves: boolean
}

const known = new WeakMap<View, Learning>()

function learningOf(view: View): Learning {
  let learning = known.get(view)
  if (learning === undefined) known.set(view, (learning = look(view)))
  return learning
}

function look({ slots, settings }: View): Learning {
  const led = new Map<StorageId, number>()
  let onlyMoves = true
  for (const { inSync, learners } of slots) {
    if (learners.length === 0) continue
    const primary = inSync[0] as StorageId
    led.set(primary, (led.get(primary) ?? 0) + learners.length)
    if (inSync.length < settings.replicationFactor) onlyMoves = false
  }
  return { led, onlyMoves: onlyMoves && led.size > 0 }
}

/** Whether the view has learners, and all of them are to replace replicas that are there. */
export function onlyMoves(view: View): boolean {
  return learningOf(view).onlyMoves
}

/** Whether what a primary wants in a view of moves is to be told at once. */
export function isPressing(view: View, primary: StorageId, wants: readonly Want[]): boolean {
  return presses(wants) || vouchesForAll(view, primary, wants)
}

/** Whether primaries have told of no more than some of the learners of a view of moves. */
export function isMoreToCome(view: View, { report }: Situation): boolean {
  let isMore = false
  for (const { storageId } of view.members) {
    const told = report(storageId)
    const wants = told?.epoch === view.epoch ? told.wants : []
    if (presses(wants)) return false
    if (!vouchesForAll(view, storageId, wants)) isMore = true
  }
  return isMore
}

/** Whether there is more to these wants than certificates of some learners, or no room for more of those. */
function presses(wants: readonly Want[]): boolean {
  return wants.length >= wantsPerHeartbeatMax || wants.some(({ kind }) => kind !== "promote")
}

/** Whether the primary has vouched for all learners of its slots. */
function vouchesForAll(view: View, primary: StorageId, wants: readonly Want[]): boolean {
  return wants.length >= (learningOf(view).led.get(primary) ?? 0)
}
