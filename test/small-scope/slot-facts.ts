/**
 * What there is to see of a node from outside: its log as it stands on its disk, what it has applied, what it would answer.
 * Read from the bytes on the disk and not from what the code says of them.
 */
import { errorOf } from "../../src/wire/errors.ts"
import { noResult, recordEffect, recordKind, RecordView } from "../../src/core/entry/record.ts"
import { latin1 } from "../support/map-memory.ts"
import { type LogRecord, recordAt } from "./slot-log.ts"
import type { Machine } from "./slot-node.ts"

/** One record of a slot's log, the same on all replicas. */
export interface Entry {
  readonly slotEpoch: number
  readonly sequence: number
  /** Of the client's write, 0 = the node's own. */
  readonly number: number
  readonly effect: number
  readonly alias: string
  readonly content: string
  readonly expiresAtMs: number
  readonly clockMs: number
  /** What whoever asked is told. */
  readonly answer: string
}

/** The log behind `base`, up to which a snapshot was installed; -1: it is not complete. */
export interface History {
  readonly base: number
  readonly baseEpoch: number
  readonly entries: readonly number[]
}

export interface Facts {
  readonly index: number
  readonly boot: number
  readonly epoch: number
  readonly role: string
  readonly slotEpoch: number
  readonly serving: boolean
  readonly hasReleased: boolean
  readonly committed: number
  readonly isIncomplete: boolean
  readonly history: History
  /** Of what is synced. */
  readonly durable: History
  /** Where the log may end after a crash. */
  readonly ends: readonly number[]
  readonly followers: number
  readonly owes: boolean
  readonly wallMs: number
  /** Applied, by alias. */
  readonly content: string
  readonly probe: readonly string[]
}

export const lastOf = (history: History): number => history.base + history.entries.length

/** Numbers for records that are equal but for what each log has of its own. */
export class Entries {
  private readonly byText = new Map<string, number>()
  private readonly known: Entry[] = []
  private readonly cursor = new RecordView()
  private readonly numbers = new WeakMap<Uint8Array, number>()

  at(number: number): Entry {
    return this.known[number] as Entry
  }

  private of(bytes: Uint8Array): number {
    let number = this.numbers.get(bytes)
    if (number !== undefined) return number
    const record = this.cursor.at(bytes, recordAt)
    const { aliasOffset, aliasLength, contentOffset, contentLength, resultOffset, resultLength } = record
    const result =
      resultLength === noResult ? "" : ` ${latin1(bytes, resultOffset, resultOffset + resultLength)}`
    const entry: Entry = {
      slotEpoch: record.slotEpoch,
      sequence: record.sequence,
      number: record.number,
      effect: record.effect,
      alias: latin1(bytes, aliasOffset, aliasOffset + aliasLength),
      content: latin1(bytes, contentOffset, contentOffset + contentLength),
      expiresAtMs: record.expiresAtMs,
      clockMs: record.slotClockMs,
      answer: (record.code === 0 ? "ok" : errorOf(record.code).name) + result,
    }
    const text = JSON.stringify([entry, record.floor])
    number = this.byText.get(text)
    if (number === undefined) {
      this.byText.set(text, (number = this.known.length))
      this.known.push(entry)
    }
    this.numbers.set(bytes, number)
    return number
  }

  history(records: readonly LogRecord[], end: number): History {
    let base = 0
    let baseEpoch = 0
    let entries: number[] = []
    const cursor = new RecordView()
    for (const record of records) {
      if (record.end > end) break
      const { kind, sequence, slotEpoch } = cursor.at(record.bytes, recordAt)
      if (kind === recordKind.entry) {
        if (sequence !== base + entries.length + 1) throw new Error(`the log has ${sequence} out of order`)
        entries.push(this.of(record.bytes))
      } else if (kind === recordKind.cut)
        entries.length = Math.min(entries.length, Math.max(0, sequence - base))
      else if (kind === recordKind.reset || kind === recordKind.installed) {
        base = kind === recordKind.reset ? -1 : sequence
        baseEpoch = kind === recordKind.reset ? 0 : slotEpoch
        entries = []
      }
    }
    return { base, baseEpoch, entries }
  }

  /** What the entries of a log make of the slot, `[alias, content, expiry]` each. */
  state(log: readonly number[], length = log.length): ReadonlyMap<string, Entry> {
    const state = new Map<string, Entry>()
    for (const number of log.slice(0, length)) {
      const entry = this.at(number)
      if (entry.effect === recordEffect.store) state.set(entry.alias, entry)
      else if (entry.effect === recordEffect.remove) state.delete(entry.alias)
    }
    return state
  }
}

export function contentText(
  entries: Iterable<{ alias: string; content: string; expiresAtMs: number }>,
): string {
  return [...entries]
    .map(({ alias, content, expiresAtMs }) => `${alias}=${content}@${expiresAtMs}`)
    .sort()
    .join()
}

/** Spoils the machine: the probe is a request. */
export function factsOf(machine: Machine, entries: Entries): Facts {
  const { node, log, host, view } = machine
  const slot = node.replication.slot(0)
  const history = entries.history(log.records, log.position)
  const { role, slotEpoch, serving, released, committedSequence, sequence, followers } = slot
  if (lastOf(history) !== sequence)
    throw new Error(`the log ends at ${lastOf(history)}, the node says ${sequence}`)
  return {
    index: machine.index,
    boot: machine.boot,
    epoch: view.epoch,
    role,
    slotEpoch,
    serving,
    hasReleased: released,
    committed: committedSequence,
    isIncomplete: slot.isIncomplete,
    history,
    durable: entries.history(log.records, log.durable),
    ends: [log.durable, ...log.records.map((record) => record.end).filter((end) => end > log.durable)],
    followers: followers.length,
    owes: followers.some((follower) => follower.ackedSequence < sequence && follower.stalledMs === 0),
    wallMs: machine.wallMs,
    content: contentText(
      [...host.memory.entries.values()].map(({ alias, content, expiresAtMs }) => ({
        alias,
        content: latin1(content),
        expiresAtMs,
      })),
    ),
    probe: machine.probe(),
  }
}
