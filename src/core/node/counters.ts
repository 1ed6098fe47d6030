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
  /** From the request's arrival to its answer. */
  readonly latency: readonly Histogram[] = Array.from({ length: opcodes }, () => new Histogram())
  duplicates = 0
  expiredRemoved = 0
  clientsForgotten = 0
  /** What takes at least so long is told to `onSlow`. */
  slowMs = Number.POSITIVE_INFINITY
  /** The alias lies in bytes[start, end), during the call only. */
  onSlow: (opcode: number, ms: number, bytes: Uint8Array, start: number, end: number) => void = () => {}
  /** Requests answered in the turn in which they arrived: it is not over, so nobody knows yet how long they took. */
  private readonly atOnce = new Float64Array(opcodes)
  private atOnceTotal = 0

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

  /** @param ms from arrival to answer; 0 = in the same turn. The alias lies in bytes[start, end) */
  answered(opcode: number, ms: number, bytes: Uint8Array, start: number, end: number): void {
    if (ms === 0) {
      ;(this.atOnce[opcode] as number)++
      this.atOnceTotal++
      return
    }
    this.latency[opcode]?.record(ms * 1000)
    if (ms >= this.slowMs) this.onSlow(opcode, ms, bytes, start, end)
  }

  /** The turn took this long until its answers left. @returns how many requests were answered in the turn they came in */
  endTurn(ms: number): number {
    const total = this.atOnceTotal
    if (total === 0) return 0
    for (let opcode = 0; opcode < opcodes; opcode++) {
      const count = this.atOnce[opcode] as number
      if (count > 0) this.latency[opcode]?.record(ms * 1000, count)
    }
    this.atOnce.fill(0)
    this.atOnceTotal = 0
    return total
  }
}
