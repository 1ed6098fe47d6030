/**
 * The seeded bugs of agreement, leases, restarts and bootstrap, as text patches to a copy of the core. Simulation
 * (`mutants.ts`) and exploration (`test/small-scope/mutants.ts`) are held against them.
 */
import type { Edit, Mutant } from "../support/patched-core.ts"

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace })

/** A node is known by its node id, so a directory that was wiped is taken for the one before. */
const wipedIsOld: readonly Edit[] = [
  edit("member/receive.ts", '(to !== "" && to !== self.storageId)', 'to === "nobody"'),
  edit(
    "member/joining.ts",
    "const member = memberOf(known, self.storageId)",
    "const member = known.members.find((other) => other.nodeId === self.nodeId)",
  ),
  edit("member/joining.ts", "return member.boot > self.boot", "return member.boot > 1e9"),
  edit(
    "member/member.ts",
    "assert(memberOf(view, this.self.storageId) !== undefined,",
    "assert(view !== undefined,",
  ),
]

/** What primaries told of this kind in earlier epochs is reported and planned with, as if it were of the present one. */
const evenOutdated = (kind: "promote" | "release"): readonly Edit[] => [
  edit(
    "member/plan-slots.ts",
    "named.epoch !== view.epoch) return",
    `(want.kind !== "${kind}" && named.epoch !== view.epoch)) return`,
  ),
  edit(
    "member/plan-slots.ts",
    "if (report === undefined || report.epoch !== draft.view.epoch) continue",
    "if (report === undefined) continue",
  ),
  edit(
    "member/active.ts",
    "return named.epoch === seat.view.epoch",
    `return want.kind === "${kind}" || named.epoch === seat.view.epoch`,
  ),
]

