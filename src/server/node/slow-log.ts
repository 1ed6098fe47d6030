/**
 * A line in the log for each operation that took too long on this node, with what it was and how long it took. When a disk
 * or the machine stalls, thousands are slow at once: some are told one by one, and the rest as a number, once a second.
 */
import { operation } from "../../core/entry/operation.ts"
import { logAliasBytesMax, slowOperationLinesPerSecond } from "../../core/lib/limits.ts"
import type { Logger } from "../log/logger.ts"

const names = new Map<number, string>(Object.entries(operation).map(([name, opcode]) => [opcode, name]))

export class SlowLog {
  private readonly logger: Pick<Logger, "warning">
  private readonly slowMs: number
  private lines = 0
  private untold = 0
  private untoldMsMax = 0

  /** @param slowMs 0: nothing is told */
  constructor(logger: Pick<Logger, "warning">, slowMs: number) {
    this.logger = logger
    this.slowMs = slowMs === 0 ? Number.POSITIVE_INFINITY : slowMs
  }

  get thresholdMs(): number {
    return this.slowMs
  }

  /** An operation took `ms`; its alias lies in bytes[start, end). */
  operation(opcode: number, ms: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.lines >= slowOperationLinesPerSecond) {
      this.untold++
      this.untoldMsMax = Math.max(this.untoldMsMax, ms)
      return
    }
    this.lines++
    const shown = Buffer.from(bytes.subarray(start, Math.min(end, start + logAliasBytesMax)))
    this.logger.warning("slow", names.get(opcode) ?? `operation ${opcode}`, {
      ms: Math.round(ms),
      alias: shown.toString() + (end - start > logAliasBytesMax ? "…" : ""),
    })
  }

  /** A turn of the event loop took `ms`, and so did all that was answered in it. */
  turn(ms: number, count: number): void {
    if (count > 0 && ms >= this.slowMs)
      this.logger.warning("slow", "a turn of the event loop", { ms: Math.round(ms), requests: count })
  }

  /** Once a second. */
  tick(): void {
    const { untold } = this
    this.lines = 0
    if (untold === 0) return
    this.logger.warning("slow", "more operations", { count: untold, ms_max: Math.round(this.untoldMsMax) })
    this.untold = this.untoldMsMax = 0
  }
}
