/**
 * Tells the core what was recovered. The files of the table may have come differently far before a crash, so a record of the
 * log is told only if the file of its slot does not hold it: then what the core is told of a slot has no gap, and nothing
 * twice.
 *
 * A note that forgets clients is of no slot. Results that came after it, in a file that holds more than others, were told
 * before it: they are told again.
 */
import { recordKind, type RecordView } from "../core/entry/record.ts"
import { partitionFiles } from "../core/lib/limits.ts"
import { latin1 } from "../platform/latin1.ts"
import type { RecoveryTarget, StoredResult } from "./storage.ts"
import type { OpenedFile } from "./table/flusher-worker.ts"

export class Replay {
  private readonly target: RecoveryTarget
  private readonly files: OpenedFile[] = []

  constructor(target: RecoveryTarget, files: readonly OpenedFile[]) {
    this.target = target
    for (const file of files) this.files[file.file] = file
    for (const { slots } of files) for (const slot of slots) target.slot(slot)
    for (const { results } of files) for (const result of results) target.result(result)
  }

  record(record: RecordView, position: number): void {
    const { kind, slot } = record
    if (kind === recordKind.forgetClients) {
      this.target.record(record, position)
      this.tellAgain(record, position)
    } else if (position > (this.files[slot % partitionFiles] as OpenedFile).position)
      this.target.record(record, position)
  }

  private tellAgain(record: RecordView, position: number): void {
    const newer = this.files.filter((file) => file.position >= position)
    if (newer.length === 0) return
    const clients = new Set<string>()
    for (let at = record.aliasOffset; at < record.contentOffset; at += 16)
      clients.add(latin1(record.bytes, at, at + 16))
    const tell = (result: StoredResult) => clients.has(result.client) && this.target.result(result)
    for (const { results } of newer) results.forEach(tell)
  }
}
