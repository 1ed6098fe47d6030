/** Measures what a data directory takes on disk, without blocking, and judges it against the quota. */
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { diskMeasureMs, warnDiskShare } from "../core/lib/limits.ts"

export interface DiskUseOptions {
  readonly directory: string
  /** 0: no quota. */
  readonly bytesMax: number
  /** Bytes that are acknowledged and will still come into the table. */
  readonly pendingBytes: () => number
  readonly onChange: () => void
  readonly onNotice: (level: "info" | "warning" | "error", text: string) => void
}

export class DiskUse {
  bytesUsed = 0
  /** The quota is reached. */
  full = false
  private warned = false
  private readonly options: DiskUseOptions
  private readonly timer: ReturnType<typeof setInterval>
  private measuring: Promise<void> | undefined

  constructor(options: DiskUseOptions) {
    this.options = options
    this.timer = setInterval(() => {
      this.measuring ??= this.measure()
        .catch((error: Error) =>
          options.onNotice("error", `${options.directory}: cannot be measured: ${error.message}`),
        )
        .finally(() => {
          this.measuring = undefined
        })
    }, diskMeasureMs)
    this.timer.unref()
  }

  async measure(): Promise<void> {
    const { directory, bytesMax, pendingBytes } = this.options
    let bytes = 0
    for (const name of await readdir(directory)) {
      try {
        bytes += (await stat(join(directory, name))).size
      } catch {
        // SQLite removes side files at any moment.
      }
    }
    this.bytesUsed = bytes
    if (bytesMax > 0) this.judge(bytes + pendingBytes(), bytesMax)
  }

  private judge(bytes: number, bytesMax: number): void {
    const { onChange, onNotice, directory } = this.options
    const full = bytes >= bytesMax
    if (full !== this.full) {
      this.full = full
      if (full)
        onNotice("error", `${directory}: the quota of ${bytesMax} bytes is used up: writes are refused`)
      else onNotice("info", `${directory}: below the quota of ${bytesMax} bytes again: writes go on`)
      onChange()
    }
    const warn = bytes >= bytesMax * warnDiskShare
    if (warn && !this.warned && !full)
      onNotice("warning", `${directory}: ${bytes} of ${bytesMax} bytes are used (global.depot.max_bytes)`)
    this.warned = warn
  }

  async close(): Promise<void> {
    clearInterval(this.timer)
    await this.measuring
  }
}
