/** The data directory of a simulated node: what membership keeps, the log, and the table. */
import { RecordView } from "../../../src/core/entry/record.ts"
import type { MemberContents } from "../member/contents.ts"
import { emptyContents } from "../member/contents.ts"
import type { Machine } from "../machine.ts"
import { emptyTable } from "./table.ts"
import type { Table } from "./table.ts"

const view = new RecordView()

export class LogRecord {
  readonly bytes: Uint8Array
  /** Where the record begins in `bytes`. */
  readonly offset: number
  /** Where it ends in the log. */
  readonly end: number
  private known: { readonly kind: number; readonly slot: number; readonly sequence: number } | undefined

  constructor(bytes: Uint8Array, offset: number, end: number) {
    this.bytes = bytes
    this.offset = offset
    this.end = end
  }

  /** What a log is searched by, again and again; good once the record has been written. */
  get head(): { readonly kind: number; readonly slot: number; readonly sequence: number } {
    if (this.known === undefined) {
      const { kind, slot, sequence } = view.at(this.bytes, this.offset)
      this.known = { kind, slot, sequence }
    }
    return this.known
  }
}

export interface ClusterContents extends MemberContents {
  /** Oldest first; those that the table holds are kept for a while, for replicas that catch up. */
  readonly records: readonly LogRecord[]
  readonly table: Table
}

export function emptyDirectory(nodeId: string, machine: number, generation: number): ClusterContents {
  return { ...emptyContents(nodeId, machine, generation), records: [], table: emptyTable }
}

/** What membership's faults and observer see of a node: whatever they write into its directory keeps all else. */
export function memberSide(machine: Machine<ClusterContents>): Machine<MemberContents> {
  return machine as unknown as Machine<MemberContents>
}
