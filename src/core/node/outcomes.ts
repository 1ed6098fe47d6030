/**
 * What those who wait for a write are told: its result when it is committed, the same again to whoever asks again, or that
 * nobody can tell (`in_doubt`). The result is in the record, and later in the client's row, so first attempt and retry are
 * answered from the same bytes.
 */
import { code } from "../../wire/errors.ts"
import { noResult, RecordView } from "../entry/record.ts"
import type { Request } from "../entry/request.ts"
import type { Now } from "../lib/clock.ts"
import { type ClientRow, stillPrepared } from "../replication/client-row.ts"
import type { LogQueue } from "../replication/log-queue.ts"
import type { Prepared, Requester } from "../replication/prepared.ts"
import type { Outcomes } from "../replication/replication.ts"
import type { SlotLog } from "../replication/slot-log.ts"
import type { Counters } from "./counters.ts"
import type { Output } from "./output.ts"

export class WriteOutcomes implements Outcomes {
  private readonly output: Output
  private readonly counters: Counters
  private readonly evaluate: (request: Request, requester: Requester, now: Now) => void
  private readonly record = new RecordView()

  /** @param evaluate for reads that waited for a record */
  constructor(
    output: Output,
    counters: Counters,
    evaluate: (request: Request, requester: Requester, now: Now) => void,
  ) {
    this.output = output
    this.counters = counters
    this.evaluate = evaluate
  }

  /** A retry: waits for the first attempt, or gets its answer. */
  again(slot: SlotLog, row: ClientRow, request: Request, known: number, requester: Requester): void {
    this.counters.duplicates++
    const { output } = this
    const { number, requestId, timeLeftMs, arrivedMs } = request
    if (known === stillPrepared) {
      const prepared = slot.find(row, number)
      // Not of this slot: a client that gives one number to two writes. It must not stop the node.
      if (prepared === undefined) return output.error(requester, requestId, code.invalid_argument)
      return prepared.wait({ requester, requestId, read: undefined, deadlineMs: arrivedMs + timeLeftMs })
    }
    const content = row.contentOf(number)
    if (content === undefined) {
      if (known === 0) output.ok(requester, requestId)
      else output.error(requester, requestId, known)
    } else if (known === 0) output.content(requester, requestId, content, 0, content.length)
    else output.errorContent(requester, requestId, known, content, 0, content.length)
  }

  committed(prepared: Prepared, now: Now): void {
    const { requester, waiters } = prepared
    prepared.waiters = undefined
    if (requester !== undefined) {
      prepared.requester = undefined
      const record = this.record.at(prepared.bytes, prepared.offset)
      this.answer(requester, prepared.requestId, record)
      const { opcode, bytes, aliasOffset } = record
      const aliasEnd = aliasOffset + record.aliasLength
      this.counters.answered(opcode, now.monotonicMs - prepared.arrivedMs, bytes, aliasOffset, aliasEnd)
    }
    if (waiters === undefined) return
    for (const waiter of waiters) {
      if (waiter.read !== undefined) this.evaluate(waiter.read, waiter.requester, now)
      else this.answer(waiter.requester, waiter.requestId, this.record.at(prepared.bytes, prepared.offset))
    }
  }

  /** Only what was never logged may fail definitely. A read that waited is asked anew, wherever that is now. */
  inDoubt(prepared: Prepared, now: Now): void {
    const { requester, waiters } = prepared
    prepared.requester = undefined
    prepared.waiters = undefined
    if (requester !== undefined) this.doubt(prepared, requester, prepared.requestId)
    if (waiters === undefined) return
    for (const waiter of waiters) {
      if (waiter.read !== undefined) this.evaluate(waiter.read, waiter.requester, now)
      else this.doubt(prepared, waiter.requester, waiter.requestId)
    }
  }

  private doubt(prepared: Prepared, requester: Requester, requestId: number): void {
    this.counters.fail(this.record.at(prepared.bytes, prepared.offset).opcode)
    this.output.error(requester, requestId, code.in_doubt)
  }

  /** Who has waited until his deadline learns that the outcome is not known. */
  expire(queue: LogQueue, now: Now): void {
    const { monotonicMs } = now
    for (let prepared = queue.oldest; prepared !== undefined; prepared = prepared.next) {
      if (prepared.isDone) continue
      if (prepared.requester !== undefined && monotonicMs >= prepared.deadlineMs) {
        const { requester } = prepared
        prepared.requester = undefined
        this.doubt(prepared, requester, prepared.requestId)
      }
      const { waiters } = prepared
      if (waiters === undefined) continue
      for (const waiter of waiters) {
        if (monotonicMs < waiter.deadlineMs) continue
        if (waiter.read === undefined) this.doubt(prepared, waiter.requester, waiter.requestId)
        else {
          this.counters.fail(waiter.read.opcode)
          this.output.error(waiter.requester, waiter.requestId, code.unstable_cluster)
        }
      }
      prepared.waiters = waiters.filter((waiter) => monotonicMs < waiter.deadlineMs)
    }
  }

  private answer(requester: Requester, requestId: number, record: RecordView): void {
    const { output } = this
    const { code: resultCode, resultLength } = record
    if (resultCode !== 0) this.counters.fail(record.opcode)
    if (resultLength !== noResult) this.counters.send(record.opcode, resultLength)
    if (resultLength === noResult) {
      if (resultCode === 0) output.ok(requester, requestId)
      else output.error(requester, requestId, resultCode)
    } else if (resultCode === 0)
      output.content(requester, requestId, record.bytes, record.resultOffset, resultLength)
    else
      output.errorContent(requester, requestId, resultCode, record.bytes, record.resultOffset, resultLength)
  }
}
