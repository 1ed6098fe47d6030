/**
 * The storage engine of a replica against a plain model of its log: writes that are prepared, committed, cut and carried
 * forward, slots that are reset and installed, in a random order; the table taking over what is settled, whenever it does;
 * the node killed at any moment and opened again. Whatever is read is what the model says: entries, lists, results, the
 * tails of the log, counts and hashes.
 *
 * `QDB_SEEDS=500` runs as many scripts; `QDB_SEED` begins with another.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { Prng } from "../../src/core/lib/prng.ts"
import type { StorageOptions } from "../../src/storage/storage.ts"
import { RecordModel, tally } from "../unit/storage/support/record-model.ts"
import { Replica } from "../unit/storage/support/replica.ts"

const seeds = Number(process.env["QDB_SEEDS"] ?? 4)
const firstSeed = Number(process.env["QDB_SEED"] ?? 1)
const stepCount = 100
/** Three of one file, one of another. */
const slots = [3, 11, 19, 8]
const clients = ["client-000000001", "client-000000002"]

class Script {
  private readonly directory: string
  private readonly prng: Prng
  private readonly options: Partial<StorageOptions>
  private readonly isLarge: boolean
  private readonly model = new RecordModel()
  private replica!: Replica
  private readonly numbers = new Map(clients.map((client) => [client, 1]))
  private readonly highest = new Map(slots.map((slot) => [slot, 0]))
  /** Of each slot: what lies behind this is in the log. */
  private readonly flushedAtOpen = new Map<number, number>()
  private trace = ""

  constructor(directory: string, seed: number) {
    this.directory = directory
    this.prng = new Prng(seed)
    this.isLarge = seed % 3 === 0
    this.options = {
      partitions: 1 + (seed % 3),
      memoryEntriesMax: seed % 2 === 0 ? 12 : 0,
      memoryBytesMax: this.isLarge ? 1024 * 1024 : 64 * 1024 * 1024,
    }
  }

  async run(): Promise<void> {
    this.replica = await Replica.open(this.directory, this.model, this.options)
    for (let step = 0; step < stepCount; step++) {
      const [name, act] = this.pick()
      this.trace += ` ${name}`
      try {
        await act()
      } catch (error) {
        throw new Error(`step ${step}:${this.trace}`, { cause: error })
      }
    }
    await this.settleAll()
    for (const slot of slots) await this.checkSlot(slot)
    await this.replica.storage.close()
    expect(this.replica.fatal).toEqual([])
  }

  private pick(): [string, () => Promise<void> | void] {
    const { prng } = this
    const slot = prng.pick(slots)
    const dice = prng.below(100)
    if (dice < 36) return [`write${slot}`, () => this.write(slot)]
    if (dice < 48) return [`commit${slot}`, () => this.commit(slot)]
    if (dice < 53) return [`cut${slot}`, () => this.cut(slot)]
    if (dice < 58) return [`carry${slot}`, () => this.carry(slot)]
    if (dice < 60) return [`leave${slot}`, () => this.replica.reset(slot)]
    if (dice < 66) return [`snapshot${slot}`, () => this.snapshot(slot)]
    if (dice < 68) return ["forget", () => this.forget()]
    if (dice < 76) return ["settle", () => this.settle()]
    if (dice < 82) return [`read${slot}`, () => this.readSlot(slot)]
    if (dice < 88) return [`get${slot}`, () => this.checkEntries(slot)]
    if (dice < 93) return [`tail${slot}`, () => this.checkTail(slot)]
    if (dice < 98) return ["crash", () => this.crash()]
    return ["restart", () => this.restart()]
  }

  private alias(slot: number): string {
    return `${slot}:${this.prng.below(12)}`
  }
  private content(): string {
    const text = `content ${this.prng.below(1_000_000)}`
    return this.isLarge && this.prng.chance(1, 2) ? text + "x".repeat(200_000) : text
  }

  private write(slot: number): void {
    const { prng, replica } = this
    if (replica.slot(slot).sequence < 0) return
    const content = prng.chance(1, 5) ? undefined : this.content()
    if (prng.chance(1, 2)) return replica.prepare(slot, this.alias(slot), content)
    const client = prng.pick(clients)
    const number = this.numbers.get(client) as number
    this.numbers.set(client, number + 1)
    replica.prepare(slot, this.alias(slot), content, { client, number, floor: Math.max(1, number - 6) })
  }

  private noteHighest(): void {
    for (const slot of slots)
      this.highest.set(slot, Math.max(this.highest.get(slot) as number, this.replica.slot(slot).sequence))
  }

  private async commit(slot: number): Promise<void> {
    const { replica } = this
    await replica.sync()
    this.noteHighest()
    const { committed, prepared } = replica.slot(slot)
    if (prepared.length > 0) replica.commit(slot, committed + this.prng.between(1, prepared.length))
  }

  private cut(slot: number): void {
    this.noteHighest()
    const { committed, prepared, sequence } = this.replica.slot(slot)
    if (sequence >= 0) this.replica.cut(slot, committed + this.prng.below(prepared.length + 1))
  }

  private carry(slot: number): void {
    this.replica.carryForward([slot])
  }

  /** A slot is replaced; sometimes the end never comes. */
  private async snapshot(slot: number): Promise<void> {
    const { replica, prng } = this
    this.noteHighest()
    replica.reset(slot)
    if (prng.chance(1, 4)) await replica.sync()
    for (const key of Array.from({ length: prng.below(8) }, (_, i) => i))
      replica.install(slot, `${slot}:${key}`, this.content())
    if (prng.chance(1, 2)) {
      const client = prng.pick(clients)
      const number = this.numbers.get(client) as number
      this.numbers.set(client, number + 1)
      replica.installResult(slot, client, number, 1)
    }
    if (prng.chance(1, 5)) return
    const sequence = (this.highest.get(slot) as number) + prng.between(1, 5)
    replica.installed(slot, sequence)
    this.highest.set(slot, sequence)
  }

