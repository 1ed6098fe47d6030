/**
 * Which of the table's files a round takes: all of them when much is waiting or the log is to be cut; those that have waited for long;
 * and the one that is furthest behind when memory is full of changes.
 *
 * Memory asks once, and again when a round is over and that was not enough. So what it has asked for stays until a round is over,
 * also where nothing is settled yet, and not longer: what was asked for before that was heard would make another file follow for nothing.
 */
import { flushAgeMs } from "../../core/lib/limits.ts"
import type { LogPlace } from "../log/batch.ts"

/** How far a file has come: what is in it, and what of that for good. */
export interface FlushedFile {
  readonly applied: LogPlace
  readonly durable: LogPlace
}

export class FlushTurns<File extends FlushedFile> {
  private readonly files: readonly File[]
  private readonly roundBytes: number
  private readonly flushedAtMs = new Map<File, number>()
  private oneIsUrgent = false
  private allAreUrgent = false

  /** @param roundBytes waiting bytes of log that begin a round of all files */
  constructor(files: readonly File[], roundBytes: number, nowMs: number) {
    this.files = files
    this.roundBytes = roundBytes
    for (const file of files) this.flushedAtMs.set(file, nowMs)
  }

  /** @param all all files are wanted now, or one, whichever is furthest behind */
  ask(all: boolean): void {
    if (all) this.allAreUrgent = true
    else this.oneIsUrgent = true
  }

  /** @param target how far files may go. @param full the disk was full: every file that gets on helps */
  due(target: LogPlace, full: boolean, nowMs: number): readonly File[] {
    const { files, flushedAtMs } = this
    const behind = files.filter((file) => file.durable.batch < target.batch)
    for (const file of files) if (!behind.includes(file)) flushedAtMs.set(file, nowMs)
    if (behind.length === 0) {
      // Whoever wants to cut the log looks again.
      this.allAreUrgent = false
      return behind
    }
    if (full || this.allAreUrgent) return files
    if (this.oneIsUrgent) return behind.toSorted(byAge).slice(0, 1)
    if (target.position - oldestOf(files).position >= this.roundBytes) return files
    return behind.filter((file) => nowMs - (flushedAtMs.get(file) as number) >= flushAgeMs)
  }

  /** A round of these files begins. @param durably they will not have to be taken again soon */
  begin(files: readonly File[], durably: boolean, nowMs: number): void {
    this.oneIsUrgent = this.allAreUrgent = false
    if (durably) for (const file of files) this.flushedAtMs.set(file, nowMs)
  }

  /** A round is over, and memory is told so. */
  end(): void {
    this.oneIsUrgent = false
  }
}

/** Those that are furthest behind first. */
export function byAge(a: FlushedFile, b: FlushedFile): number {
  return a.applied.batch - b.applied.batch
}

/** How far all of them are. */
export function oldestOf(files: readonly FlushedFile[]): LogPlace {
  const none: LogPlace = { batch: Number.MAX_SAFE_INTEGER, position: 0 }
  return files.reduce((least, { applied }) => (applied.batch < least.batch ? applied : least), none)
}
