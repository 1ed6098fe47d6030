/**
 * `kill -9` under full load, again and again, on the compiled daemon: the clients' library goes on by itself, and nothing
 * that was acknowledged is lost, nothing is half there, nothing is executed twice.
 *
 * Sixteen clients keep 64 writes each in flight (over a thousand unconfirmed at every kill). Each key belongs to one client
 * and has one write in flight at a time, so at any instant its content must be the last acknowledged one or the one in
 * flight; contents derive from key and number, so a swap is seen. Some keys are put once each and must answer `ok`, never
 * `alias_already_exists`, however often the library had to retry; some are counters by `cas`, which lose nothing and count
 * nothing twice.
 *
 * `QDB_KILLS=300` kills as often.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { connect, type Client } from "../../src/client/client.ts"
import { requestTimeoutMsMax } from "../../src/core/lib/limits.ts"
import { Prng } from "../../src/core/lib/prng.ts"
import { type Daemon, freePort, startDaemon, temporaryDirectory } from "../support/daemon.ts"

const clientCount = 16
const keysPerClient = 64
const kills = Number(process.env["QDB_KILLS"] ?? (process.env["QDBTEST_ALL"] === undefined ? 25 : 300))

let directory: ReturnType<typeof temporaryDirectory>
let daemon: Daemon | undefined

beforeEach(() => {
  directory = temporaryDirectory()
})

afterEach(async () => {
  if (daemon !== undefined && daemon.child.exitCode === null && daemon.child.signalCode === null) {
    daemon.kill("SIGKILL")
    await daemon.exit()
  }
  directory.remove()
})

interface Figures {
  acknowledged: number
  unconfirmedAtKills: number
  checked: number
}

/** What one key may hold: the last acknowledged number, and the one in flight above it. */
interface Key {
  readonly alias: string
  acknowledged: number
  inFlight: number
}

const contentOf = (alias: string, number: number) => `${alias}#${number}#`.repeat(1 + (number % 7))
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1")

class Load {
  readonly keys: Key[] = []
  readonly figures: Figures = { acknowledged: 0, unconfirmedAtKills: 0, checked: 0 }
  failure: Error | undefined
  private stopping = false
  private readonly loops: Promise<void>[] = []
  private wake: (() => void) | undefined
  private wakeAt = 0

  start(clients: readonly Client[]): void {
    clients.forEach((client, owner) => {
      for (let k = 0; k < keysPerClient; k++) {
        const key = { alias: `client-${owner}-key-${k}`, acknowledged: 0, inFlight: 0 }
        this.keys.push(key)
        const body =
          k % 8 === 0
            ? this.puts(client, key)
            : k % 8 === 1
              ? this.counts(client, key)
              : this.updates(client, key)
        this.loops.push(body.catch((error: unknown) => void (this.failure ??= error as Error)))
      }
    })
  }

  /** Overwrites one entry with ascending numbers. */
  private async updates(client: Client, key: Key): Promise<void> {
    while (!this.stopping) {
      key.inFlight = key.acknowledged + 1
      await client.update(key.alias, contentOf(key.alias, key.inFlight))
      this.done(key)
    }
  }

  /** Puts a new entry each time: any answer but ok would be a put that was executed twice. */
  private async puts(client: Client, key: Key): Promise<void> {
    while (!this.stopping) {
      key.inFlight = key.acknowledged + 1
      const alias = `${key.alias}/${key.inFlight}`
      await client.put(alias, contentOf(alias, key.inFlight))
      this.done(key)
    }
  }

  /** Counts by compare and swap: a lost or a double execution would not match. */
  private async counts(client: Client, key: Key): Promise<void> {
    await client.update(key.alias, contentOf(key.alias, 0))
    while (!this.stopping) {
      key.inFlight = key.acknowledged + 1
      const before = contentOf(key.alias, key.acknowledged)
      const swapped = await client.cas(key.alias, contentOf(key.alias, key.inFlight), before)
      if (!swapped.swapped || text(swapped.content) !== before)
        throw new Error(`${key.alias}: a counter lost count`)
      this.done(key)
    }
  }