  private forget(): void {
    const { replica } = this
    const client = this.prng.pick(clients)
    const isBusy = [...replica.slots.values()].some(({ prepared }) =>
      prepared.some(({ record }) => record.client === client),
    )
    if (!isBusy) replica.forget(client)
  }

  private async settle(): Promise<void> {
    await this.replica.sync()
    this.replica.settle()
  }

  /** Nothing holds the settled position back any more. */
  private async settleAll(): Promise<void> {
    const { replica } = this
    await replica.sync()
    replica.carryForward(slots)
    await replica.sync()
    replica.settle()
  }

  private expected(slot: number) {
    return this.model.slot(slot, this.replica.slot(slot).committed)
  }

  private async readSlot(slot: number): Promise<void> {
    await this.settleAll()
    await this.checkSlot(slot)
  }

  private async checkSlot(slot: number): Promise<void> {
    const { replica } = this
    const { entries, sequence } = this.expected(slot)
    expect(replica.slot(slot).sequence).toBe(sequence)
    const found = await replica.readSlot(slot, this.prng.pick([1, 30, 1_000_000]))
    expect([...found].sort(), `slot ${slot}`).toEqual([...entries].sort())
    const listed: string[] = []
    let from: { slot: number; after: Uint8Array } | undefined
    do {
      const piece = await replica.storage.scan(new Uint8Array(0), from, 20, [slot])
      listed.push(...piece.aliases.map((alias) => Buffer.from(alias).toString("latin1")))
      from = piece.next
    } while (from !== undefined)
    expect(listed).toEqual([...entries.keys()].sort())
    const flushed = replica.storage.flushedSlot(slot)
    if (flushed !== undefined && flushed.sequence === replica.slot(slot).committed && sequence >= 0)
      expect(flushed).toEqual({ sequence: flushed.sequence, ...tally(slot, entries) })
    await this.checkEntries(slot)
  }

  private async checkEntries(slot: number): Promise<void> {
    await this.replica.sync()
    const { entries } = this.expected(slot)
    for (let key = 0; key < 12; key++)
      expect(await this.replica.get(slot, `${slot}:${key}`), `${slot}:${key}`).toBe(
        entries.get(`${slot}:${key}`),
      )
  }

  private async checkTail(slot: number): Promise<void> {
    const { replica, prng } = this
    await replica.sync()
    const { records, sequence, base } = this.expected(slot)
    const after = prng.below(Math.max(1, sequence) + 2)
    const tail = await replica.readTail(slot, after, prng.pick([1, 500, 1_000_000]))
    const first = Math.max(base, this.flushedAtOpen.get(slot) ?? 0)
    if (tail === "missing") return expect(sequence < 0 || after < first, `${after} ${first}`).toBe(true)
    const told = (list: typeof records) => list.map((each) => ({ ...each, position: 0 }))
    expect(told(tail)).toEqual(told(records.filter((each) => each.sequence > after)))
  }

  private async crash(): Promise<void> {
    const { replica, prng } = this
    if (prng.chance(1, 2)) {
      await this.settleAll()
      void replica.storage.scan(new Uint8Array(0), undefined, 100).catch(() => undefined)
    }
    replica.storage.publish()
    for (let turns = prng.below(40); turns > 0; turns--)
      await new Promise<void>((resolve) => setImmediate(resolve))
    await replica.crash()
    await this.reopen()
  }

  private async restart(): Promise<void> {
    await this.settle()
    await this.replica.storage.close()
    await this.reopen()
    for (const [slot, sequence] of this.replica.opened) this.flushedAtOpen.set(slot, sequence)
  }

  private async reopen(): Promise<void> {
    this.noteHighest()
    const before = this.replica
    expect(before.fatal).toEqual([])
    const replica = await Replica.open(this.directory, this.model, this.options)
    this.replica = replica
    const end = replica.storage.log.position
    this.model.truncate(end)
    for (const slot of slots) {
      replica.commit(slot, before.committedUpTo(slot, end))
      expect(replica.slot(slot).sequence, `slot ${slot}`).toBe(this.expected(slot).sequence)
    }
    this.checkResults()
    for (const slot of slots) await this.checkEntries(slot)
  }

  /** A floor that came with a void record may have been heard or not. */
  private checkResults(): void {
    const { replica, model } = this
    const committed = (slot: number) => replica.slot(slot).committed
    const known = model.results(slots, committed, true)
    const possible = model.results(slots, committed, false)
    const floors = new Map<string, number>()
    for (const { client, floor } of model.log)
      if (client !== undefined) floors.set(client, Math.max(floor, floors.get(client) ?? 0))
    for (const [key, slot] of replica.results) expect(possible.get(key), key).toBe(slot)
    for (const [key, slot] of known) {
      const [client, number] = key.split("/") as [string, string]
      if (Number(number) >= (floors.get(client) ?? 0)) expect(replica.results.get(key), key).toBe(slot)
    }
  }
}

test.each(Array.from({ length: seeds }, (_, i) => firstSeed + i))(
  "a replica's storage is what its log says, whatever happens to it: seed %i",
  async (seed) => {
    const directory = mkdtempSync(join(tmpdir(), "qdb-records-"))
    try {
      await new Script(join(directory, "data"), seed).run()
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
  300_000,
)
