/**
 * Random operations by several clients on few aliases, with commits, crashes, retries, loads and clock jumps in between,
 * against a sequential model. A write takes its place in the order when its record is numbered; so the model executes it
 * there, and the answer must be the model's. A read must see exactly what is committed at that moment.
 */
import { describe, expect, it } from "vitest"
import type { OperationName } from "../../../src/core/entry/operation.ts"
import { RecordView } from "../../../src/core/entry/record.ts"
import { Prng } from "../../../src/core/lib/prng.ts"
import { slotOfDigest } from "../../../src/core/ring/slot.ts"
import { sha3 } from "../../../src/platform/digest.ts"
import { type Answer, type Ask, DataRig } from "../../support/data-rig.ts"

interface ModelEntry {
  readonly content: string
  readonly expiresAtMs: number
}

const writes: OperationName[] = [
  "put",
  "update",
  "remove",
  "get_update",
  "get_remove",
  "cas",
  "remove_if",
  "expires_at",
  "expires_from_now",
]

/** The operations' meaning, written a second time and in another way: as a whole-state function. */
function execute(model: Map<string, ModelEntry>, ask: Ask, nowMs: number): Omit<Answer, "requestId"> {
  const found = model.get(ask.alias)
  const entry =
    found !== undefined && (found.expiresAtMs === 0 || found.expiresAtMs > nowMs) ? found : undefined
  if (entry === undefined) model.delete(ask.alias)
  const set = (content: string, expiresAtMs: number) => {
    if (expiresAtMs !== 0 && expiresAtMs <= nowMs) model.delete(ask.alias)
    else model.set(ask.alias, { content, expiresAtMs })
  }
  const { content = "", comparand = "", expiresMs = 0, op } = ask
  if (op === "update") return (set(content, expiresMs), { outcome: "ok" })
  if (op === "put") {
    if (entry !== undefined) return { outcome: "alias_already_exists" }
    return (set(content, expiresMs), { outcome: "ok" })
  }
  if (entry === undefined) return { outcome: "alias_not_found" }
  const before = entry.content
  if (op === "remove") return (model.delete(ask.alias), { outcome: "ok" })
  if (op === "get_remove") return (model.delete(ask.alias), { outcome: "ok", content: before })
  if (op === "get_update") return (set(content, expiresMs), { outcome: "ok", content: before })
  if (op === "expires_at") return (set(before, expiresMs), { outcome: "ok" })
  if (op === "expires_from_now") return (set(before, nowMs + expiresMs), { outcome: "ok" })
  if (before !== comparand)
    return op === "cas" ? { outcome: "unmatched_content", content: before } : { outcome: "unmatched_content" }
  if (op === "cas") return (set(content, expiresMs), { outcome: "ok", content: before })
  return (model.delete(ask.alias), { outcome: "ok" })
}

const latin1Bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

