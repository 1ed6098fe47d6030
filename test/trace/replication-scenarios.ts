/** One story each: what becomes of a slot's data. A reader learns replication from them. */
import { type NodeMachine, ReplicationStory } from "./replication-story.ts"

/** A node that is none of these. */
const other = (story: ReplicationStory, ...taken: NodeMachine[]): NodeMachine =>
  story.nodes.find((machine) => !taken.includes(machine)) as NodeMachine

/** From here on nothing about entries passes from one to the others, though heartbeats do. */
function block(story: ReplicationStory, from: NodeMachine, ...to: NodeMachine[]): void {
  for (const machine of to) story.blocked.add(`${from.address}>${machine.address}`.replaceAll(":2836", ""))
}

/** Three nodes with an entry. */
function three(story: ReplicationStory): { primary: NodeMachine; backup: NodeMachine; third: NodeMachine } {
  story.found(3)
  const { primary } = story
  const [backup] = story.backups() as [NodeMachine]
  story.chapter("an entry is there before anything happens")
  story.write(primary, "put", "a", "1")
  story.answered()
  story.pass(300)
  return { primary, backup, third: other(story, primary, backup) }
}

const stories: Readonly<Record<string, (story: ReplicationStory) => void>> = {
  "slot-write": (story) => {
    story.found(3)
    const { primary } = story
    const [backup] = story.backups() as [NodeMachine]
    story.chapter(
      "a write at the primary: sent to the backup while it is written, committed when both have it on disk",
    )
    story.write(primary, "put", "a", "1")
    story.answered()
    story.pass(300)
    story.chapter("a write at a node that holds nothing of the slot: it forwards")
    story.write(other(story, primary, backup), "update", "a", "2")
    story.answered()
    story.chapter("what fails is logged, too: the answer is as durable as any, and a retry gets the same")
    story.write(primary, "put", "a", "3")
    story.answered()
    story.again(primary)
    story.answered()
    story.chapter("a read at the backup: only the primary answers")
    story.get(backup, "a")
    story.answered()
  },
  "slot-backup-dies": (story) => {
    const { primary, backup } = three(story)
    story.chapter("the backup dies, and a write waits for it until a view without it is there")
    story.kill(backup)
    story.write(primary, "update", "a", "2")
    story.answered()
    story.chapter(
      "when the grace period is over the third node learns the slot, and is promoted: the factor is restored",
    )
    story.until(() => story.isWhole())
  },
  "slot-backup-unreachable": (story) => {
    const { primary, backup } = three(story)
    story.chapter(
      "nothing about entries reaches the backup, though its heartbeats are heard: nobody evicts it, but the primary wants it out of the slot",
    )
    block(story, primary, backup)
    story.write(primary, "update", "a", "2")
    story.answered()
    story.chapter("this goes on for a while, in which nobody waits for the backup; then it is over")
    story.pass(3_000)
    story.blocked.clear()
    story.until(() => story.isWhole())
  },
  "slot-primary-dies": (story) => {
    story.factor = 3
    const { primary, backup, third } = three(story)
    story.chapter("of the next write the second node hears and the third does not; of one more, nobody")
    block(story, primary, third)
    story.write(primary, "update", "a", "2")
    story.pass(20)
    block(story, primary, backup)
    story.write(primary, "update", "a", "3")
    story.pass(20)
    story.chapter(
      "the primary dies. Neither write was answered: either may be kept or not, but by everybody alike",
    )
    story.kill(primary)
    story.until(() => story.isWhole(), 20_000)
    story.blocked.clear()
    story.get(story.primary, "a")
    story.answered()
    story.chapter("the client asks again for the last write, and it goes on")
    story.again(story.primary)
    story.answered()
    story.chapter(
      "the old primary returns with a tail that nobody has: it is cut before anything else is acknowledged",
    )
    story.start(primary)
    story.until(() => story.isWhole())
  },
  "slot-pause-and-zombie": (story) => {
    const { primary, backup } = three(story)
    story.chapter(
      "the primary stands still just when a batch was to leave; it is taken for dead, and the backup takes over",
    )
    story.world.pause(primary, true)
    story.write(primary, "update", "a", "lost")
    story.pass(4_800)
    story.write(backup, "update", "a", "2")
    story.answered()
    story.chapter(
      "it wakes, and the batch leaves, six seconds late: it is of a slot epoch that is over. Its lease is, too",
    )
    story.get(primary, "a")
    story.pass(1_200)
    story.world.resume(primary)
    story.until(() => story.isWhole())
  },
  "slot-catch-up-tail": (story) => {
    const { primary, backup } = three(story)
    story.chapter("the backup is away while two entries are written, and is out of the slot")
    story.kill(backup)
    story.write(primary, "put", "b", "1")
    story.answered()
    story.write(primary, "put", "c", "1")
    story.answered()
    story.chapter(
      "it is back within the grace period: it learns again, and is sent the log behind what it has",
    )
    story.start(backup)
    story.until(() => story.isWhole())
  },
  "slot-catch-up-snapshot": (story) => {
    story.tailBytes = 0
    const { primary, backup } = three(story)
    story.chapter(
      "the backup is away while two entries are written and leave the primary's log for its table",
    )
    story.kill(backup)
    story.write(primary, "put", "b", "1")
    story.answered()
    story.write(primary, "put", "c", "1")
    story.answered()
    story.until(() => primary.disk.durable.records.length === 0)
    story.chapter("it is back: the log does not reach back to what it has, so it gets a copy of the slot")
    story.start(backup)
    story.until(() => story.isWhole())
  },
  "slot-move": (story) => {
    const { primary } = three(story)
    story.chapter(
      "the primary is to leave for good: its place moves by learner, certificate, release and hand-over",
    )
    story.world.command(primary, "leave")
    story.write(primary, "update", "a", "2")
    story.answered()
    story.until(() => !primary.running)
    story.chapter("nothing was lost on the way")
    story.get(story.primary, "a")
    story.answered()
  },
  "slot-retry-across-takeover": (story) => {
    const { primary, backup } = three(story)
    story.chapter("a write has reached the backup when the primary dies; its client hears nothing")
    story.write(primary, "put", "b", "1")
    story.pass(3.5)
    story.kill(primary)
    story.chapter(
      "the client asks the backup again under the same number, which knows the write as prepared or has applied it",
    )
    story.again(backup)
    story.until(() => story.isServedBy(backup), 20_000)
    story.again(backup)
    story.answered()
    story.chapter("and once more, late: a put that was carried out twice would say alias_already_exists")
    story.again(backup)
    story.answered()
  },
  "slot-last-replica-returns": (story) => {
    story.repairGraceMs = 30_000
    const { primary, backup } = three(story)
    story.chapter(
      "the backup dies, and is out of the slot; one more entry is acknowledged by the primary alone",
    )
    story.kill(backup)
    story.write(primary, "put", "b", "1")
    story.answered()
    story.chapter(
      "then the primary dies, and the old backup returns: its copy is stale, and it does not get the place",
    )
    story.kill(primary)
    story.pass(1_000)
    story.start(backup)
    story.pass(8_000)
    story.get(backup, "b")
    story.answered()
    story.chapter("the last replica returns, and with it all that was acknowledged")
    story.start(primary)
    story.until(() => story.isWhole())
    story.get(backup, "b")
    story.answered()
  },
  "slot-disk-error": (story) => {
    const { primary } = three(story)
    story.chapter(
      "the primary's disk takes writes and does not finish them: others are better off without it, so it stops",
    )
    primary.disk.hangs = true
    story.write(primary, "update", "a", "2")
    story.until(() => !primary.running)
    story.until(() => story.isServed(), 20_000)
    story.chapter("the client asks again, and is answered by the successor")
    story.again(story.primary)
    story.answered()
    story.chapter(
      "the disk is well again: the node reads its log, finds out what of it counts, and catches up",
    )
    primary.disk.hangs = false
    story.until(() => story.isWhole())
  },
  "slot-damaged-entry": (story) => {
    const { primary } = three(story)
    story.spoil(primary, "a", "unreadable")
    story.chapter(
      "the entry does not match its checksum on the primary's disk: nobody is shown it, and the backup takes over",
    )
    story.get(primary, "a")
    story.answered()
    story.until(() => story.isServed() && story.primary !== primary)
    story.get(story.primary, "a")
    story.answered()
    story.chapter("the damaged replica is out of the slot, discards it, and is copied anew")
    story.until(() => !story.isWhole())
    story.until(() => story.isWhole())
  },
  "slot-damaged-list": (story) => {
    const { primary } = three(story)
    story.spoil(primary, "a", "unreadable")
    story.chapter(
      "a list comes by an entry that does not match its checksum: the backup takes over, and has it",
    )
    story.list(primary)
    story.answered()
    story.until(() => story.isServed() && story.primary !== primary)
    story.list(story.primary)
    story.answered()
    story.chapter("the damaged replica is copied anew")
    story.until(() => !story.isWhole())
    story.until(() => story.isWhole())
  },
  "slot-factor": (story) => {
    const { primary } = three(story)
    story.chapter("an operator wants three replicas: the third node learns the slot and is promoted")
    story.wantFactor(primary, 3)
    story.until(() => story.isWhole())
    story.chapter(
      "and two again: the one that the plan does not want is dropped, and discards its copy when that is decided",
    )
    story.wantFactor(primary, 2)
    story.until(() => story.isWhole())
  },
  "slot-copies-differ": (story) => {
    const { primary, backup } = three(story)
    story.spoil(backup, "a", "another")
    story.chapter(
      "the backup holds another content with a checksum that holds, which no fault of the protocol's brings about; half a minute later the replicas are compared",
    )
    story.until(() => !story.isWhole())
    story.chapter("its copy is given up, and it is copied anew")
    story.until(() => story.isWhole())
    story.get(primary, "a")
    story.answered()
  },
}

export const replicationScenarios: readonly string[] = Object.keys(stories)

export function narrateReplication(name: string): string {
  const story = new ReplicationStory()
  stories[name]?.(story)
  return `${story.lines.join("\n").trim()}\n`
}