  private done(key: Key): void {
    key.acknowledged = key.inFlight
    this.figures.acknowledged++
    if (this.figures.acknowledged >= this.wakeAt) {
      this.wake?.()
      this.wake = undefined
    }
  }

  /** Waits until `count` more writes were acknowledged, or something failed. */
  async acknowledgedMore(count: number): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    this.wakeAt = this.figures.acknowledged + count
    await new Promise<void>((resolve) => (this.wake = resolve))
    if (this.failure !== undefined) throw this.failure
  }

  unconfirmed(): number {
    return this.keys.filter((key) => key.inFlight > key.acknowledged).length
  }

  async stop(): Promise<void> {
    this.stopping = true
    await Promise.all(this.loops)
    if (this.failure !== undefined) throw this.failure
  }

  /** Reads everything through `reader`. While the load runs, a key may be one write further than when we looked. */
  async check(reader: Client, keys: readonly Key[]): Promise<void> {
    await Promise.all(
      keys.map(async (key) => {
        const least = key.acknowledged
        if (least === 0) return
        const isPut = Number(key.alias.split("-").at(-1)) % 8 === 0
        const alias = isPut ? `${key.alias}/${least}` : key.alias
        const content = text(await reader.get(alias))
        const most = isPut ? least : key.inFlight
        const allowed: string[] = []
        for (let number = least; number <= most; number++) allowed.push(contentOf(alias, number))
        if (!allowed.includes(content))
          throw new Error(`${alias} holds ${content.slice(0, 80)}, of ${least} to ${most}`)
        this.figures.checked++
      }),
    )
  }
}

async function killAgainAndAgain(sync: boolean, seed: number): Promise<Figures> {
  const prng = new Prng(seed)
  const port = await freePort()
  const args = ["--set", `global.depot.sync=${sync}`]
  const start = () => startDaemon({ directory: directory.path, port, args })
  daemon = await start()
  const daemons = [`127.0.0.1:${port}`]
  // On a loaded machine a node is killed again before it has come to everybody; who is passed over waits on.
  const timeoutMs = requestTimeoutMsMax
  const clients = await Promise.all(
    Array.from({ length: clientCount }, () => connect({ daemons, timeoutMs })),
  )
  const load = new Load()
  load.start(clients)
  for (let kill = 0; kill < kills; kill++) {
    await load.acknowledgedMore(prng.between(1, 3000))
    // At a random moment of the event loop's next turns, not just behind an acknowledgement.
    for (let turns = prng.below(20); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve))
    load.figures.unconfirmedAtKills += load.unconfirmed()
    daemon.child.kill("SIGKILL")
    await daemon.exit()
    daemon = await start()
    const reader = await connect({ daemons })
    await load.check(reader, prng.chance(1, 10) ? load.keys : load.keys.filter(() => prng.chance(1, 10)))
    await reader.close()
  }
  await load.stop()
  const reader = await connect({ daemons })
  await load.check(reader, load.keys)
  for (const key of load.keys) {
    if (Number(key.alias.split("-").at(-1)) % 8 !== 0) continue
    for (let number = 1; number <= key.acknowledged; number++) {
      const alias = `${key.alias}/${number}`
      expect(text(await reader.get(alias))).toBe(contentOf(alias, number))
    }
  }
  await Promise.all([reader, ...clients].map((client) => client.close()))
  expect(await daemon.stop()).toBe(0)
  return load.figures
}

describe("kill -9 under full load", () => {
  for (const sync of [true, false]) {
    it(
      `sync ${sync}: everything acknowledged is there after each of ${kills} kills`,
      { timeout: Math.max(600_000, kills * 6000) },
      async () => {
        const figures = await killAgainAndAgain(sync, sync ? 1 : 2)
        console.log(`sync ${sync}, ${kills} kills: ${JSON.stringify(figures)}`)
        expect(figures.unconfirmedAtKills).toBeGreaterThan(1000)
        expect(figures.checked).toBeGreaterThan(kills * 50)
      },
    )
  }
})
