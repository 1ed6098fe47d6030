/**
 * How full the disk is: measures what the directory takes and judges it against the quota, and minds the reserve. Nothing
 * here blocks, and nothing is decided by bytes alone where an operation has just failed for want of room.
 *
 * Free pages inside SQLite's files and spare files of the log are used again before a file grows, so they do not count against the quota: else
 * removals would never make room.
 */
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { diskMeasureMs } from "../core/lib/limits.ts"
import { logPrefix, partitionPrefix } from "./directory/names.ts"
import { DiskReserve } from "./disk-reserve.ts"

export interface DiskUseOptions {
  readonly directory: string
  /** 0: no quota. */
  readonly bytesMax: number
  /** Share of the quota above which to warn, and how long that stays unsaid after it was said. */
  readonly warnShare: number
  readonly warnIntervalMs: number
  /** Bytes of free pages, and of the log's spare files. */
  readonly freeBytes: () => number
  /** Bytes appended to the log since the start. */
  readonly appendedBytes: () => number
  /** Bytes that are acknowledged and will still come into the table. */
  readonly pendingBytes: () => number
  /** Whether somebody finds no room at this moment. */
  readonly noRoom: () => boolean
  /** The quota is used up, or nearly: what is in the log, removals too, is to come into the table, so that the log is cut. */
  readonly makeRoom: () => void
  readonly onChange: () => void
  readonly onNotice: (level: "info" | "warning" | "error", text: string) => void
}

export class DiskUse {
  /** Size of all files. */
  bytesUsed = 0
  /** Of the log's files, and of the table's. */
  logBytes = 0
  tableBytes = 0
  private quotaBytes = 0
  private appendedAtMeasure = 0
  private quotaFull = false
  private diskFull = false
  private warnedAtMs = -Infinity
  private readonly options: DiskUseOptions
  private readonly reserve: DiskReserve
  private readonly timer: ReturnType<typeof setInterval>
  private working: Promise<void> | undefined

  constructor(options: DiskUseOptions) {
    this.options = options
    this.reserve = new DiskReserve(options.directory)
    this.timer = setInterval(() => {
      if (this.working === undefined) this.inBackground(this.look())
    }, diskMeasureMs)
    this.timer.unref()
  }

  /** Measures. The reserve comes behind: a first start should not wait until its eight megabytes are on the disk. */
  async start(): Promise<void> {
    await this.measure()
    this.inBackground(this.mindReserve())
  }

  private inBackground(work: Promise<void>): void {
    const { directory, onNotice } = this.options
    this.working = work
      .catch((error: Error) => onNotice("error", `${directory}: the disk's use: ${error.message}`))
      .finally(() => {
        this.working = undefined
      })
  }

  /** Writes that add data are refused. Between two measurements what was appended counts. */
  get full(): boolean {
    const { bytesMax, noRoom } = this.options
    if (this.diskFull || noRoom()) return true
    return bytesMax > 0 && (this.quotaFull || this.estimate() >= bytesMax)
  }

  /** What was appended counts twice, as in a measurement: it is in the log, and on its way into the table. */
  private estimate(): number {
    return this.quotaBytes + 2 * (this.options.appendedBytes() - this.appendedAtMeasure)
  }

  async look(): Promise<void> {
    await this.measure()
    await this.mindReserve()
  }

  private async measure(): Promise<void> {
    const { directory, bytesMax, freeBytes, appendedBytes, pendingBytes } = this.options
    const appended = appendedBytes()
    let [bytes, log, table] = [0, 0, 0]
    for (const name of await readdir(directory)) {
      try {
        const { size } = await stat(join(directory, name))
        bytes += size
        if (name.startsWith(logPrefix)) log += size
        else if (name.startsWith(partitionPrefix)) table += size
      } catch {
        // SQLite removes side files at any moment.
      }
    }
    this.bytesUsed = bytes
    this.logBytes = log
    this.tableBytes = table
    this.quotaBytes = Math.max(0, bytes - freeBytes()) + pendingBytes()
    this.appendedAtMeasure = appended
    if (bytesMax > 0) this.judge(bytesMax)
  }

  private judge(bytesMax: number): void {
    const { onChange, onNotice, makeRoom, warnShare, warnIntervalMs, directory } = this.options
    const bytes = this.quotaBytes
    const full = bytes >= bytesMax
    if (full !== this.quotaFull) {
      this.quotaFull = full
      if (full)
        onNotice("error", `${directory}: the quota of ${bytesMax} bytes is used up: writes are refused`)
      else onNotice("info", `${directory}: below the quota of ${bytesMax} bytes again: writes go on`)
      onChange()
    }
    if (bytes < bytesMax * warnShare) return
    makeRoom()
    if (full || performance.now() - this.warnedAtMs < warnIntervalMs) return
    this.warnedAtMs = performance.now()
    onNotice("warning", `${directory}: ${bytes} of ${bytesMax} bytes are used (global.depot.max_bytes)`)
  }

  private async mindReserve(): Promise<void> {
    const { directory, noRoom, onChange, onNotice } = this.options
    if (noRoom()) {
      // Also where it was not looked at yet: a node that was killed may have left it whole.
      await this.reserve.giveUp()
      this.setDiskFull(true)
    } else if (await this.reserve.take()) {
      if (this.diskFull) {
        onNotice("info", `${directory}: the file system has room again: writes go on`)
        this.diskFull = false
        onChange()
      }
    } else this.setDiskFull(true)
  }

  private setDiskFull(full: boolean): void {
    if (full === this.diskFull) return
    this.diskFull = full
    const { directory, onChange, onNotice } = this.options
    onNotice("error", `${directory}: the file system is full: writes are refused until there is room`)
    onChange()
  }

  async close(): Promise<void> {
    clearInterval(this.timer)
    await this.working
  }
}
