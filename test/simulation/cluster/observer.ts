/**
 * Watches a world of nodes and clients: membership as `MemberObserver` does, and the slots' logs. It knows all disks, so it
 * knows what was committed as soon as somebody takes it for so, and judges everybody by that:
 *
 * - equal (slot, slot epoch, sequence) is the same record on every disk (I9);
 * - what somebody commits is durable on all that are in sync by his own view (I5, I11), and the same for everybody (I7);
 * - a backup applies nothing that no primary has committed (I10);
 * - who begins to serve holds all that was ever committed, and has committed it (I8);
 * - whom a certificate is given for holds it, too (I14).
 */
import { recordKind, RecordView } from "../../../src/core/entry/record.ts"
import { slotsMax } from "../../../src/core/lib/limits.ts"
import type { MessageBody, PeerMessage, Want } from "../../../src/core/member/event.ts"
import type { View } from "../../../src/core/view/view.ts"
import type { DataMessage } from "../../../src/core/node/data-message.ts"
import type { Machine, Observer } from "../machine.ts"
import { MemberObserver } from "../member/observer.ts"
import type { Checks, Coverage } from "../violation.ts"
import { type ClusterContents, digestOfLong, type LogRecord, memberSide } from "./contents.ts"
import { ClusterLogic } from "./logic.ts"
import { disagreement } from "./recovered.ts"
import type { Overheard } from "./stranger.ts"

type NodeMachine = Machine<ClusterContents>

/** An entry of a slot's log as it was first seen on a disk. Whoever holds the same holds this very object. */
interface KnownRecord {
  readonly slotEpoch: number
  readonly digest: number
}

/** How far a directory's log was looked at. */
interface SeenLog {
  readonly storageId: string
  /** It had been put back from a copy. */
  readonly isCopy: boolean
  readonly last: LogRecord | undefined
}

/** What a disk holds of a slot's log, and how far its table goes. */
interface DiskSlot {
  /** By sequence. */
  readonly records: Map<number, KnownRecord>
  last: number
}

export class ClusterObserver implements Observer<ClusterContents> {
  readonly members: MemberObserver
  private readonly checks: Checks
  private readonly coverage: Coverage
  /** Where a stranger listens: what it hears. */
  overheard: Overheard | undefined
  private machines: readonly NodeMachine[] = []
  private nowMs: () => number = () => 0
  /** Of each machine, by its index, whether it is a node; asked in every step. */
  private readonly nodes: (boolean | undefined)[] = []
  /** Every record ever on a disk, by slot and slot epoch together, and sequence. */
  private readonly records = new Map<number, Map<number, KnownRecord>>()
  private readonly seen = new Map<number, SeenLog>()
  private readonly disks = new Map<number, Map<number, DiskSlot>>()
  /** What was committed, by slot and sequence. */
  private readonly committed = new Map<number, Map<number, KnownRecord>>()
  private readonly committedLast = new Map<number, number>()
  /** The epoch in which a slot last began anew, by slot. */
  private readonly anewFrom = new Map<number, number>()
  /** Of each process: what it had committed, and whether it served, when it was last looked at. */
  private readonly known = new WeakMap<ClusterLogic, { committed: number; serving: boolean }[]>()
  private readonly certified = new Set<unknown>()
  private readonly record = new RecordView()
  private readonly unavailable = new Set<number>()

  constructor(checks: Checks, coverage: Coverage) {
    this.checks = checks
    this.coverage = coverage
    this.members = new MemberObserver(checks, coverage)
  }

  /** These slots begin anew: what was committed of them holds no more, but what their heir has applied of it does. */
  lost(slots: readonly number[], view: View): void {
    for (const slot of slots) {
      this.committed.delete(slot)
      this.committedLast.delete(slot)
      this.anewFrom.delete(slot)
      const heir = this.machineOf(view.slots[slot]?.inSync[0] ?? "")
      if (heir?.logic instanceof ClusterLogic) this.onRecovered(heir, heir.logic.node.replication.slot(slot))
      this.anewFrom.set(slot, view.epoch)
    }
  }

  attach(machines: readonly NodeMachine[], nowMs: () => number): void {
    this.machines = machines
    this.nowMs = nowMs
    this.members.attach(machines as never, nowMs)
  }

  private isNode(machine: NodeMachine): boolean {
    return (this.nodes[machine.index] ??= this.machines.includes(machine))
  }

