/**
 * Requests at a given rate, whatever becomes of those before: a user's next request does not wait for somebody else's answer. A
 * request's time counts from the moment at which it was due, so that what a stall keeps from being sent is counted, too
 * (coordinated omission). Half of them read and half of them write, of aliases that exist, by the client library, which
 * follows the topology.
 */
import type { Client } from "../../src/client/client.ts"
import { Prng } from "../../src/core/lib/prng.ts"
import { aliasDigits, aliasPrefix } from "./load/batch.ts"
import { LatencyHistogram } from "./load/histogram.ts"

const turnMs = 1

export interface LoopOptions {
  readonly clients: ReadonlyArray<Client>
  readonly aliases: number
  readonly content: Uint8Array
}

/** One request at random. @throws what it failed with */
export async function ask({ clients, aliases, content }: LoopOptions, prng: Prng): Promise<void> {
  const client = clients[prng.below(clients.length)] as Client
  const alias = aliasPrefix + String(prng.below(aliases)).padStart(aliasDigits, "0")
  if (prng.chance(1, 2)) await client.update(alias, content)
  else await client.get(alias)
}

/** @returns requests per second that are answered where as many as `atOnce` are always under way */
export async function closedLoopRate(options: LoopOptions, atOnce: number, seconds: number): Promise<number> {
  const prng = new Prng(1)
  const begun = performance.now()
  let answered = 0
  const work = async () => {
    while (performance.now() - begun < seconds * 1000) {
      await ask(options, prng)
      answered++
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return (answered / (performance.now() - begun)) * 1000
}

export class OpenLoop {
  /** What went wrong, by kind. */
  readonly failures = new Map<string, number>()
  private latencies = new LatencyHistogram()
  private readonly options: LoopOptions
  private readonly perSecond: number
  private readonly prng = new Prng(2)
  private readonly begunMs = performance.now()
  private readonly timer: ReturnType<typeof setInterval>
  private sent = 0
  private open = 0

  constructor(options: LoopOptions, perSecond: number) {
    this.options = options
    this.perSecond = perSecond
    this.timer = setInterval(() => this.send(), turnMs)
  }

  private send(): void {
    const due = ((performance.now() - this.begunMs) / 1000) * this.perSecond
    for (; this.sent < due; this.sent++) void this.one(this.begunMs + (this.sent / this.perSecond) * 1000)
  }

  private async one(dueMs: number): Promise<void> {
    // It belongs to the phase in which it was due.
    const { latencies } = this
    this.open++
    try {
      await ask(this.options, this.prng)
    } catch (error) {
      const name = error instanceof Error ? error.name : String(error)
      this.failures.set(name, (this.failures.get(name) ?? 0) + 1)
    }
    this.open--
    latencies.record((performance.now() - dueMs) * 1000, 1)
  }

  /** Ends a phase. @returns its latencies; what is still under way comes in later */
  phase(): LatencyHistogram {
    const { latencies } = this
    this.latencies = new LatencyHistogram()
    return latencies
  }

  /** @returns when all that was sent is answered */
  async stop(): Promise<void> {
    clearInterval(this.timer)
    while (this.open > 0) await new Promise((resolve) => setTimeout(resolve, turnMs))
  }
}
