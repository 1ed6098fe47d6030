/**
 * What has been handed to the disk and is not yet known to be on it. Messages that rest on a record wait here with its
 * token, and so does the adoption of a view: memory runs ahead of the disk only where that makes the node more careful (a
 * promise binds it at once), never where others could see it.
 *
 * The disk completes in order, so one queue is enough: a message that rests on anything still on its way is put behind
 * the newest token.
 */
import { assert } from "../lib/assert.ts"
import type { ViewDelta } from "../view/delta.ts"
import type { Address, StorageId, View } from "../view/view.ts"
import type { DurableRecord, MemberEffect, MessageBody } from "./event.ts"

export interface Outgoing {
  readonly address: Address
  readonly to: StorageId
  readonly body: MessageBody
}

/** A view on its way to the disk; `deltas` lead to it from the present one, empty where it came whole. */
export interface Adoption {
  readonly view: View
  readonly deltas: readonly ViewDelta[]
  /** Decided here: tell everybody. */
  readonly spread: boolean
}

export interface PendingWrite {
  readonly token: number
  readonly adoption: Adoption | undefined
  readonly sends: Outgoing[]
}

export interface JournalState {
  nextToken: number
  pending: PendingWrite[]
}

export class Journal {
  readonly state: JournalState

  constructor(state: JournalState = { nextToken: 1, pending: [] }) {
    this.state = state
  }

  /** Hands records to the disk; `sends` and `adoption` come back from `completed`. */
  write(
    records: readonly DurableRecord[],
    sends: readonly Outgoing[],
    adoption: Adoption | undefined,
    out: MemberEffect[],
  ): void {
    const token = this.state.nextToken++
    this.state.pending.push({ token, adoption, sends: [...sends] })
    out.push({ kind: "persist", token, records })
  }

  /** @returns false where nothing is on its way: then the message may go at once */
  sendBehind(outgoing: Outgoing): boolean {
    const newest = this.state.pending.at(-1)
    newest?.sends.push(outgoing)
    return newest !== undefined
  }

  /** @returns the highest epoch on its way to the disk, 0 if none is */
  adoptingEpoch(): number {
    let epoch = 0
    for (const { adoption } of this.state.pending)
      if (adoption !== undefined && adoption.view.epoch > epoch) epoch = adoption.view.epoch
    return epoch
  }

  /** @returns what waited for it; undefined for a write of a seat that this node has given up since */
  completed(token: number): PendingWrite | undefined {
    const oldest = this.state.pending[0]
    if (oldest === undefined || token < oldest.token) return undefined
    assert(oldest.token === token, "writes complete in their order")
    this.state.pending.shift()
    return oldest
  }
}