  sending(machine: NodeMachine, message: unknown): void {
    if (!this.isNode(machine)) return
    const { body } = message as { readonly body?: { readonly kind: string } }
    if (body === undefined) return
    if (this.overheard !== undefined) this.overhear(machine, message, this.overheard)
    if (isOfData(message as DataMessage | PeerMessage)) {
      this.judgeData(machine, message as DataMessage)
      return
    }
    if (body.kind === "heartbeat")
      this.stated(machine, (message as PeerMessage).clusterId, (body as HeartbeatBody).wants)
    this.members.sending(memberSide(machine), message)
  }

  private overhear({ disk }: NodeMachine, message: unknown, overheard: Overheard): void {
    if ((message as DataMessage).body.kind === "append") overheard.append = message as DataMessage
    else if (!isOfData(message as DataMessage | PeerMessage)) {
      overheard.control = message as PeerMessage
      overheard.nodeId = disk.durable.nodeId
    }
  }

  private judgeData(machine: NodeMachine, message: DataMessage): void {
    const { storageId, boot, view } = machine.disk.durable
    this.checks.that("I4", message.from.storageId === storageId && message.from.boot === boot, () => {
      return `n${machine.index} speaks as ${message.from.storageId} boot ${message.from.boot}`
    })
    this.checks.that("I3", message.epoch <= (view?.epoch ?? 0), () => {
      return `n${machine.index} sends ${message.body.kind} of epoch ${message.epoch}, on its disk is ${view?.epoch}`
    })
    if (message.body.kind !== "appended") return
    this.checks.that("I11", !this.members.oldCopies.has(machine.index), () => {
      return `n${machine.index} acknowledges from an old copy of its directory`
    })
    for (const { slot, sequence } of message.body.acknowledged) {
      const last = this.lastOf(machine, slot)
      this.checks.that("I11", sequence <= last, () => {
        return `n${machine.index} acknowledges ${sequence} of slot ${slot}, on its disk is ${last}`
      })
    }
  }

  /** The last entry of the slot that the disk holds. */
  private lastOf(machine: NodeMachine, slot: number): number {
    const table = machine.disk.durable.table.slots.get(slot)?.sequence ?? 0
    return Math.max(table, this.disks.get(machine.index)?.get(slot)?.last ?? 0)
  }

  durable(machine: NodeMachine): void {
    if (!this.isNode(machine)) return
    this.members.durable(memberSide(machine))
    const { storageId, records } = machine.disk.durable
    const isCopy = this.members.oldCopies.has(machine.index)
    const seen = this.seen.get(machine.index)
    let from = 0
    // An old copy is another log, and so is the newest directory that is put back: what both hold does not tell them apart, since
    // a log is cut at its beginning, too.
    if (seen?.storageId === storageId && seen.isCopy === isCopy && seen.last !== undefined) {
      from = records.lastIndexOf(seen.last) + 1
      // Without the last one that was seen the log begins anew.
      if (from === 0 && records.length > 0 && (records[0] as LogRecord).end <= seen.last.end)
        this.disks.delete(machine.index)
    } else this.disks.delete(machine.index)
    for (let i = from; i < records.length; i++) this.onRecord(machine, records[i] as LogRecord)
    this.seen.set(machine.index, { storageId, isCopy, last: records.at(-1) ?? seen?.last })
  }

  private onRecord(machine: NodeMachine, { bytes, offset }: LogRecord): void {
    const record = this.record.at(bytes, offset)
    const { kind, slot, sequence, slotEpoch } = record
    let disk = this.disks.get(machine.index)
    if (disk === undefined) this.disks.set(machine.index, (disk = new Map()))
    let log = disk.get(slot)
    if (log === undefined) disk.set(slot, (log = { records: new Map(), last: 0 }))
    if (kind === recordKind.cut) {
      for (const number of log.records.keys()) if (number > sequence) log.records.delete(number)
      log.last = Math.min(log.last, sequence)
    } else if (kind === recordKind.reset) {
      log.records.clear()
      log.last = -1
    } else if (kind === recordKind.installed) log.last = sequence
    else if (kind === recordKind.entry) {
      const digest = digestOf(record)
      const same = mapOf(this.records, slotEpoch * slotsMax + slot)
      let known = same.get(sequence)
      this.checks.that("I9", known === undefined || known.digest === digest, () => {
        return `n${machine.index}: record ${sequence} of slot ${slot}, epoch ${slotEpoch}, is another elsewhere`
      })
      if (known === undefined) same.set(sequence, (known = { slotEpoch, digest }))
      log.records.set(sequence, known)
      log.last = sequence
    }
  }

