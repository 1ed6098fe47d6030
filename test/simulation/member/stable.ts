/**
 * Whether the cluster is where it should be when nothing is wrong (I24, I31): every live member has the newest view and a
 * lease, every slot has a primary that answers and its replicas in sync, nothing moves, and nothing that voters have begun is
 * left undecided, whether or not anybody still wants it.
 */
import type { View } from "../../../src/core/view/view.ts"
import type { Machine } from "../machine.ts"
import type { MemberContents } from "./contents.ts"
import type { Ledger } from "./ledger.ts"
import type { MemberLogic } from "./logic.ts"

type MemberMachine = Machine<MemberContents>

/** @returns what is missing; empty where the cluster is stable */
export function missing(machines: readonly MemberMachine[], ledger: Ledger, nowMs: number): string[] {
  const view = viewOf(machines, ledger)
  if (view === undefined) return ["no cluster was founded"]
  const wrong: string[] = []
  const byStorage = new Map(machines.map((machine) => [machine.disk.durable.storageId, machine]))
  for (const machine of machines) {
    if (!machine.running || isForgotten(machine, view)) continue
    const own = machine.disk.durable.view
    if (own?.clusterId !== view.clusterId || own.epoch !== view.epoch)
      wrong.push(`n${machine.index} has view ${own?.epoch ?? "none"} of ${own?.clusterId}, not ${view.epoch}`)
    else if (!view.members.some((m) => m.storageId === machine.disk.durable.storageId && m.standing === "up"))
      wrong.push(`n${machine.index} (${machine.disk.durable.storageId}) is not a member that is up`)
    if (hasBegun(machine, view))
      wrong.push(`I31: n${machine.index} has voted on view ${view.epoch + 1}, which is not decided`)
  }
  const up = view.members.filter((member) => member.standing === "up")
  const factor = Math.min(view.settings.replicationFactor, up.length)
  view.slots.forEach((slot, s) => {
    const primary = byStorage.get(slot.inSync[0] ?? "")
    const logic = primary?.logic as MemberLogic | undefined
    if (primary === undefined || logic === undefined)
      wrong.push(`slot ${s}: primary ${slot.inSync[0]} is away`)
    else if (!logic.mayAnswer(s, primary.clock.read(nowMs)))
      wrong.push(`slot ${s}: its primary n${primary.index} may not answer`)
    if (slot.inSync.length !== factor) wrong.push(`slot ${s}: ${slot.inSync.length} in sync, not ${factor}`)
    if (slot.learners.length > 0) wrong.push(`slot ${s} moves`)
  })
  return wrong
}

/**
 * Whether the node is no member any more, was not told, and can find nobody who is: all whose addresses it has have left, too.
 * Somebody has to name it one who is there (`docs/cluster.md`, "Founding").
 */
function isForgotten({ disk, logic }: MemberMachine, { clusterId, members }: View): boolean {
  const own = disk.durable.view
  if (own?.clusterId !== clusterId || members.some((m) => m.storageId === disk.durable.storageId))
    return false
  const known = new Set([...own.members.map((m) => m.address), ...(logic as MemberLogic).peers])
  return !members.some(({ address }) => known.has(address))
}

/** Whether a voter of the view has a promise or an acceptance on disk for the view after it: somebody must finish that. */
function hasBegun({ disk }: MemberMachine, view: View): boolean {
  const { acceptor, storageId } = disk.durable
  return view.voters.includes(storageId) && acceptor?.instance === view.epoch + 1
}

/** The newest view of the cluster that most of the machines are in. */
function viewOf(machines: readonly MemberMachine[], ledger: Ledger): View | undefined {
  const counts = new Map<string, number>()
  for (const machine of machines) {
    const clusterId = machine.disk.durable.view?.clusterId
    if (clusterId !== undefined) counts.set(clusterId, (counts.get(clusterId) ?? 0) + 1)
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1])
  return most === undefined ? undefined : ledger.newestOf(most[0])
}

/**
 * Whether the design's assumptions still hold: a majority of the voters' directories exists, and one in-sync directory of
 * each slot. Where they do not, nobody promises a stable cluster.
 */
export function isBeyondHelp(machines: readonly MemberMachine[], ledger: Ledger): boolean {
  const newest = viewOf(machines, ledger)
  if (newest === undefined) return false
  const running = machines.filter((machine) => machine.running)
  const exist = new Set(running.map((machine) => machine.disk.durable.storageId))
  // The newest view may have died with the only directory that it had reached.
  const held = running.reduce<View>((best, machine) => {
    const { view } = machine.disk.durable
    return view?.clusterId === newest.clusterId && (best === newest || view.epoch > best.epoch) ? view : best
  }, newest)
  return [newest, held].some((view) => {
    const voters = view.voters.filter((voter) => exist.has(voter)).length
    if (voters * 2 <= view.voters.length) return true
    return view.slots.some((slot) => !slot.inSync.some((storageId) => exist.has(storageId)))
  })
}
