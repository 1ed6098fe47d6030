/**
 * Load whose answers can be judged at once: each worker counts up in entries of its own, one request after the other, and reads
 * its own and the others'. Of its own it must find the number acknowledged last; of another's one that lies between what was
 * acknowledged when it asked and what had been sent when it was answered.
 */
import type { Client } from "../../src/client/client.ts"
import { QdbError } from "../../src/client/error.ts"

const workers = 16
const entriesPerWorker = 8

interface Counter {
  readonly name: string
  sent: number
  acknowledged: number
}

export class CountingLoad {
  /** What must not be: failed requests and wrong answers, a sentence each. */
  readonly wrong: string[] = []
  done = 0
  longestMs = 0
  private readonly client: Client
  private readonly counters: readonly Counter[]
  private readonly running: readonly Promise<void>[]
  private isStopped = false
  private watchers: (() => void)[] = []

  constructor(client: Client) {
    this.client = client
    this.counters = Array.from({ length: workers * entriesPerWorker }, (_, i) => ({
      name: `counter ${i}`,
      sent: 0,
      acknowledged: 0,
    }))
    this.running = Array.from({ length: workers }, (_, worker) => this.work(worker))
  }

  /** Waits until some hundred requests more are answered. */
  async progress(): Promise<void> {
    const until = this.done + 500
    while (this.done < until && !this.isStopped)
      await new Promise<void>((resolve) => this.watchers.push(resolve))
  }

  async stop(): Promise<void> {
    this.isStopped = true
    await Promise.all(this.running)
  }

  /** After the end. @returns entries that do not hold what was acknowledged last */
  async lost(): Promise<string[]> {
    const found = await Promise.all(this.counters.map(async (c) => [c, await this.read(c)] as const))
    return found.flatMap(([{ name, acknowledged }, number]) =>
      number === acknowledged ? [] : [`${name}: ${number} instead of ${acknowledged}`],
    )
  }

  private async work(worker: number): Promise<void> {
    const own = this.counters.slice(worker * entriesPerWorker, (worker + 1) * entriesPerWorker)
    for (let round = 0; !this.isStopped; round++) {
      const counter = own[round % own.length] as Counter
      const other = this.counters[(round * 37 + worker) % this.counters.length] as Counter
      await this.timed(`update ${counter.name}`, async () => {
        counter.sent++
        await this.client.update(counter.name, String(counter.sent))
        counter.acknowledged = counter.sent
      })
      await this.timed(`get ${counter.name}`, async () => this.judge(counter))
      await this.timed(`get ${other.name}`, async () => this.judge(other))
    }
  }

  private async judge(counter: Counter): Promise<void> {
    const least = counter.acknowledged
    const number = await this.read(counter)
    if (number < least || number > counter.sent)
      this.wrong.push(`${counter.name}: read ${number}, acknowledged ${least}, sent ${counter.sent}`)
  }

  /** @returns what the entry counts; 0 where it is not there */
  private async read(counter: Counter): Promise<number> {
    try {
      return Number(Buffer.from(await this.client.get(counter.name)).toString())
    } catch (error) {
      if (error instanceof QdbError && error.name === "alias_not_found") return 0
      throw error
    }
  }

  private async timed(what: string, ask: () => Promise<void>): Promise<void> {
    const sinceMs = performance.now()
    try {
      await ask()
    } catch (error) {
      this.wrong.push(`${what}: ${String(error)}`)
      // A worker whose write failed knows no more what its entry holds.
      this.isStopped = true
    }
    this.longestMs = Math.max(this.longestMs, performance.now() - sinceMs)
    this.done++
    for (const watch of this.watchers.splice(0)) watch()
  }
}
