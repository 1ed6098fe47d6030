/**
 * Who votes: five where five or more are members, three where three or four are, else one; those with the lowest node
 * ids, as long as they are well. One change per view, so that majorities of successive views meet. A voter that is down
 * or leaves is replaced where somebody can take its place; where nobody can, it keeps its vote, for it may come
 * back, and taking it away would make the rest no safer. Only one whose node id another storage asks for, or who leaves
 * for good, loses it regardless.
 *
 * A view that evicts leaves the voters as they are: after a change of voters they reckon with everybody's lease (`lease/grantor.ts`),
 * so where several members fail at once and not all in one view, each further view would cost a whole lease.
 *
 * An even number happens in passing only, as does a number below the wanted one.
 */
import { votersFor } from "../view/founded.ts"
import { compareNodeIds, type StorageId } from "../view/view.ts"
import type { Planning } from "./plan.ts"

export function planVoters(planning: Planning): void {
  const { draft, situation } = planning
  if (planning.evicts) return
  const view = draft.view
  const members = draft.memberList()
  const present = draft.voterList()
  const wanted = votersFor(members.filter((member) => member.standing !== "leaving").length)
  // Who has not yet been heard from in this view might never be.
  const candidate = members.find(
    (member) =>
      member.standing === "up" &&
      !present.includes(member.storageId) &&
      !planning.stopping.has(member.storageId) &&
      situation.report(member.storageId)?.epoch === view.epoch,
  )
  const unfit = (voter: StorageId): boolean => {
    const member = draft.member(voter)
    return member === undefined || member.standing !== "up"
  }
  const doomed = (voter: StorageId): boolean => {
    const member = draft.member(voter)
    if (member === undefined || member.standing === "leaving" || planning.forgotten.has(voter)) return true
    const isReplaced = situation.joiners.some((joiner) => joiner.identity.nodeId === member.nodeId)
    return member.standing === "down" && isReplaced
  }

  const leastFit =
    present.find(doomed) ??
    (candidate !== undefined || present.length > wanted ? present.find(unfit) : undefined)
  if (present.length > wanted || (leastFit !== undefined && present.length > 1)) {
    const victim = leastFit ?? present.at(-1)
    remove(planning, victim as StorageId)
  } else if (candidate !== undefined && (present.length < wanted || leastFit !== undefined)) {
    const voters = [...present, candidate.storageId]
    voters.sort((a, b) => compareNodeIds(draft.member(a)?.nodeId ?? "", draft.member(b)?.nodeId ?? ""))
    draft.setVoters(voters)
    planning.reasons.push(`${candidate.address} votes`)
  }
}

function remove(planning: Planning, victim: StorageId): void {
  const { draft } = planning
  draft.setVoters(draft.voterList().filter((voter) => voter !== victim))
  planning.reasons.push(`${draft.member(victim)?.address ?? victim} votes no more`)
}
