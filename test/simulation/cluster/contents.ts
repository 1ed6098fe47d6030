/** The data directory of a simulated node: what membership keeps, the log, and the table. */
import { createHash } from "node:crypto"
import { RecordView } from "../../../src/core/entry/record.ts"
import { latin1 } from "../../support/map-memory.ts"
import type { MemberContents } from "../member/contents.ts"
import { emptyContents } from "../member/contents.ts"
import type { Machine } from "../machine.ts"
import { emptyTable } from "./table.ts"
import type { Table } from "./table.ts"

const view = new RecordView()

const textsOfLong = new WeakMap<Uint8Array, string>()

/** A content as a text to compare, which is short where the content is long. */
export function textOfContent(content: Uint8Array): string {
  if (content.length < 65_536) return latin1(content)
  let text = textsOfLong.get(content)
  if (text === undefined) textsOfLong.set(content, (text = digestOfLong(content)))
  return text
}

export function digestOfLong(bytes: Uint8Array): string {
  return createHash("sha1").update(bytes).digest("hex")
}

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
