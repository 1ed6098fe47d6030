/**
 * What a log of replicated slots means, in the plainest way: all records that were ever appended, replayed from the first
 * one. The storage engine keeps tables, positions and notes instead; whatever it answers is compared with this.
 */
import { recordKind } from "../../../../src/core/entry/record.ts"
import { hashAdd, rowChecksum, rowHash } from "../../../../src/storage/checksum.ts"

export interface ModelRecord {
  readonly kind: number
  readonly slot: number
  readonly sequence: number
  readonly alias: string
  /** undefined: removed */
  readonly content: string | undefined
  readonly client: string | undefined
  readonly number: number
  readonly floor: number
  /** Where it ends in the log. */
  readonly position: number
  /** How many records of the slot, itself included, were not known to be committed. */
  readonly uncommitted: number
}

export interface SlotModel {
  /** Of the last record; -1: incomplete. */
  sequence: number
  /** What came with a snapshot and is not in the log. */
  base: number
  /** Entries not void, oldest first. */
  records: ModelRecord[]
  entries: Map<string, string>
}

export class RecordModel {
  log: ModelRecord[] = []

  /** The log ended there when it was read back. */
  truncate(position: number): void {
    this.log = this.log.filter((record) => record.position <= position)
  }

  private before(position: number): ModelRecord[] {
    return this.log.filter((record) => record.position <= position)
  }

  /** @param committed what of the slot's entries is applied */
  slot(slot: number, committed: number, position = Infinity): SlotModel {
    let base = 0
    let records: ModelRecord[] = []
    let entries = new Map<string, string>()
    let isComplete = true
    for (const record of this.before(position)) {
      if (record.slot !== slot || record.kind === recordKind.forgetClients) continue
      if (record.kind === recordKind.entry) records.push(record)
      else if (record.kind === recordKind.cut)
        records = records.filter(({ sequence }) => sequence <= record.sequence)
      else if (record.kind === recordKind.reset) {
        entries = new Map()
        records = []
        isComplete = false
      } else if (record.kind === recordKind.install) entries.set(record.alias, record.content as string)
      else if (record.kind === recordKind.installed) {
        base = record.sequence
        isComplete = true
      }
    }
    for (const { alias, content, sequence } of records) {
      if (sequence > committed) break
      if (content === undefined) entries.delete(alias)
      else entries.set(alias, content)
    }
    const sequence = isComplete ? (records.at(-1)?.sequence ?? base) : -1
    return { sequence, base, records, entries }
  }

  /** What is known to be committed of a slot by the log alone. */
  committedByLog(slot: number): number {
    const { records, base } = this.slot(slot, 0)
    return records.reduce((least, { sequence, uncommitted }) => Math.max(least, sequence - uncommitted), base)
  }

  /**
   * Results that a retry may ask for: `client/number` to slot.
   * @param committed of each slot
   * @param forgets whether clients are forgotten. After a crash nobody may know that a record was committed before its client
   *   was forgotten: its result is kept then, which does no harm
   */
  results(
    slots: readonly number[],
    committed: (slot: number) => number,
    forgets: boolean,
  ): Map<string, number> {
    const valid = new Set(slots.flatMap((slot) => this.slot(slot, Infinity).records))
    const lastReset = new Map<number, number>()
    for (const { kind, slot, position } of this.log)
      if (kind === recordKind.reset) lastReset.set(slot, position)
    const results = new Map<string, number>()
    const floors = new Map<string, number>()
    for (const record of this.log) {
      const { kind, slot, client, number, floor, sequence, position } = record
      if (client === undefined) continue
      if (kind === recordKind.forgetClients) {
        if (!forgets) continue
        for (const key of results.keys()) if (key.startsWith(`${client}/`)) results.delete(key)
        floors.delete(client)
        continue
      }
      const isEntry = kind === recordKind.entry
      if (isEntry && (!valid.has(record) || sequence > committed(slot))) continue
      if (position < (lastReset.get(slot) ?? 0)) continue
      floors.set(client, Math.max(floor, floors.get(client) ?? 0))
      results.set(`${client}/${number}`, slot)
    }
    for (const key of results.keys()) {
      const [client, number] = key.split("/") as [string, string]
      if (Number(number) < (floors.get(client) ?? 0)) results.delete(key)
    }
    return results
  }
}

/** Number and hash of a slot's entries, as replicas compare them. */
export function tally(slot: number, entries: ReadonlyMap<string, string>): { count: number; hash: number } {
  let hash = 0
  for (const [alias, content] of entries) {
    const checksum = rowChecksum(slot, Buffer.from(alias), Buffer.from(content), 0)
    hash = hashAdd(hash, rowHash(checksum))
  }
  return { count: entries.size, hash }
}
