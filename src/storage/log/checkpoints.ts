/**
 * When and by whom the write-ahead log of `log.db` is brought into the file, as the committing thread decides it.
 *
 * A checkpoint waits for the disk (25 ms where commits are fsynced, 90 where they are not, seen here), and whoever waits for a
 * commit would wait with it. SQLite lets another connection copy what is in the write-ahead log while this one goes on writing
 * behind it: so the helper is asked to (`helper-worker.ts`). But the write-ahead log begins anew only where all of it was copied,
 * and who copies beside a writer is always behind by what was written meanwhile. That rest is small, and the committing
 * thread copies it itself.
 *
 * The helper is asked at half the size that the write-ahead log should have. If it has not come by then, the committing thread does
 * all of it; if it is at it by then, the write-ahead log grows by what is written until it is done. (That counts against a quota,
 * so it is given back.)
 *
 * SQLite before 3.51.3 can lose commits where one connection checkpoints while another resets the write-ahead log
 * (https://sqlite.org/wal.html#walresetbug). With such a library, as systems have that bring their own, nobody is asked.
 */
import { queryOnce, type SqlDatabase } from "../../platform/sqlite/driver.ts"
import type { LogControl } from "./control.ts"
import type { LogWriter } from "./log-file.ts"

const safeVersion = [3, 51, 3] as const
/** Of the bound, where the helper is asked. */
const askedShare = 0.5

export class Checkpoints {
  private readonly log: LogWriter
  private readonly control: LogControl
  private readonly asks: boolean
  /** The number of the question to the helper; 0: none is open. */
  private asked = 0

  constructor(log: LogWriter, control: LogControl) {
    this.log = log
    this.control = control
    this.asks = mayBeShared(log.database)
  }

  /** @returns whether a checkpoint was made here */
  run(): boolean {
    const { log, control } = this
    if (!log.isCheckpointDue(1)) {
      if (!this.asks || !log.isCheckpointDue(askedShare)) return false
      if (this.asked === 0) {
        this.asked = control.askCheckpoint()
        return false
      }
      if (control.checkpointsHelped < this.asked) return false
    }
    const begun = performance.now()
    if (!log.checkpoint()) return false
    this.asked = 0
    control.countCheckpoint((performance.now() - begun) * 1000)
    return true
  }
}

/** Whether two connections may checkpoint one database. */
function mayBeShared(database: SqlDatabase): boolean {
  const { version } = queryOnce(database, "SELECT sqlite_version() AS version") as { version: string }
  return isSafeVersion(version)
}

/** @param version as SQLite tells it; also of a build that counts a fourth part */
export function isSafeVersion(version: string): boolean {
  const parts = version.split(".").map(Number)
  for (const [i, least] of safeVersion.entries()) {
    const part = parts[i] ?? 0
    if (part !== least) return part > least
  }
  return true
}