function run(seed: number): { answered: number; retried: number; crashes: number } {
  const prng = new Prng(seed)
  let rig = new DataRig(1, 4)
  let epoch = 1
  let number = 0
  const figures = { answered: 0, retried: 0, crashes: 0 }
  /** In the order of the log: what was asked, and what the model said. */
  let logged: { ask: Ask; end: number; nowMs: number }[] = []
  const expected = new Map<number, Omit<Answer, "requestId">>()
  const numberOf = new Map<number, number>()
  const everAnswered = new Map<number, Omit<Answer, "requestId">>()
  const asks = new Map<number, Ask>()

  const replay = (): Map<string, ModelEntry> => {
    const model = new Map<string, ModelEntry>()
    for (const { ask, nowMs } of logged)
      if (ask.number !== undefined) expected.set(ask.number, execute(model, ask, nowMs))
    return model
  }
  const check = () => {
    for (const answer of rig.answers.splice(0)) {
      const { requestId, ...rest } = answer
      const writeNumber = numberOf.get(requestId)
      if (writeNumber === undefined) continue
      figures.answered++
      expect(rest).toEqual(expected.get(writeNumber))
      const earlier = everAnswered.get(writeNumber)
      if (earlier !== undefined) expect(rest).toEqual(earlier)
      everAnswered.set(writeNumber, rest)
    }
  }
  const ask = (request: Ask) => {
    const before = rig.sink.records.length
    const requestId = rig.ask(request)
    if (request.number !== undefined) numberOf.set(requestId, request.number)
    rig.loadAll()
    // What was appended for this request is its place in the order; a retry appends nothing.
    const appended = rig.sink.records.length - before
    expect(appended).toBeLessThanOrEqual(1)
    if (appended === 1) {
      const bytes = rig.sink.records.at(-1)?.bytes ?? new Uint8Array(0)
      logged.push({ ask: request, end: rig.sink.position, nowMs: new RecordView().at(bytes, 8).slotClockMs })
      replay()
    }
    return requestId
  }
  for (let step = 0; step < 120; step++) {
    const alias = prng.pick(["a", "b", "c"])
    const choice = prng.below(100)
    if (choice < 55) {
      const write: Ask = {
        op: prng.pick(writes),
        alias,
        content: prng.pick(["x", "y", "zz"]),
        comparand: prng.pick(["x", "y", "zz"]),
        expiresMs: prng.chance(1, 3) ? rig.now.wallMs + prng.below(50) : 0,
        number: ++number,
      }
      if (write.op === "expires_from_now") Object.assign(write, { expiresMs: prng.below(40) })
      asks.set(number, write)
      ask(write)
    } else if (choice < 65 && number > 0) {
      const again = asks.get(prng.between(1, number)) as Ask
      figures.retried++
      ask(again)
    } else if (choice < 80) {
      const ends = rig.sink.records.map((record) => record.end)
      rig.persist(ends.length === 0 ? 0 : prng.pick(ends))
      check()
    } else if (choice < 84) rig.forget(alias)
    else if (choice < 90) {
      rig.now.wallMs += prng.between(-30, 60)
      rig.now.monotonicMs += prng.below(60)
    } else if (choice < 93) {
      // Everything durable is kept, some of what was not is lost; clients then ask again for all that was not answered.
      const durable = rig.sink.released
      const kept = prng.chance(1, 2) ? rig.sink.position : durable
      check()
      figures.crashes++
      numberOf.clear()
      rig = rig.crash(kept, ++epoch)
      rig.sink.released = kept
      logged = logged.filter(({ end }) => end <= kept)
      replay()
      for (const [asked, again] of asks) if (!everAnswered.has(asked)) ask(again)
    } else {
      rig.persist()
      check()
      const model = replay()
      const id = rig.ask({ op: "get", alias })
      rig.loadAll()
      rig.persist()
      const seen = rig.answerTo(id)
      check()
      const entry = model.get(alias)
      const slot = rig.data.slots[slotOfDigest(sha3(latin1Bytes(alias)), rig.data.slots.length)]
      const nowMs = Math.max(slot?.clockMs ?? 0, rig.now.wallMs)
      const live = entry !== undefined && (entry.expiresAtMs === 0 || entry.expiresAtMs > nowMs)
      expect(seen).toMatchObject(
        live ? { outcome: "ok", content: entry.content } : { outcome: "alias_not_found" },
      )
    }
  }
  rig.persist()
  check()
  return figures
}

describe("the data path against a sequential model", () => {
  it("answers as the model does, over 1,000 seeds", () => {
    const sum = { answered: 0, retried: 0, crashes: 0 }
    for (let seed = 1; seed <= 1000; seed++) {
      let figures
      try {
        figures = run(seed)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        })
      }
      sum.answered += figures.answered
      sum.retried += figures.retried
      sum.crashes += figures.crashes
    }
    expect(sum.answered).toBeGreaterThan(50_000)
    expect(sum.retried).toBeGreaterThan(5_000)
    expect(sum.crashes).toBeGreaterThan(2_000)
  })
})
