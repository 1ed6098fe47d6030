/**
 * A successor in the making. It knows one rule, so that nobody who plans a change has to: the slot epoch rises to the new
 * epoch exactly where `inSync` or the primary's boot changed. Whether the result is legal is `legal.ts`'s to say.
 */
import { assert } from "../lib/assert.ts"
import { sameList } from "./delta.ts"
import type { Loss } from "./loss.ts"
import {
  compareNodeIds,
  freezeView,
  memberOf,
  primaryOf,
  type Settings,
  type SlotAssignment,
  type StorageId,
  type View,
  type ViewMember,
} from "./view.ts"

export class Draft {
  readonly view: View
  /** All of them, once one differs from the view's. */
  private members: Map<StorageId, ViewMember> | undefined
  private readonly slots = new Map<number, { inSync: readonly StorageId[]; learners: readonly StorageId[] }>()
  private voters: readonly StorageId[]
  private settings: Settings
  private readonly lost = new Map<StorageId, ViewMember>()
  private readonly lostSlots = new Set<number>()
  private changed = false

  constructor(view: View) {
    this.view = view
    this.voters = view.voters
    this.settings = view.settings
  }

  /** Whether anything differs from the view that it began with. */
  get isChanged(): boolean {
    return this.changed
  }

  member(storageId: StorageId): ViewMember | undefined {
    return this.members === undefined ? memberOf(this.view, storageId) : this.members.get(storageId)
  }

  memberList(): readonly ViewMember[] {
    if (this.members === undefined) return this.view.members
    return [...this.members.values()].sort((a, b) => compareNodeIds(a.nodeId, b.nodeId))
  }

  setMember(member: ViewMember): void {
    this.ownMembers().set(member.storageId, Object.freeze(member))
    this.changed = true
  }

  removeMember(storageId: StorageId): void {
    if (this.member(storageId) === undefined) return
    this.ownMembers().delete(storageId)
    this.changed = true
  }

  private ownMembers(): Map<StorageId, ViewMember> {
    this.members ??= new Map(this.view.members.map((member) => [member.storageId, member]))
    return this.members
  }

  voterList(): readonly StorageId[] {
    return this.voters
  }

  setVoters(voters: readonly StorageId[]): void {
    if (!sameList(voters, this.voters)) this.changed = true
    this.voters = voters
  }

  setSettings(settings: Settings): void {
    this.settings = settings
    this.changed = true
  }

  /** The slot as it stands in this draft. */
  slot(slot: number): { readonly inSync: readonly StorageId[]; readonly learners: readonly StorageId[] } {
    const assignment = this.slots.get(slot) ?? this.view.slots[slot]
    assert(assignment !== undefined, "a slot of the view")
    return assignment
  }

  setSlot(slot: number, inSync: readonly StorageId[], learners: readonly StorageId[]): void {
    const before = this.slot(slot)
    if (sameList(before.inSync, inSync) && sameList(before.learners, learners)) return
    assert(inSync.length > 0, "the last in-sync replica is never dropped")
    this.slots.set(slot, { inSync, learners })
    this.changed = true
  }

  /** The slot begins anew with one member: what only these held is given up. */
  giveUpSlot(slot: number, lost: readonly ViewMember[], heir: StorageId): void {
    this.setSlot(slot, [heir], [])
    this.lostSlots.add(slot)
    for (const member of lost) this.lost.set(member.storageId, member)
  }

  /** @returns the slots changed in this draft and those given, in ascending order */
  changedSlots(others: readonly number[]): readonly number[] {
    if (this.slots.size === 0) return others
    return [...new Set([...this.slots.keys(), ...others])].sort((a, b) => a - b)
  }

  /** @returns the view of the next epoch */
  finish(): View {
    const epoch = this.view.epoch + 1
    const booted = this.bootedStorages()
    let slots = this.view.slots
    if (this.slots.size > 0 || booted.size > 0) {
      slots = this.view.slots.map((before, slot) => {
        const draft = this.slots.get(slot)
        const inSync = draft?.inSync ?? before.inSync
        const fenced = booted.has(inSync[0] as StorageId) || !sameList(inSync, before.inSync)
        if (draft === undefined && !fenced) return before
        return freezeAssignment({
          inSync,
          learners: draft?.learners ?? before.learners,
          slotEpoch: fenced ? epoch : before.slotEpoch,
        })
      })
    }
    return freezeView({
      clusterId: this.view.clusterId,
      epoch,
      members: this.memberList(),
      voters: this.voters,
      settings: this.settings,
      slots,
      losses: this.lostSlots.size === 0 ? this.view.losses : [...this.view.losses, this.loss(epoch)],
    })
  }

  private loss(epoch: number): Loss {
    const lost = [...this.lost.values()].sort((a, b) => compareNodeIds(a.nodeId, b.nodeId))
    return Object.freeze({
      epoch,
      lost: lost.map(({ storageId, address }) => Object.freeze({ storageId, address })),
      slots: [...this.lostSlots].sort((a, b) => a - b),
    })
  }

  private bootedStorages(): Set<StorageId> {
    const booted = new Set<StorageId>()
    if (this.members === undefined) return booted
    for (const before of this.view.members) {
      const after = this.members.get(before.storageId)
      if (after !== undefined && after.boot !== before.boot) booted.add(before.storageId)
    }
    return booted
  }
}

function freezeAssignment(assignment: SlotAssignment): SlotAssignment {
  assert(primaryOf(assignment) !== "", "a primary has a name")
  return Object.freeze(assignment)
}
