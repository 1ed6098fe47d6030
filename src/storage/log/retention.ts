/**
 * Which batches of the log are so far behind its end that no replica will ask for them: told from marks, one every MiB, since
 * the log may hold a million small batches.
 */
interface Mark {
  readonly batch: number
  readonly end: number
}

const markBytes = 1024 * 1024

export class Retention {
  /** Oldest first. */
  private readonly marks: Mark[] = []

  /** A batch was appended that ends at this position, or was found there. */
  note(batch: number, end: number): void {
    const last = this.marks[this.marks.length - 1]
    if (last === undefined || end - last.end >= markBytes) this.marks.push({ batch, end })
  }

  /** @returns the last marked batch that ends at or before `position`, 0 = none; earlier marks are forgotten */
  lastBefore(position: number): number {
    const { marks } = this
    while (marks[1] !== undefined && marks[1].end <= position) marks.shift()
    const [oldest] = marks
    return oldest !== undefined && oldest.end <= position ? oldest.batch : 0
  }
}
