/**
 * What must hold, said again and in other words than the code's: nothing here asks the code whether it is right.
 */
import type { PeerMessage } from "../../src/core/member/event.ts"
import type { Certificate, Release } from "../../src/core/view/evidence.ts"
import type { View } from "../../src/core/view/view.ts"
import type { Snapshot } from "./seat-steps.ts"

/** What the observer of a run knows and no node does. */
export interface Observed {
  /** Decided views in order of their epochs. */
  readonly decided: readonly View[]
  readonly certificates: readonly Certificate[]
  readonly releases: readonly Release[]
  readonly proposalsLeft: number
  readonly crashesLeft: readonly number[]
  readonly beatsLeft: readonly number[]
  readonly suspendsLeft: number
  readonly certified: number
}

/** A node enters a view: is it the one of its epoch, and may it follow the one before? */
export function brokenStep<Known extends Pick<Observed, "decided" | "certificates">>(
  observed: Known,
  view: View,
): { readonly observed: Known; readonly violation: string | undefined } {
  const same = observed.decided.find((other) => other.epoch === view.epoch)
  if (same !== undefined) {
    const isSame = same === view || JSON.stringify(same) === JSON.stringify(view)
    return { observed, violation: isSame ? undefined : `I1: two views of epoch ${view.epoch}` }
  }
  const before = observed.decided.find((other) => other.epoch === view.epoch - 1)
  const decided = [...observed.decided, view].sort((a, b) => a.epoch - b.epoch)
  const violation = before === undefined ? undefined : brokenSuccession(before, view, observed)
  return { observed: { ...observed, decided }, violation }
}

function brokenSuccession(
  before: View,
  after: View,
  { certificates }: Pick<Observed, "certificates">,
): string | undefined {
  const left = before.voters.filter((voter) => !after.voters.includes(voter)).length
  const came = after.voters.filter((voter) => !before.voters.includes(voter)).length
  if (left + came > 1) return `I2: ${left} voters left and ${came} came in view ${after.epoch}`
  for (const member of after.members) {
    const old = before.members.find((other) => other.storageId === member.storageId)
    if (old !== undefined && member.boot < old.boot) return `I2: a boot falls in view ${after.epoch}`
  }
  for (let slot = 0; slot < after.slots.length; slot++) {
    const old = before.slots[slot]
    const now = after.slots[slot]
    if (old === undefined || now === undefined) return "I2: a slot more or less"
    if (!old.inSync.includes(now.inSync[0] ?? ""))
      return `I2/I15: the new primary was not in sync, view ${after.epoch}`
    for (const storageId of now.inSync) {
      const isCertified = certificates.some(
        (certificate) =>
          certificate.learner === storageId &&
          certificate.slot === slot &&
          certificate.epoch === before.epoch &&
          certificate.primary === old.inSync[0],
      )
      if (!old.inSync.includes(storageId) && !isCertified) return `I14: ${storageId} in sync uncertified`
    }
    const boot = (view: View) => view.members.find((member) => member.storageId === now.inSync[0])?.boot
    const isFenced = old.inSync.join() !== now.inSync.join() || boot(before) !== boot(after)
    if (now.slotEpoch !== (isFenced ? after.epoch : old.slotEpoch))
      return `I2: wrong slot epoch in view ${after.epoch}`
  }
  return undefined
}

/** A message leaves: is on disk what it rests on? */
export function brokenBySend(
  { node, disk, boot }: Snapshot,
  { epoch, body, to, from }: PeerMessage,
): string | undefined {
  if (epoch > disk.view.epoch)
    return `I3: node ${node} speaks in epoch ${epoch}, ${disk.view.epoch} is on its disk`
  if (from.boot !== boot) return `I28: node ${node} speaks as boot ${from.boot}`
  const record = disk.acceptor
  if (body.kind === "promise") {
    const isDurable = record?.instance === body.instance && record.promised.round >= body.ballot.round
    if (!isDurable) return `I4: node ${node} promises what is not on its disk`
  }
  if (body.kind === "accepted") {
    const isDurable =
      record?.instance === body.instance && (record.acceptedBallot?.round ?? 0) >= body.ballot.round
    if (!isDurable) return `I4: node ${node} has accepted what is not on its disk`
  }
  if (body.kind === "heartbeatReply" && body.granted && record?.instance === disk.view.epoch + 1) {
    const demoted = disk.view.slots.some((old, slot) => {
      const change = record.accepted?.delta.slots.find((other) => other.slot === slot)
      if (change === undefined || old.inSync[0] !== to || change.assignment.inSync[0] === to) return false
      return !record.accepted?.evidence.releases.some(
        (release) => release.slot === slot && release.epoch === epoch,
      )
    })
    if (demoted && epoch === disk.view.epoch)
      return `I29: node ${node} grants a lease to ${to}, whose demotion it accepted`
  }
  return undefined
}
