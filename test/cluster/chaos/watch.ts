/** Looks at the cluster's state all the time, through whatever node answers, to know in which seconds it was serving. */
import type { Client } from "../../../src/client/client.ts"
import type { Tally } from "./tally.ts"

const lookEveryMs = 250

export class Watch {
  state = "unknown"
  epoch = 0
  /** When the last look that has ended had begun. */
  private lookedMs = 0
  reasons: readonly string[] = []
  private readonly client: Client
  private readonly tally: Tally
  /** Seconds in which some look did not find every slot served. */
  private readonly outages = new Set<number>()
  private stopped = false
  private readonly waiting = new Set<() => void>()

  constructor(client: Client, tally: Tally) {
    this.client = client
    this.tally = tally
  }

  /** @returns when `stop` was called */
  async run(): Promise<void> {
    while (!this.stopped) {
      const since = this.tally.second
      const begunMs = performance.now()
      const status = await this.client.clusterStatus({ timeoutMs: 1_000 }).catch(() => undefined)
      this.state = typeof status?.["state"] === "string" ? status["state"] : "unknown"
      this.epoch = typeof status?.["epoch"] === "number" ? status["epoch"] : 0
      this.lookedMs = begunMs
      this.reasons = (status?.["reasons"] as readonly string[] | undefined) ?? ["nobody answers"]
      if (this.state !== "stable" && this.state !== "serving")
        for (let second = since; second <= this.tally.second; second++) this.outages.add(second)
      for (const wake of this.waiting) wake()
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
    }
  }

  stop(): void {
    this.stopped = true
  }

  wasServing(second: number): boolean {
    return !this.outages.has(second)
  }

  /**
   * Looks that had begun before the call do not count: they may be of before what has just been done.
   * @param afterEpoch a view that the cluster has to have left @returns whether it was found stable within the time
   */
  stable(timeoutMs: number, afterEpoch = 0): Promise<boolean> {
    return this.found(timeoutMs, () => this.state === "stable" && this.epoch > afterEpoch)
  }

  /** @returns whether every slot was found served within the time, and `isSuch` */
  serving(timeoutMs: number, isSuch: (reasons: readonly string[]) => boolean): Promise<boolean> {
    const isServing = () => this.state === "stable" || this.state === "serving"
    return this.found(timeoutMs, () => isServing() && isSuch(this.reasons))
  }

  private async found(timeoutMs: number, isSo: () => boolean): Promise<boolean> {
    const sinceMs = performance.now()
    while (this.lookedMs < sinceMs || !isSo()) {
      if (performance.now() > sinceMs + timeoutMs || this.stopped) return false
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.waiting.delete(wake)
          resolve()
        }
        this.waiting.add(wake)
      })
    }
    return true
  }
}