  stepped(machine: NodeMachine): void {
    if (!this.isNode(machine)) return
    const { logic } = machine
    if (!(logic instanceof ClusterLogic) || machine.paused) return
    this.members.stepped(memberSide(machine))
    const { replication, member } = logic.node
    if (member !== undefined) {
      this.stated(machine, replication.view.clusterId, member.state.wants)
      this.stated(machine, replication.view.clusterId, member.state.handOvers)
    }
    let all = this.known.get(logic)
    if (all === undefined) {
      this.known.set(logic, (all = []))
      this.onStarted(machine, logic)
    }
    // Who has no lease serves nothing, whatever it takes itself for.
    const mayServe = replication.servingCount > 0 && logic.holdsLease(machine.clock.read(this.nowMs()))
    for (const slot of replication.slots) {
      let known = all[slot.slot]
      if (known === undefined) {
        all[slot.slot] = known = { committed: slot.committedSequence, serving: false }
        this.onRecovered(machine, slot)
      }
      if (slot.committedSequence > known.committed && slot.role !== "none")
        this.onCommit(machine, logic, slot, known.committed)
      known.committed = slot.committedSequence
      const serving = mayServe && slot.serving && logic.isPrimary(slot.slot)
      if (serving !== known.serving) this.onServing(machine, slot, serving)
      known.serving = serving
    }
  }

  private onStarted({ index, disk }: NodeMachine, logic: ClusterLogic): void {
    if (disk.durable.records.length === 0) return
    const { slots, wrong } = disagreement(disk.durable, logic)
    if (slots > 0) this.checks.that("I12", wrong === undefined, () => `n${index} starts: ${wrong}`)
  }

  /**
   * A primary gives evidence. A certificate is good for the step from its own view only: where that has been made, whom it
   * names may have lost its place by it, and its data, while its primary has not heard of that yet.
   */
  private stated(machine: NodeMachine, clusterId: string, wants: readonly Want[]): void {
    for (const want of wants) {
      if (want.kind === "release") this.members.ledger.release(want.release)
      else if (want.kind === "promote" && !this.certified.has(want)) {
        this.certified.add(want)
        this.members.ledger.certify(want.certificate)
        const { epoch, slot, learner } = want.certificate
        if (this.members.ledger.isSucceeded(clusterId, epoch)) continue
        const holder = this.machineOf(learner)
        // A directory that has gone meanwhile cannot be asked. Nor can one that was put back from a copy: the certificate rests on what
        // its process acknowledged from the newest, which comes back. The copy's acknowledges nothing (`judgeData`).
        const isThere = holder !== undefined && !this.members.oldCopies.has(holder.index)
        const last = isThere ? this.lastOf(holder, slot) : Infinity
        this.checks.that("I14", last >= (this.committedLast.get(slot) ?? 0), () => {
          return `n${machine.index} certifies ${learner} for slot ${slot}, which holds ${last} of ${this.committedLast.get(slot)}`
        })
      }
    }
  }

  private onServing(machine: NodeMachine, slot: SlotState, serving: boolean): void {
    if (!serving) {
      this.unavailable.add(slot.slot)
      return
    }
    if (this.unavailable.delete(slot.slot)) this.coverage.count("unavailable slot that came back")
    const last = this.committedLast.get(slot.slot) ?? 0
    this.checks.that("I8", slot.committedSequence >= last, () => {
      return `n${machine.index} serves slot ${slot.slot} from ${slot.committedSequence}, committed was ${last}`
    })
  }

  /** What a log says by itself was committed, though the process died before anybody saw it commit. */
  private onRecovered(machine: NodeMachine, slot: SlotState): void {
    // Who was given up is nobody's past any more.
    if (this.members.ledger.givenUp.has(machine.disk.durable.storageId)) return
    const committed = mapOf(this.committed, slot.slot)
    // Nor is what others still hold from before a loss: its heir has said what is left of that.
    const anewFrom = this.anewFrom.get(slot.slot) ?? 0
    for (const [sequence, record] of this.disks.get(machine.index)?.get(slot.slot)?.records ?? []) {
      if (sequence > slot.committedSequence || record.slotEpoch < anewFrom) continue
      const known = committed.get(sequence)
      this.checks.that("I7", known === undefined || known === record, () => {
        return `n${machine.index} recovers another ${sequence} of slot ${slot.slot} than was committed`
      })
      committed.set(sequence, record)
      this.committedLast.set(slot.slot, Math.max(sequence, this.committedLast.get(slot.slot) ?? 0))
    }
  }

