/** Committing on the thread that owns sockets, at the end of its turns: for a log that does not wait for the disk. */
import type { Committer } from "./committer.ts"
import { fullRetryMs, idleMs } from "./committer.ts"
import type { LogControl } from "./control.ts"

export interface CommitHereEvents {
  readonly onProgress: () => void
  readonly onFileWanted: (number: number) => void
  /** The system's error. Nothing is committed any more. */
  readonly onError: (error: Error) => void
}

export class CommitHere {
  private readonly committer: Committer
  private readonly control: LogControl
  private readonly events: CommitHereEvents
  private readonly idleTimer: NodeJS.Timeout
  private retryTimer: NodeJS.Timeout | undefined
  private fileWanted = 0
  private isBusy = false
  private ended = false

  constructor(committer: Committer, control: LogControl, events: CommitHereEvents) {
    this.committer = committer
    this.control = control
    this.events = events
    this.idleTimer = setInterval(() => this.idle(), idleMs)
  }

  /** Commits what is published, as far as there is room. */
  commit(): void {
    if (this.ended) return
    this.isBusy = true
    this.guarded(() => {
      let committed = this.committer.commitNext()
      while (committed === "durable") committed = this.committer.commitNext()
      if (committed === "full")
        this.retryTimer ??= setTimeout(() => {
          this.retryTimer = undefined
          this.commit()
        }, fullRetryMs)
    })
    this.tell()
  }

  private idle(): void {
    if (!this.isBusy) this.guarded(() => this.committer.idle())
    this.isBusy = false
    this.tell()
  }

  private guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.end()
      this.events.onError(error as Error)
    }
  }

  private tell(): void {
    const { fileWanted } = this.control
    if (fileWanted !== this.fileWanted) this.events.onFileWanted(fileWanted)
    this.fileWanted = fileWanted
    this.events.onProgress()
  }

  /** After the last commit. */
  close(): void {
    if (this.ended) return
    this.end()
    this.guarded(() => this.committer.close())
  }

  /** Leaves everything as it is. */
  kill(): void {
    if (this.ended) return
    this.end()
    this.committer.release()
  }

  private end(): void {
    this.ended = true
    clearInterval(this.idleTimer)
    clearTimeout(this.retryTimer)
  }
}
