/** The log of a node of the small world, record by record, on a disk that syncs when it is told. */
import type { RecordSink } from "../../src/core/replication/sink.ts"

/** Of the node's log. */
export interface LogRecord {
  readonly bytes: Uint8Array
  readonly end: number
}

export const recordAt = 8

export class Log implements RecordSink {
  bytes: Uint8Array = new Uint8Array(0)
  view = new DataView(this.bytes.buffer)
  position = 0
  durable = 0
  records: LogRecord[] = []

  reserve(length: number): number {
    // Garbage in front: whoever reads must have written.
    this.bytes = new Uint8Array(length + recordAt).fill(0xee)
    this.view = new DataView(this.bytes.buffer)
    this.position += length
    this.records.push(Object.freeze({ bytes: this.bytes, end: this.position }))
    return recordAt
  }

  release(): void {}
}
