/** What the data path counts per operation: plain numbers by opcode, read on demand. */
import { operation } from "../entry/operation.ts"
import { Histogram } from "../lib/histogram.ts"

const opcodes = Math.max(...Object.values(operation)) + 1

export class Counters {
  readonly requests = new Float64Array(opcodes)
  readonly failures = new Float64Array(opcodes)
  /** Bytes of contents that came in and went out. */
  readonly bytesIn = new Float64Array(opcodes)
  readonly bytesOut = new Float64Array(opcodes)
  /** Requests that had to wait for an entry to be read from disk. */
  readonly pageIns = new Float64Array(opcodes)
  /** From the request's arrival to its answer, of those that had to wait for something. */
  readonly latency: readonly Histogram[] = Array.from({ length: opcodes }, () => new Histogram())
  duplicates = 0
  expiredRemoved = 0
  clientsForgotten = 0

  fail(opcode: number): void {
    ;(this.failures[opcode] as number)++
  }

  take(opcode: number, contentBytes: number): void {
    ;(this.requests[opcode] as number)++
    ;(this.bytesIn[opcode] as number) += contentBytes
  }

  send(opcode: number, contentBytes: number): void {
    ;(this.bytesOut[opcode] as number) += contentBytes
  }

  /** @param ms from arrival to answer */
  answered(opcode: number, ms: number): void {
    const histogram = this.latency[opcode]
    if (histogram !== undefined) histogram.record(ms * 1000)
  }
}
