/**
 * All that is prepared and not yet committed, in the order of the log, and the latest prepared change of each alias.
 */
import { assert } from "../lib/assert.ts"
import type { ClientRow } from "./client-row.ts"
import type { Prepared } from "./prepared.ts"

export class PreparedQueue {
  count = 0
  private first: Prepared | undefined
  private last: Prepared | undefined
  private readonly byAlias = new Map<string, Prepared>()

  /** The latest prepared change of `alias`: what the next operation on it is evaluated against. */
  latest(alias: string): Prepared | undefined {
    return this.byAlias.get(alias)
  }

  /** The prepared write of a client under this number. Only a retry that overtakes the commit asks: a walk will do. */
  find(row: ClientRow, number: number): Prepared | undefined {
    let prepared = this.first
    while (prepared !== undefined && (prepared.row !== row || prepared.number !== number))
      prepared = prepared.next
    return prepared
  }

  push(prepared: Prepared): void {
    if (this.last === undefined) this.first = prepared
    else {
      assert(prepared.position > this.last.position, "records follow one another in the log")
      this.last.next = prepared
    }
    this.last = prepared
    this.count++
    if (prepared.alias !== undefined) this.byAlias.set(prepared.alias, prepared)
  }

  /** Takes the oldest whose record ends at or before `position`. */
  shift(position: number): Prepared | undefined {
    const { first } = this
    if (first === undefined || first.position > position) return undefined
    this.first = first.next
    if (this.first === undefined) this.last = undefined
    this.count--
    const { alias } = first
    if (alias !== undefined && this.byAlias.get(alias) === first) this.byAlias.delete(alias)
    return first
  }
}
