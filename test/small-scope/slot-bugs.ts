/**
 * The seeded bugs of replication, takeover, catch-up, exactly once and moves, as text patches to a copy of the core; each
 * with the scope that catches it.
 */
import type { Edit, Mutant } from "../support/patched-core.ts"

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace })

export interface SlotBug extends Mutant {
  readonly scope: string
}

const bug = (name: string, scope: string, ...edits: readonly Edit[]): SlotBug => ({ name, scope, edits })

/** No bug: a replica may say at any time where it stands. One that does so at once brings others' bugs about in fewer steps. */
const acknowledgesAtOnce = edit(
  "replication/backup.ts",
  "if (slot.durableSequence >= slot.matchedSequence) peer.acknowledge(slot)",
  "peer.acknowledge(slot)",
)

export const slotBugs: readonly SlotBug[] = [
  bug(
    "acknowledged before all in sync have it",
    "slotTakeover",
    edit(
      "replication/primary.ts",
      "if (follower.isNeeded && follower.ackedSequence < point)",
      "if (follower.isNeeded && follower.ackedSequence < 0)",
    ),
  ),
  bug(
    "acknowledged before the own append",
    "slotCrash",
    edit("replication/primary.ts", "let point = slot.durableSequence", "let point = slot.sequence"),
  ),
  bug(
    "a backup acknowledges before its own append",
    "slotBackupCrash",
    edit(
      "replication/peer.ts",
      "Math.min(slot.matchedSequence, slot.durableSequence)",
      "slot.matchedSequence",
    ),
    acknowledgesAtOnce,
  ),
  bug(
    "certified learner ignored",
    "slotLearner",
    edit("replication/follower.ts", "return !this.isLearner || this.isCertified", "return !this.isLearner"),
  ),
  bug(
    "promoted without a certificate, while data moves",
    "slotLearner",
    edit(
      "view/legal.ts",
      "if (!before.learners.includes(learner)) return false",
      "if (learner !== '') return true",
    ),
  ),
  bug(
    "promoted with a certificate of an older epoch, while data moves",
    "slotCertificate",
    edit("view/legal.ts", "certificate.epoch === view.epoch &&", "certificate.epoch <= view.epoch &&"),
    edit("view/legal.ts", "certificate.primary === primary &&", ""),
  ),
  bug(
    "certified before the taken-over tail is committed",
    "slotTail",
    edit(
      "replication/primary.ts",
      "|| follower.isCertified || !slot.serving) return",
      "|| follower.isCertified) return",
    ),
  ),
  bug(
    "certified without what commits by this node alone",
    "slotSolo",
    edit(
      "replication/primary.ts",
      "Math.max(slot.committedSequence, slot.soloSequence)",
      "Math.max(slot.committedSequence, 0)",
    ),
    acknowledgesAtOnce,
  ),
  bug(
    "served before the taken-over tail is committed",
    "slotSwap",
    edit(
      "replication/roles.ts",
      "slot.takeoverSequence = slot.sequence",
      "slot.takeoverSequence = slot.committedSequence",
    ),
  ),
  bug(
    "restarted primary goes on in its old slot epoch, with its data",
    "slotCrash",
    edit(
      "replication/roles.ts",
      'return isNamed ? "primary" : "backup"',
      'return isNamed ? "primary" : "primary"',
    ),
    edit("replication/backup.ts", "?.boot === from.boot", "?.boot !== undefined"),
  ),
  bug(
    "cut to the last commit",
    "slotThree",
    edit(
      "replication/roles.ts",
      "slot.matchedSequence = slot.committedSequence",
      "if (role === 'backup' && slot.sequence > slot.committedSequence) replication.cut(slot, slot.committedSequence)\n    slot.matchedSequence = slot.committedSequence",
    ),
  ),
  bug(
    "cut only to the newest epoch's start",
    "slotTails",
    edit("replication/backup.ts", "if (own !== previousEpoch || own === unknownEpoch) return false\n", ""),
  ),
  bug(
    "cut again by a late batch",
    "slotTakeover",
    edit(
      "replication/backup.ts",
      "if (sequence <= slot.matchedSequence) return true",
      "if (sequence <= slot.matchedSequence) {\n    if (sequence >= slot.committedSequence && sequence < slot.sequence) replication.cut(slot, sequence)\n    return true\n  }",
    ),
  ),
  bug(
    "commit point applied unmatched",
    "slotForeign",
    edit(
      "replication/backup.ts",
      "if (!fits(replication, slot, segment)) {",
      "slot.toldSequence = Math.max(slot.toldSequence, segment.commitSequence)\n    replication.advance(slot, now)\n    if (!fits(replication, slot, segment)) {",
    ),
    edit(
      "replication/replication.ts",
      "Math.min(toldSequence, matchedSequence, durableSequence)",
      "Math.min(toldSequence, Math.max(matchedSequence, durableSequence))",
    ),
  ),
  bug(
    "results dropped without a floor",
    "slotFloor",
    edit(
      "node/data.ts",
      "if (request.number < row.floor) return this.fail(request, requester, code.stale_request)\n",
      "",
    ),
    edit("replication/client-row.ts", 'assert(number >= this.floor, "below the floor nothing is known")', ""),
    edit(
      "replication/client-row.ts",
      'assert(number >= this.floor, "a number lies in its client\'s window")',
      "",
    ),
  ),
  bug(
    "a retry goes on beside a prepared first attempt",
    "slotTakeover",
    edit("node/data.ts", "if (known !== never) return", "if (known !== never && known !== -2) return"),
  ),
  bug(
    "expiry answered before it is logged",
    "slotExpiry",
    edit(
      "node/data.ts",
      "return this.readExpired(request, slot, requester)",
      "return this.fail(request, requester, code.alias_not_found)",
    ),
  ),
  bug(
    "takes over with a slower clock",
    "slotExpiry",
    edit(
      "replication/replication.ts",
      "slot.now(record.slotClockMs)\n    slot.push(prepared)",
      "slot.push(prepared)",
    ),
  ),
  bug(
    "a prepared value is served",
    "slotTakeover",
    edit(
      "node/data.ts",
      "    if (handle === absent || slot === undefined) {\n",
      "    const early = this.replication.queue.changes.latest(this.memory.aliasHash, request.bytes, request.aliasStart, request.aliasEnd)\n    if (early !== undefined) {\n      const record = this.record.at(early.bytes, early.offset)\n      return this.output.content(requester, request.requestId, record.bytes, record.contentOffset, record.contentLength)\n    }\n    if (handle === absent || slot === undefined) {\n",
    ),
  ),
  bug(
    "no fence",
    "slotThree",
    edit(
      "replication/backup.ts",
      "if (log === undefined || log.slotEpoch !== slotEpoch) return undefined",
      "if (log === undefined || slotEpoch > log.slotEpoch) return undefined",
    ),
    edit("replication/backup.ts", "if (log.primary !== storageId) return undefined\n", ""),
  ),
  bug(
    "a proposed removal counts as decided",
    "slotRemoval",
    edit(
      "replication/follower.ts",
      "return !this.isLearner || this.isCertified",
      "return (!this.isLearner && this.stalledMs < 2_000) || this.isCertified",
    ),
  ),
  bug(
    "the source is deleted before the view without it is decided",
    "slotMove",
    edit(
      "replication/replication.ts",
      "    slot.released = true\n",
      "    slot.released = true\n    if (slot.first === undefined) this.discard(slot)\n",
    ),
  ),
  bug(
    "the exactly-once table is forgotten in a snapshot",
    "slotSnapshot",
    edit("replication/snapshot.ts", "return results.reverse()", "return results.slice(0, 0)"),
  ),
  bug(
    "a slot that was handed over is served on",
    "slotMove",
    edit("replication/replication.ts", "    slot.serving = false\n    this.servingCount--\n", ""),
  ),
  bug(
    "a log that reaches the snapshot's state is given up for it",
    "slotPieces",
    edit(
      "replication/install.ts",
      "return slot.sequence >= sequence && slot.epochs.at(sequence) === lastEpoch",
      "return slot.committedSequence >= sequence",
    ),
  ),
]