  private onCommit(machine: NodeMachine, logic: ClusterLogic, slot: SlotState, from: number): void {
    const { view } = logic.node.replication
    // Who has not heard of a loss goes on in what was given up; he may answer nothing of it (I6).
    if (view.epoch < (this.anewFrom.get(slot.slot) ?? 0)) return
    const log = this.disks.get(machine.index)?.get(slot.slot)
    const committed = mapOf(this.committed, slot.slot)
    for (let sequence = from + 1; sequence <= slot.committedSequence; sequence++) {
      const record = log?.records.get(sequence)
      if (record === undefined) continue // by a snapshot
      const known = committed.get(sequence)
      if (known !== undefined) {
        this.checks.that("I7", known === record, () => {
          return `n${machine.index} commits another ${sequence} of slot ${slot.slot}: ${JSON.stringify(record)}, not ${JSON.stringify(known)}`
        })
        continue
      }
      this.checks.that("I10", slot.role === "primary", () => {
        return `n${machine.index}, ${slot.role} of slot ${slot.slot}, applies ${sequence}, which nobody has committed`
      })
      committed.set(sequence, record)
      this.committedLast.set(slot.slot, Math.max(sequence, this.committedLast.get(slot.slot) ?? 0))
      this.judgeCommit(machine, view, slot.slot, sequence, record)
    }
  }

  /** All that are in sync by the committer's view hold it on disk. */
  private judgeCommit(
    machine: NodeMachine,
    view: View,
    slot: number,
    sequence: number,
    record: KnownRecord,
  ): void {
    for (const storageId of view.slots[slot]?.inSync ?? []) {
      const other = this.machineOf(storageId)
      // A directory that is gone, or was put back from a copy, cannot be asked.
      if (other === undefined || this.members.oldCopies.has(other.index)) continue
      // Who has acknowledged, and has since lost its place, may have discarded it.
      const { view: newer } = other.disk.durable
      if (
        newer !== undefined &&
        newer.epoch > view.epoch &&
        newer.slots[slot]?.inSync.includes(storageId) === false
      )
        continue
      const table = other.disk.durable.table.slots.get(slot)?.sequence ?? 0
      const held = this.disks.get(other.index)?.get(slot)?.records.get(sequence)
      this.checks.that("I5", held === record || (held === undefined && table >= sequence), () => {
        return `n${machine.index} commits ${sequence} of slot ${slot} (view ${view.epoch}), which ${storageId} does not hold`
      })
    }
  }

  private machineOf(storageId: string): NodeMachine | undefined {
    return this.machines.find((machine) => machine.disk.durable.storageId === storageId)
  }

  dying(machine: NodeMachine): void {
    if (this.isNode(machine)) this.members.dying(memberSide(machine))
  }
  resumed(machine: NodeMachine): void {
    if (this.isNode(machine)) this.members.resumed(memberSide(machine))
  }
}

/** Of a record; longer ones are digested faster behind their first bytes. */
const longBytes = 65_536
const headBytes = 128

type HeartbeatBody = Extract<MessageBody, { kind: "heartbeat" }>
type SlotState = ClusterLogic["node"]["replication"]["slots"][number]

function mapOf<K, A, B>(map: Map<K, Map<A, B>>, key: K): Map<A, B> {
  let found = map.get(key)
  if (found === undefined) map.set(key, (found = new Map()))
  return found
}

/** Whether it is between data paths; the others name the node that they come from. */
function isOfData(message: DataMessage | PeerMessage): message is DataMessage {
  return !("nodeId" in message.from)
}

/** All of a record but what is each log's own, as 53 bits. */
function digestOf({ bytes, offset, length }: RecordView): number {
  let a = 0x811c9dc5
  let b = 0x3c6ef372
  const mix = (byte: number) => {
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(b ^ (byte + (a >>> 15)), 0x85ebca6b)
  }
  const headLength = length < longBytes ? length : headBytes
  for (let i = 0; i < headLength; i++) mix(i >= 84 && i < 88 ? 0 : (bytes[offset + i] as number))
  if (headLength < length)
    for (const letter of digestOfLong(bytes.subarray(offset + headLength, offset + length)))
      mix(letter.charCodeAt(0))
  return (a >>> 0) * 2 ** 21 + (b >>> 11)
}