export const mutants: readonly Mutant[] = [
  {
    name: "voters do not wait for leases",
    edits: [edit("member/agreement.ts", "if (owed.length > 0) {", "if (owed.length > 1e9) {")],
  },
  {
    name: "accepted demotion forgotten at once",
    edits: [edit("member/agreement.ts", "  seat.grantor.withhold(demoted)\n", "")],
  },
  {
    name: "accepted demotion forgotten by a restart",
    edits: [edit("member/seat.ts", "if (record?.accepted !== undefined) {", "if (record === null) {")],
  },
  {
    name: "grants to an older epoch",
    edits: [
      edit("member/spreading.ts", '  "heartbeat",\n', ""),
      edit(
        "member/renewal.ts",
        "if (message.epoch !== seat.view.epoch) return",
        "if (message.epoch > seat.view.epoch) return",
      ),
    ],
  },
  {
    name: "grants forgotten by a restarted voter",
    edits: [
      edit("lease/grantor.ts", "allUntilMs: nowMs + reckonMs(leaseMs),", "allUntilMs: leaseMs * 0 + nowMs,"),
    ],
  },
  {
    name: "grants of others not reckoned with by new voters",
    edits: [
      edit("member/seat.ts", "enterEpoch(skipped || others,", "enterEpoch(skipped && others && false,"),
    ],
  },
  {
    name: "restarted primary goes on in its old slot epoch",
    edits: [
      edit(
        "member/seat.ts",
        "memberOf(this.view, this.self.storageId)?.boot === this.self.boot",
        "memberOf(this.view, this.self.storageId) !== undefined",
      ),
    ],
  },
  {
    name: "slot epoch stays when the primary restarts",
    edits: [
      edit("view/legal.ts", "|| booted.has(primary)", ""),
      edit("view/draft.ts", "const fenced = booted.has(inSync[0] as StorageId) || ", "const fenced = "),
    ],
  },
  {
    name: "ballot used again",
    edits: [
      edit(
        "view/proposer.ts",
        "const ballot = Object.freeze({ round: ++this.state.round, storageId, boot })",
        "const ballot = Object.freeze({ round: ++this.state.round, storageId, boot: boot * 0 })",
      ),
      edit(
        "member/agreement.ts",
        "seat.proposer.saw(seat.acceptor.record(instance).promised)",
        "void instance",
      ),
      edit("member/seat.ts", "round: record?.promised.round ?? 0", "round: 0"),
    ],
  },
  {
    name: "a majority of the list founds",
    edits: [
      edit(
        "member/founding.ts",
        "recorded === record.founders.length",
        "recorded * 2 > record.founders.length",
      ),
      edit(
        "member/founding.ts",
        "if (left < record.founders.length) return",
        "if (left * 2 < record.founders.length) return",
      ),
    ],
  },
  {
    name: "a founder starts over as soon as another is gone",
    edits: [edit("member/founding.ts", "left < majorityOf(voters)", "left < voters.length")],
  },
  {
    name: "a decided epoch is voted on again",
    edits: [
      edit(
        "member/agreement.ts",
        "return instance === seat.view.epoch + 1 && !seat.isAdopting",
        "return instance >= seat.view.epoch",
      ),
      edit("member/spreading.ts", '  "prepare",\n  "accept",\n', ""),
    ],
  },
  {
    name: "lease counted from the answer",
    edits: [
      edit(
        "member/renewal.ts",
        "seat.holder.onGrant(from.storageId, body.number)",
        "seat.holder.state.leaseUntilMs.set(from.storageId, now.monotonicMs + seat.view.settings.leaseMs)",
      ),
    ],
  },
  {
    name: "voters changed without overlap",
    edits: [
      edit("view/legal.ts", "return changes > 1 ?", "return changes > 99 ?"),
      edit(
        "member/plan-voters.ts",
        "const voters = [...present, candidate.storageId]",
        "const voters = members.filter((m) => m.standing === 'up' && !present.includes(m.storageId)).map((m) => m.storageId).slice(0, wanted)",
      ),
    ],
  },
  {
    name: "a view is used before it is on disk",
    edits: [
      edit(
        "member/seat.ts",
        'this.journal.write([{ key: "view", value: adoption.view }], [], adoption, this.out)',
        'this.journal.write([{ key: "view", value: adoption.view }], [], undefined, this.out)\n    this.enter(adoption, now)',
      ),
    ],
  },
  {
    name: "promise sent before it is on disk",
    edits: [
      edit(
        "member/agreement.ts",
        'seat.sendBehind(\n    from.address,\n    from.storageId,\n    { kind: "promise"',
        'seat.sendTo(\n    from.address,\n    from.storageId,\n    { kind: "promise"',
      ),
    ],
  },
  {
    name: "acceptance sent before it is on disk",
    edits: [
      edit(
        "member/agreement.ts",
        "seat.out)\n  seat.sendBehind(from.address, from.storageId, accepted, now)",
        "seat.out)\n  seat.sendTo(from.address, from.storageId, accepted, now)",
      ),
    ],
  },
  {
    name: "promises do not tell what was accepted",
    edits: [
      edit(
        "member/agreement.ts",
        "const { acceptedBallot, accepted } = record",
        "const { acceptedBallot, accepted } = { ...record, acceptedBallot: undefined, accepted: undefined }",
      ),
    ],
  },
  {
    name: "proposer ignores what was accepted",
    edits: [
      edit(
        "view/proposer.ts",
        "attempt.proposed = attempt.accepted ?? attempt.wanted",
        "attempt.proposed = attempt.wanted",
      ),
    ],
  },
  {
    name: "promoted without a certificate",
    edits: [
      edit(
        "view/legal.ts",
        "if (!before.learners.includes(learner)) return false",
        "if (learner !== undefined) return true",
      ),
      edit(
        "member/plan-slots.ts",
        "draft.setSlot(slot, inSync, [missing])",
        "draft.setSlot(slot, [...inSync, missing], [])",
      ),
    ],
  },
  {
    name: "certificate of an older epoch",
    edits: [edit("view/legal.ts", "certificate.epoch === view.epoch &&", ""), ...evenOutdated("promote")],
  },
  {
    name: "release of an older epoch",
    edits: [edit("view/legal.ts", "release.epoch === view.epoch &&", ""), ...evenOutdated("release")],
  },
  {
    name: "a released slot is served on",
    edits: [edit("member/seat.ts", "    this.state.released.add(slot)\n", "")],
  },
  {
    name: "no lease for a slot alone in sync",
    edits: [
      edit(
        "member/seat.ts",
        "return this.isPrimary(slot) && now.monotonicMs < this.leaseUntilMs()",
        "return this.isPrimary(slot) && (this.view.slots[slot]?.inSync.length === 1 || now.monotonicMs < this.leaseUntilMs())",
      ),
    ],
  },
  {
    name: "suspend not noticed",
    edits: [edit("lease/holder.ts", "if (!jumped) return false", "if (jumped || !jumped) return false")],
  },
  {
    name: "an old copy votes",
    edits: [
      edit(
        "member/rejoining-phase.ts",
        "if (isMajority(voters, answered)) {",
        "if (voters.length > 0 || isMajority(voters, answered)) {",
      ),
      edit(
        "member/member.ts",
        "if (member !== undefined && member.boot >= this.self.boot) {",
        "if (member !== undefined && member.boot > 1e9) {",
      ),
    ],
  },
  {
    name: "what was begun is not finished",
    edits: [
      edit("member/coordinator.ts", "now.monotonicMs >= finishAtMs", "now.monotonicMs < 0 * finishAtMs"),
    ],
  },
  {
    name: "lease checked before the read",
    edits: [
      edit("member/member.ts", "    this.out = []\n", "    this.out = []\n    this.checked = now\n"),
      edit(
        "member/member.ts",
        "this.seat !== undefined && this.seat.mayAnswer(slot, now)",
        "this.seat !== undefined && this.seat.mayAnswer(slot, this.checked ?? now)",
      ),
    ],
  },
  {
    name: "a wiped storage votes",
    edits: [
      ...wipedIsOld,
      edit(
        "member/seat.ts",
        "return this.view.voters.includes(this.self.storageId)",
        "return this.view.members.some((m) => m.nodeId === this.self.nodeId && this.view.voters.includes(m.storageId))",
      ),
      edit(
        "member/agreement.ts",
        "seat.proposer.onPromise(from.storageId, ",
        "seat.proposer.onPromise(seat.view.members.find((m) => m.nodeId === from.nodeId)?.storageId, ",
      ),
      edit(
        "member/agreement.ts",
        "seat.proposer.onAccepted(from.storageId, ",
        "seat.proposer.onAccepted(seat.view.members.find((m) => m.nodeId === from.nodeId)?.storageId, ",
      ),
    ],
  },
  {
    name: "a wiped storage keeps its in-sync place",
    edits: [
      ...wipedIsOld,
      edit(
        "member/seat.ts",
        "return memberOf(this.view, this.self.storageId)?.boot === this.self.boot",
        "return this.view.members.some((m) => m.nodeId === this.self.nodeId)",
      ),
      edit(
        "member/seat.ts",
        "primaryOf(assignment) !== this.self.storageId) return false",
        "this.view.members.find((m) => m.nodeId === this.self.nodeId)?.storageId !== primaryOf(assignment)) return false",
      ),
      edit(
        "member/renewal.ts",
        "const member = memberOf(seat.view, from.storageId)",
        "const member = seat.view.members.find((m) => m.nodeId === from.nodeId)",
      ),
      edit("member/renewal.ts", "|| from.boot < member.boot) return", ") return"),
    ],
  },
  {
    name: "one seed, two traces",
    edits: [
      edit(
        "member/agreement.ts",
        "seat.draw.between(backOffMs / 10, rangeMs)",
        "(100 + Math.floor(Math.random() * 900))",
      ),
    ],
  },
]
