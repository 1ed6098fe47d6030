/**
 * One machine's data directory. Writes are atomic and take effect in their order; a write is durable when it was
 * acknowledged. What was not acknowledged when the process dies may be there afterwards or not: a process killed leaves
 * all that it had handed to the system, a power cut any prefix of it.
 *
 * Contents are values that are never changed in place, so a copy of the directory is a reference.
 */
import type { Prng } from "../../src/core/lib/prng.ts"

/** One atomic write: the contents after it. */
export type Write<Contents> = (contents: Contents) => Contents

export interface DiskTiming {
  /** A write takes from this … */
  readonly latencyMsMin: number
  /** … to this long. */
  readonly latencyMsMax: number
}

interface Pending<Contents> {
  readonly token: number
  readonly write: Write<Contents>
}

export class Disk<Contents> {
  /** What a restart finds. */
  durable: Contents
  /** Adds to each write's time while set. */
  slowMs = 0
  /** The next write fails. */
  fails = false
  /** Writes are taken and never acknowledged. */
  hangs = false
  /** There is no room for more entries; what a node keeps in reserve is left for its log. */
  isFull = false
  private pending: Pending<Contents>[] = []
  private readyMs = 0
  private readonly timing: DiskTiming
  private readonly prng: Prng

  constructor(contents: Contents, timing: DiskTiming, prng: Prng) {
    this.durable = contents
    this.timing = timing
    this.prng = prng
  }

  get pendingCount(): number {
    return this.pending.length
  }

  /** @returns when the write will be acknowledged: after all earlier ones; infinite on a disk that hangs */
  persist(token: number, write: Write<Contents>, nowMs: number): number {
    this.pending.push({ token, write })
    if (this.hangs) return Number.POSITIVE_INFINITY
    const latencyMs = this.prng.between(this.timing.latencyMsMin, this.timing.latencyMsMax) + this.slowMs
    this.readyMs = Math.max(this.readyMs, nowMs + latencyMs)
    return this.readyMs
  }

  /** The oldest pending write is durable. */
  complete(token: number): void {
    const first = this.pending.shift()
    if (first === undefined || first.token !== token) throw new Error("writes complete in their order")
    this.durable = first.write(this.durable)
  }

  /** The process is gone. @param power also the machine's power, so that only a prefix of the pending writes is there */
  lose(power: boolean, nowMs: number): void {
    const kept = power ? this.prng.between(0, this.pending.length) : this.pending.length
    for (const { write } of this.pending.slice(0, kept)) this.durable = write(this.durable)
    this.pending = []
    this.readyMs = nowMs
    this.fails = false
  }

  /** All files gone, or replaced by older ones. Only while no process runs. */
  replace(contents: Contents): void {
    if (this.pending.length > 0) throw new Error("a directory is replaced while nobody writes to it")
    this.durable = contents
  }
}
