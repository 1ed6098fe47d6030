/** Looks at the cluster's state all the time, through whatever node answers, to know in which seconds it was serving. */
import type { Client } from "../../../src/client/client.ts"
import type { Tally } from "./tally.ts"

const lookEveryMs = 250

export class Watch {
  state = "unknown"
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
      const status = await this.client.clusterStatus({ timeoutMs: 1_000 }).catch(() => undefined)
      this.state = typeof status?.["state"] === "string" ? status["state"] : "unknown"
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

  /** @returns whether the cluster was found stable within the time */
  async stable(timeoutMs: number): Promise<boolean> {
    const untilMs = performance.now() + timeoutMs
    while (this.state !== "stable") {
      if (performance.now() > untilMs || this.stopped) return false
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
