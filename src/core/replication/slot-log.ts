/**
 * The log of one slot on this node: operations numbered `(slotEpoch, sequence)` without gaps, and how far they have come.
 * The sequence goes on over slot epochs, as an index goes on over terms in Raft.
 *
 * ```
 *            committed     matched      durable      sequence
 * ───────────────┼────────────┼────────────┼────────────┼──▶
 *   applied          shared with           in this log,
 *                    the primary           prepared
 * ```
 *
 * Committed is applied: what commits is applied at once. Of a backup the order of `matched` and `durable` may be the other
 * way round; it acknowledges what is both. This class holds the state and keeps it consistent; what a primary and a
 * backup do with it is in `primary.ts` and `backup.ts`.
 */
import { assert } from "../lib/assert.ts"
import type { StorageId } from "../view/view.ts"
import type { ClientRow } from "./client-row.ts"
import { EpochTable } from "./epochs.ts"
import type { Follower } from "./follower.ts"
import type { Installing } from "./install.ts"
import type { Peer } from "./peer.ts"
import type { Prepared } from "./prepared.ts"

/** `none`: the view gives this node no place in the slot. */
export type Role = "none" | "learner" | "backup" | "primary"

/** One for all slots that have none: it is looked at for each record. */
export const nobody: readonly Follower[] = Object.freeze([])

export class SlotLog {
  // What each request and each tick touch comes first and lies together, what a backup touches besides behind it: of four thousand
  // slots none is in the cache when it is asked for, and an object of so many fields is four lines of it.
  readonly slot: number
  /** Of the slot's assignment in the present view. A primary numbers new records in it. */
  slotEpoch: number
  role: Role = "none"
  /** Serves: is primary, its tail is committed, has not released the slot. */
  serving = false
  /** Of a primary. */
  followers: readonly Follower[] = nobody
  /** In the list of those that became durable just now. */
  isTouched = false
  /** The last entry of this node's log; -1 while the slot is incomplete (a snapshot has begun and not ended). */
  sequence = 0
  /** All up to here is durable in this node's log. */
  durableSequence = 0
  committedSequence = 0
  /** The slot's clock: never goes back, so that what has expired stays so whoever is primary (cluster.md, "Expiry"). */
  clockMs = 0
  /** Entries behind `committedSequence`, oldest first. */
  first: Prepared | undefined = undefined
  last: Prepared | undefined = undefined
  /** The newest run of `epochs`, which need not be touched for it: what is asked for and what is added is of that one. */
  private lastEpoch = 0
  private lastFirst = Infinity

  // Of a backup or learner
  /** Who the view says is primary. */
  primary: StorageId = ""
  /** All up to here is the same in the log of the primary of this slot epoch. */
  matchedSequence = 0
  /** The commit point that the primary told in this slot epoch. */
  toldSequence = 0
  /** The message whose records are being taken, if they fit. */
  accepting = 0
  /** To whom this replica owes an acknowledgement: it is in that peer's list. */
  owedTo: Peer | undefined = undefined
  installing: Installing | undefined = undefined
  /**
   * What a copy brought may be of different moments up to here (`snapshot.ts`). Not known after a restart, but then nothing is compared
   * before the table holds all that the log held.
   */
  wholeSequence = 0
  /** Where the note of the last reset ends in the log: snapshots in front of it are void. */
  resetPosition = 0

  // Of a primary
  /** Up to here records were written as ones that commit when they are durable here. */
  soloSequence = 0
  /** It serves nothing before all up to here, which its predecessor may have acknowledged, is committed. */
  takeoverSequence = 0
  /** Handed over in this epoch: serves no more. */
  released = false

  readonly epochs = new EpochTable()
  /** What it holds of the slot cannot be trusted (`damage.ts`). */
  isDamaged = false

  constructor(slot: number, slotEpoch: number) {
    this.slot = slot
    this.slotEpoch = slotEpoch
  }

  /** Its place is no longer good for anything but a snapshot. */
  get isIncomplete(): boolean {
    return this.sequence < 0
  }

  /** @returns the slot's clock, moved forward to the wall clock if that is ahead */
  now(wallMs: number): number {
    if (wallMs > this.clockMs) this.clockMs = wallMs
    return this.clockMs
  }

  /** How many entries are not known to be committed when one more is appended; 0 where none has to be acknowledged. */
  uncommittedNext(): number {
    return this.followers.length === 0 ? 0 : this.sequence + 1 - this.committedSequence
  }

  /** The next number of a primary. */
  nextSequence(): number {
    assert(this.sequence >= 0, "a primary's slot is complete")
    const sequence = ++this.sequence
    this.numbered(this.slotEpoch, sequence)
    if (this.followers.length === 0) this.soloSequence = sequence
    return sequence
  }

  /** The log goes on with the entry `sequence` of this slot epoch. */
  numbered(slotEpoch: number, sequence: number): void {
    if (slotEpoch === this.lastEpoch) return
    this.epochs.append(slotEpoch, sequence)
    this.keepLastRun()
  }

  /** @returns what `epochs.at` does */
  epochAt(sequence: number): number {
    return sequence >= this.lastFirst ? this.lastEpoch : this.epochs.at(sequence)
  }

  private keepLastRun(): void {
    this.lastEpoch = this.epochs.last
    this.lastFirst = this.epochs.lastFirst
  }

  /** An entry is in the log. */
  push(prepared: Prepared): void {
    if (this.last === undefined) this.first = prepared
    else this.last.nextInSlot = prepared
    this.last = prepared
  }

  /** Takes the oldest prepared entry as committed. */
  commit(): Prepared {
    const { first } = this
    assert(first !== undefined, "only what was numbered is committed")
    assert(first.sequence === this.committedSequence + 1, "commits follow the log without gaps")
    this.committedSequence = first.sequence
    this.first = first.nextInSlot
    if (this.first === undefined) this.last = undefined
    return first
  }

  /** Takes the entries behind `sequence` out of the log. @returns the first of them; the others follow it */
  cut(sequence: number): Prepared | undefined {
    assert(sequence >= this.committedSequence, "what is committed is never cut")
    let kept: Prepared | undefined
    let gone = this.first
    while (gone !== undefined && gone.sequence <= sequence) {
      kept = gone
      gone = gone.nextInSlot
    }
    if (kept === undefined) this.first = undefined
    else kept.nextInSlot = undefined
    this.last = kept
    this.sequence = sequence
    this.durableSequence = Math.min(this.durableSequence, sequence)
    this.matchedSequence = Math.min(this.matchedSequence, sequence)
    this.epochs.cut(sequence)
    this.keepLastRun()
    return gone
  }

  /** The whole state is that at `sequence` from here on; nothing is prepared. */
  restart(slotEpoch: number, sequence: number): void {
    this.wholeSequence = 0
    this.first = undefined
    this.last = undefined
    this.sequence = sequence
    this.durableSequence = Math.max(0, sequence)
    this.committedSequence = Math.max(0, sequence)
    this.matchedSequence = Math.max(0, sequence)
    this.toldSequence = 0
    this.epochs.restart(slotEpoch, Math.max(0, sequence))
    this.keepLastRun()
  }

  /** The prepared write of a client under this number. Only a retry that overtakes the commit asks: a walk will do. */
  find(row: ClientRow, number: number): Prepared | undefined {
    let prepared = this.first
    while (prepared !== undefined && (prepared.row !== row || prepared.number !== number))
      prepared = prepared.nextInSlot
    return prepared
  }
}
