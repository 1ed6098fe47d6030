/**
 * A user of the cluster: one client of the library, with some operations under way at a time, who writes down what is
 * answered. It knows nothing of the faults.
 */
import type { Client } from "../../../src/client/client.ts"
import { QdbError } from "../../../src/client/error.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { EntryInput, EntryOutput } from "../../linearizability/models/entry-state.ts"
import type { Keyspace } from "./keyspace.ts"
import { type Ledger, ledgerContent } from "./ledger.ts"
import type { Tally } from "./tally.ts"

/** Reads and changes, so that an entry exists about half of the time. */
const kinds =
  "get get get get put put update update update cas cas remove get_update get_remove remove_if".split(
    " ",
  ) as readonly EntryInput["op"][]

/** Answers that tell of the entry. */
const told = new Set<string>(["alias_not_found", "alias_already_exists", "unmatched_content"])
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1")

export class User {
  stopped = false
  private readonly client: Client
  private readonly name: number
  private readonly keyspace: Keyspace
  private readonly ledger: Ledger
  private readonly tally: Tally
  private readonly prng: Prng
  private written = 0
  private readonly lastSeen = new Map<string, string>()

  constructor(client: Client, name: number, keyspace: Keyspace, ledger: Ledger, tally: Tally, prng: Prng) {
    this.client = client
    this.name = name
    this.keyspace = keyspace
    this.ledger = ledger
    this.tally = tally
    this.prng = prng
  }

  /** @param atOnce operations under way @returns when the last has ended after `stopped` */
  async run(atOnce: number): Promise<void> {
    await Promise.all(Array.from({ length: atOnce }, () => this.loop()))
  }

  private async loop(): Promise<void> {
    while (!this.stopped) {
      if (this.prng.chance(1, 10)) await this.enter()
      else await this.contest()
    }
  }

  /** Puts one entry of the ledger. */
  private async enter(): Promise<void> {
    const alias = this.ledger.next()
    const since = performance.now()
    try {
      await this.client.put(alias, ledgerContent(alias))
      this.ledger.acknowledged.push(alias)
      this.tally.answered(performance.now() - since)
    } catch (error) {
      this.fail(error, since)
    }
  }

  private async contest(): Promise<void> {
    const key = this.keyspace.take()
    const input = this.draw(key.alias)
    const index = key.recorder.called(this.name, key.alias, input, Date.now())
    const since = performance.now()
    try {
      const output = await this.perform(key.alias, input)
      if (output.content !== undefined) this.lastSeen.set(key.alias, output.content)
      key.recorder.returned(index, output, Date.now())
      this.tally.answered(performance.now() - since)
    } catch (error) {
      // What certainly had no effect is no operation; an effect it had nevertheless would show.
      if (this.fail(error, since)) key.recorder.dropped(index)
    }
    if (this.lastSeen.size > 64) this.lastSeen.clear()
    this.keyspace.ended(key)
  }

  /** @returns whether the operation certainly had no effect */
  private fail(error: unknown, since: number): boolean {
    if (!(error instanceof QdbError)) throw error
    this.tally.failed(error, performance.now() - since)
    return error.definite
  }

  private draw(alias: string): EntryInput {
    const op = this.prng.pick(kinds)
    const content = `${this.name}.${++this.written}`
    const comparand = this.lastSeen.get(alias) ?? "nothing"
    if (op === "put" || op === "update" || op === "get_update") return { op, content, expiresAtMs: 0 }
    if (op === "cas") return { op, content, comparand, expiresAtMs: 0 }
    if (op === "remove_if") return { op, comparand }
    return { op } as EntryInput
  }

  private async perform(alias: string, input: EntryInput): Promise<EntryOutput> {
    const { client } = this
    try {
      switch (input.op) {
        case "get":
          return { error: "none", content: text(await client.get(alias)) }
        case "put":
          await client.put(alias, input.content)
          return { error: "none" }
        case "update":
          await client.update(alias, input.content)
          return { error: "none" }
        case "remove":
          await client.remove(alias)
          return { error: "none" }
        case "get_update":
          return { error: "none", content: text(await client.getUpdate(alias, input.content)) }
        case "get_remove":
          return { error: "none", content: text(await client.getRemove(alias)) }
        case "cas": {
          const { swapped, content } = await client.cas(alias, input.content, input.comparand)
          return { error: swapped ? "none" : "unmatched_content", content: text(content) }
        }
        case "remove_if":
          return { error: (await client.removeIf(alias, input.comparand)) ? "none" : "unmatched_content" }
        default:
          throw new Error(`users do not ask for ${input.op}`)
      }
    } catch (error) {
      if (!(error instanceof QdbError) || !told.has(error.name)) throw error
      return { error: error.name as EntryOutput["error"] }
    }
  }
}
