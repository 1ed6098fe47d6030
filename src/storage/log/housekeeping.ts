/**
 * How many files the log has: lets go of segments that nobody needs, and sees to it that there is a file for what comes next.
 *
 * What is kept for replicas says, too, how much room spare files may take: none but one where room is short, and more under load, as the log
 * comes and goes by what the table takes in a round.
 */
import { logSegmentFileBytes } from "../../core/lib/limits.ts"
import type { LogControl } from "./control.ts"
import type { LogWriter } from "./writer.ts"

/** Bytes of spare files, by those that are kept for replicas. */
const sparesUnderLoad = 4

export class Housekeeping {
  private readonly control: LogControl
  private readonly log: LogWriter
  /** The file that the helper makes, 0: none. */
  private wanted = 0
  /** The segment in which it found no room to make one: asking again would take the last room from others, over and over. */
  private refusedIn = 0

  constructor(control: LogControl, log: LogWriter) {
    this.control = control
    this.log = log
  }

  /**
   * A piece of it.
   * @param isIdle nothing was to be committed for a while
   * @param position where the log ends
   */
  do(isIdle: boolean, position: number): void {
    const { control, log } = this
    const keptBytes = control.full ? 0 : control.keptBytes
    // The applied batch stays: the next start goes on from it.
    while (log.isBehind(control.cutBatch - 1, position - keptBytes)) {
      // Readers look at this when what they have read makes no sense.
      control.firstBatch = log.secondFirstBatch
      log.freeOldest()
    }
    const spareBytes = keptBytes * (isIdle ? 1 : sparesUnderLoad)
    if (log.spares > Math.max(1, spareBytes / logSegmentFileBytes)) log.deleteSpare()
    if (this.wanted !== 0) this.takeWanted()
    else if (log.spares === 0 && keptBytes > 0 && log.segment !== this.refusedIn) this.want()
    control.free = log.freeBytes
  }

  private want(): void {
    this.wanted = this.log.takeNumber()
    this.control.wantFile(this.wanted)
  }

  private takeWanted(): void {
    const { control, log, wanted } = this
    const isThere = control.isFileThere(wanted)
    if (isThere === undefined) return
    if (isThere) log.addSpare(wanted)
    else this.refusedIn = log.segment
    this.wanted = 0
  }
}
