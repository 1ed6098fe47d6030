/**
 * What might be proposed in a state: everything of the wanted kinds that the code itself holds to be legal. What it
 * wrongly held to be legal, `invariants.ts` finds when it is decided, by its own rules.
 */
import type { Proposal } from "../../src/core/view/ballot.ts"
import { deltaBetween } from "../../src/core/view/delta.ts"
import { Draft } from "../../src/core/view/draft.ts"
import { noEvidence, type Evidence } from "../../src/core/view/evidence.ts"
import { illegalSuccessor } from "../../src/core/view/legal.ts"
import type { View } from "../../src/core/view/view.ts"
import type { Observed } from "./invariants.ts"
import type { CandidateKind } from "./scope.ts"

/** Each with its evidence, of whatever epoch. */
export function candidatesOf(
  view: View,
  kinds: readonly CandidateKind[],
  { certificates, releases }: Pick<Observed, "certificates" | "releases">,
  boots: readonly number[],
): readonly Proposal[] {
  const found = new Map<string, Proposal>()
  const add = (change: (draft: Draft) => void, evidence: Evidence = noEvidence) => {
    const draft = new Draft(view)
    change(draft)
    if (!draft.isChanged) return
    const next = draft.finish()
    if (illegalSuccessor(view, next, evidence) !== undefined) return
    const proposal = Object.freeze({ delta: deltaBetween(view, next), evidence })
    found.set(JSON.stringify(proposal), proposal)
  }
  const { inSync = [], learners = [] } = view.slots[0] ?? {}
  const [primary = "", ...rest] = inSync
  const wants = (kind: CandidateKind) => kinds.includes(kind)
  const outside = view.members
    .map((member) => member.storageId)
    .filter((other) => !inSync.includes(other) && !learners.includes(other))
  for (const other of wants("learn") ? outside : [])
    add((draft) => draft.setSlot(0, inSync, [...learners, other]))
  for (const target of rest) {
    const others = rest.filter((other) => other !== target)
    if (wants("evict")) add((draft) => draft.setSlot(0, [target, ...others], learners))
    if (wants("swap")) add((draft) => draft.setSlot(0, [target, ...others, primary], learners))
    if (wants("drop")) add((draft) => draft.setSlot(0, [primary, ...others], [...learners, target]))
    if (wants("remove")) add((draft) => draft.setSlot(0, [primary, ...others], learners))
    for (const release of wants("handOver") ? releases : []) {
      add((draft) => draft.setSlot(0, [target, ...others, primary], learners), {
        certificates: [],
        releases: [release],
      })
    }
  }
  if (wants("promote")) {
    for (const learner of learners) {
      const promote = (draft: Draft) =>
        draft.setSlot(
          0,
          [...inSync, learner],
          learners.filter((other) => other !== learner),
        )
      add(promote)
      for (const certificate of certificates) add(promote, { certificates: [certificate], releases: [] })
    }
  }
  if (wants("boot")) {
    view.members.forEach((member, i) => {
      if (boots[i] !== member.boot) add((draft) => draft.setMember({ ...member, boot: boots[i] as number }))
    })
  }
  const storages = view.members.map((member) => member.storageId)
  const toggled = (list: readonly string[], storageId: string) =>
    storages.filter((other) => list.includes(other) !== (other === storageId))
  for (const first of storages) {
    const once = toggled(view.voters, first)
    if (wants("voter") && once.length > 0) add((draft) => draft.setVoters(once))
    for (const second of wants("voters") ? storages : []) {
      const twice = toggled(once, second)
      if (second > first && twice.length > 0) add((draft) => draft.setVoters(twice))
    }
  }
  return [...found.values()]
}
