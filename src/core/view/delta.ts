/**
 * The step from one view to the next, as what changed. A proposal, a decision and the news of it carry this instead of a
 * whole view: with 4,096 slots a view is tens of kilobytes, and most steps touch a few slots. A delta is meaningful only
 * beside the view of the epoch before, which every acceptor of the instance holds by definition.
 */
import { assert } from "../lib/assert.ts"
import {
  compareNodeIds,
  freezeView,
  type Settings,
  type SlotAssignment,
  type StorageId,
  type View,
  type ViewMember,
} from "./view.ts"
import { type Loss, newLoss, sameLosses } from "./loss.ts"

export interface ViewDelta {
  /** The epoch that this leads to. */
  readonly epoch: number
  /** Of view 1 only: earlier there is none, later it never changes. */
  readonly clusterId: string | undefined
  /** New, or changed in any field. */
  readonly members: readonly ViewMember[]
  readonly removed: readonly StorageId[]
  readonly voters: readonly StorageId[] | undefined
  readonly settings: Settings | undefined
  readonly slots: readonly { readonly slot: number; readonly assignment: SlotAssignment }[]
  /** What is given up in this step. */
  readonly loss: Loss | undefined
}

/** @returns what leads from `view` to `next`, whose epoch is one higher */
export function deltaBetween(view: View, next: View): ViewDelta {
  assert(next.epoch === view.epoch + 1, "a delta is one step")
  const before = new Map(view.members.map((member) => [member.storageId, member]))
  const after = new Set(next.members.map((member) => member.storageId))
  const slots: { slot: number; assignment: SlotAssignment }[] = []
  next.slots.forEach((assignment, slot) => {
    const old = view.slots[slot]
    if (old === undefined || !sameAssignment(old, assignment)) slots.push({ slot, assignment })
  })
  return {
    epoch: next.epoch,
    clusterId: next.clusterId === view.clusterId ? undefined : next.clusterId,
    members: next.members.filter((member) => {
      const old = before.get(member.storageId)
      return old === undefined || !sameFields(old, member)
    }),
    removed: view.members.filter((member) => !after.has(member.storageId)).map((member) => member.storageId),
    voters: sameList(view.voters, next.voters) ? undefined : next.voters,
    settings: sameSettings(view.settings, next.settings) ? undefined : next.settings,
    slots,
    loss: newLoss(view, next),
  }
}

/** The step taken last: who proposes, accepts and decides one takes it three times. */
let last: { readonly view: View; readonly delta: ViewDelta; readonly next: View } | undefined

/** @returns the next view. Legality is not checked here (`legal.ts`), only that the step fits. */
export function applyDelta(view: View, delta: ViewDelta): View {
  if (last === undefined || last.view !== view || last.delta !== delta) {
    last = { view, delta, next: successor(view, delta) }
  }
  return last.next
}

function successor(view: View, delta: ViewDelta): View {
  assert(delta.epoch === view.epoch + 1, "a delta is applied to the view before it")
  const members = new Map(view.members.map((member) => [member.storageId, member]))
  for (const storageId of delta.removed) members.delete(storageId)
  for (const member of delta.members) members.set(member.storageId, member)
  let slots = view.slots
  if (delta.slots.length > 0) {
    const changed = view.slots.slice()
    for (const { slot, assignment } of delta.slots) changed[slot] = assignment
    slots = changed
  }
  return freezeView({
    clusterId: delta.clusterId ?? view.clusterId,
    epoch: delta.epoch,
    members:
      delta.members.length === 0 && delta.removed.length === 0
        ? view.members
        : [...members.values()].sort((a, b) => compareNodeIds(a.nodeId, b.nodeId)),
    voters: delta.voters ?? view.voters,
    settings: delta.settings ?? view.settings,
    slots,
    losses: delta.loss === undefined ? view.losses : [...view.losses, delta.loss],
  })
}

export function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => item === b[i]))
}

export function sameAssignment(a: SlotAssignment, b: SlotAssignment): boolean {
  return (
    a === b ||
    (a.slotEpoch === b.slotEpoch && sameList(a.inSync, b.inSync) && sameList(a.learners, b.learners))
  )
}

export function sameSettings(a: Settings, b: Settings): boolean {
  return sameFields(a, b)
}

/** Of flat objects of one type, whatever the order of their fields: one of the two may have come over the network. */
export function sameFields<T extends object>(a: T, b: T): boolean {
  return a === b || (Object.keys(a) as (keyof T)[]).every((key) => a[key] === b[key])
}

export function sameView(a: View, b: View): boolean {
  return (
    a.clusterId === b.clusterId &&
    a.epoch === b.epoch &&
    a.members.length === b.members.length &&
    a.members.every((member, i) => sameFields(member, b.members[i] as ViewMember)) &&
    sameList(a.voters, b.voters) &&
    sameSettings(a.settings, b.settings) &&
    a.slots.length === b.slots.length &&
    a.slots.every((assignment, slot) => sameAssignment(assignment, b.slots[slot] as SlotAssignment)) &&
    sameLosses(a.losses, b.losses)
  )
}
