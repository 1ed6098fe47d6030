import { describe, expect, it } from "vitest"
import { Prng } from "../../src/core/lib/prng.ts"
import { checkByBruteForce } from "./brute.ts"
import { check } from "./check.ts"
import { checkFrontier } from "./frontier.ts"
import { generate, swapOutputs } from "./generate.ts"
import { HistoryRecorder, never, partitionByKey } from "./history.ts"
import type { Operation } from "./history.ts"
import { entryModel } from "./models/entry.ts"
import { absent, holding } from "./models/entry-state.ts"
import type { EntryEvent, EntryInput, EntryOutput } from "./models/entry-state.ts"

const exactClocks = entryModel(0)

/** `[input, output or undefined, called at, returned at]`; times equal places. */
function historyOf(...rows: [EntryInput, EntryOutput | undefined, number, number][]) {
  return rows.map(([input, output, calledAt, returnedAt], process): Operation<EntryInput, EntryOutput> => ({
    process,
    key: "k",
    input,
    output,
    calledAt,
    returnedAt,
    calledMs: calledAt,
    returnedMs: returnedAt,
  }))
}

/** An operator gives up what there was, at some place in a history of so many operations. */
function lossWithin(prng: Prng, operations: number): Operation<EntryEvent, EntryOutput> {
  const calledAt = prng.between(0, operations)
  const states = [holding("c", prng.between(0, 60)), holding("a", 0), absent].slice(0, prng.between(1, 3))
  const input: EntryEvent = { op: "lost", states }
  const returnedAt = calledAt + prng.between(0, 2)
  return { process: -1, key: "k0", input, output: ok, calledAt, returnedAt, calledMs: 0, returnedMs: never }
}

/** The other search, for each key. */
function byFrontier(model: typeof exactClocks, history: readonly Operation<EntryEvent, EntryOutput>[]) {
  const found = [...partitionByKey(history).values()].map((part) => checkFrontier(model, part, 1_000_000))
  return found.find(({ verdict }) => verdict !== "linearizable") ?? { verdict: "linearizable" }
}

const put = (content: string, expiresAtMs = 0): EntryInput => ({ op: "put", content, expiresAtMs })
const update = (content: string): EntryInput => ({ op: "update", content, expiresAtMs: 0 })
const ok: EntryOutput = { error: "none" }
const got = (content: string): EntryOutput => ({ error: "none", content })
const notFound: EntryOutput = { error: "alias_not_found" }

describe("against brute force", () => {
  it("agrees on 10,000 histories, a sixth of them wrong by one swap", () => {
    const prng = new Prng(20_261_122)
    let wrong = 0
    let open = 0
    for (let round = 0; round < 10_000; round++) {
      const make = () => generate(prng, prng.between(2, 7), prng.between(2, 4), prng.between(1, 2), 8)
      let history = make()
      if (round % 6 === 0) {
        for (;;) {
          const swapped = swapOutputs(prng, history)
          if (swapped !== undefined && !checkByBruteForce(exactClocks, swapped)) {
            history = swapped
            break
          }
          history = make()
        }
      }
      const expected = checkByBruteForce(exactClocks, history)
      if (round % 6 !== 0) expect(expected).toBe(true)
      if (!expected) wrong++
      if (history.some((o) => o.returnedAt === never)) open++
      for (const search of [check, byFrontier]) {
        const found = search(exactClocks, history)
        if (found.verdict !== (expected ? "linearizable" : "violation"))
          throw new Error(
            `round ${round}: ${search.name}: ${found.verdict}, brute force ${expected}: ${JSON.stringify(history)}`,
          )
      }
    }
    expect(wrong).toBe(1667)
    expect(open).toBeGreaterThan(2_000)
  })

  it("agrees on 6,000 histories of one key in which most answers are lost, whatever the clocks", () => {
    const prng = new Prng(20_261_128)
    const seen = { linearizable: 0, violation: 0 }
    for (let round = 0; round < 6_000; round++) {
      const model = entryModel(prng.pick([0, 5, 20, never]))
      const made = generate(prng, prng.between(5, 8), 4, 1, 3)
      const told = (round % 2 === 0 ? undefined : swapOutputs(prng, made)) ?? made
      const history = round % 3 === 0 ? [...told, lossWithin(prng, told.length)] : told
      const expected = checkByBruteForce(model, history) ? "linearizable" : "violation"
      seen[expected]++
      expect({ round, verdict: byFrontier(model, history).verdict }).toEqual({ round, verdict: expected })
    }
    expect(Math.min(seen.linearizable, seen.violation)).toBeGreaterThan(700)
  })
})

describe("long histories", () => {
  it("are decided in few steps, and one swapped answer is found", () => {
    const prng = new Prng(7)
    let found = 0
    for (let round = 0; round < 20; round++) {
      const history = generate(prng, 1_000, 6, 3, 100)
      const good = check(exactClocks, history)
      expect(good.verdict).toBe("linearizable")
      expect(byFrontier(exactClocks, history).verdict).toBe("linearizable")
      expect(good.steps).toBeLessThan(200_000)
      const swapped = swapOutputs(prng, history)
      if (swapped !== undefined && check(exactClocks, swapped).verdict === "violation") found++
    }
    expect(found).toBeGreaterThan(10)
  })

  it("keep both of two operations of unknown fate that leave the same state, and may be needed again", () => {
    const cas: EntryInput = { op: "cas", content: "v", comparand: "a", expiresAtMs: 0 }
    const history = historyOf(
      [update("v"), undefined, 0, never],
      [cas, undefined, 1, never],
      [update("a"), ok, 2, 3],
      [{ op: "get" }, got("v"), 4, 5],
      [update("w"), ok, 6, 7],
      // Only if the first one was the `cas`, which needs "a".
      [{ op: "get" }, got("v"), 8, 9],
    )
    expect(byFrontier(exactClocks, history).verdict).toBe("linearizable")
    const once = history.filter((o) => o.output !== undefined || o.input.op === "cas")
    expect(byFrontier(exactClocks, once).verdict).toBe("violation")
  })

  it("are decided with many operations of unknown fate and several at a time on one key", () => {
    const history = generate(new Prng(1), 1_000, 6, 1, 30)
    expect(history.filter((o) => o.returnedAt === never).length).toBeGreaterThan(50)
    expect(byFrontier(exactClocks, history).verdict).toBe("linearizable")
  })

  it("are decided with a hundred of unknown fate, most of which nobody saw", () => {
    const contents = Array.from({ length: 1_000 }, (_, i) => `c${i}`)
    const history = generate(new Prng(5), 700, 9, 1, 10, contents)
    expect(history.filter((o) => o.returnedAt === never).length).toBeGreaterThan(90)
    expect(checkFrontier(entryModel(never), history, 500_000).verdict).toBe("linearizable")
    expect(checkFrontier(entryModel(never), history, 1_000).verdict).toBe("unknown")
  })

  it("are decided with a loss that may have brought back any of a hundred thousand states", () => {
    const contents = Array.from({ length: 1_000 }, (_, i) => `c${i}`)
    const made = generate(new Prng(2), 1_200, 6, 1, 1_000, contents)
    const expiries = made
      .flatMap(({ input }) => ("expiresAtMs" in input ? [input.expiresAtMs] : []))
      .slice(0, 100)
    const states = contents.flatMap((content) => expiries.map((expiresAtMs) => holding(content, expiresAtMs)))
    const input: EntryEvent = { op: "lost", states: [absent, ...states] }
    const event = { process: -1, key: "k0", input, output: ok, calledMs: 0, returnedMs: never }
    const history = [...made, { ...event, calledAt: 1_000, returnedAt: 1_010 }]
    expect(check(exactClocks, history, 300_000).verdict).toBe("linearizable")
    expect(checkFrontier(exactClocks, history, 300_000).verdict).toBe("linearizable")
  })

  it("are decided with forty operations of unknown fate, of which one took effect late", () => {
    const answered = Array.from({ length: 300 }, (_, i): [EntryInput, EntryOutput, number, number][] => [
      [update(`a${i}`), ok, 10 * i, 10 * i + 1],
      [{ op: "get" }, got(i === 250 ? "open7" : `a${i}`), 10 * i + 4, 10 * i + 5],
    ]).flat()
    const open = Array.from({ length: 40 }, (_, i): [EntryInput, undefined, number, number] => [
      update(`open${i}`),
      undefined,
      10 * i + 2,
      never,
    ])
    const history = historyOf(...answered, ...open)
    expect(check(exactClocks, history).verdict).toBe("linearizable")
    expect(
      check(
        exactClocks,
        history.filter((o) => o.calledAt !== 72),
      ).verdict,
    ).toBe("violation")
    const twice = history.map((o) => (o.calledAt === 2704 ? { ...o, output: got("open7") } : o))
    const wrong = check(exactClocks, twice)
    expect(wrong.verdict).toBe("violation")
    expect(wrong.blocked?.calledAt).toBe(2704)
  })
})

describe("outcomes", () => {
  it("an answered write is seen by what is called later", () => {
    const stale = historyOf([put("a"), ok, 0, 1], [{ op: "get" }, notFound, 2, 3])
    expect(check(exactClocks, stale).verdict).toBe("violation")
  })

  it("are told as they were given", () => {
    const history = historyOf([put("a"), ok, 0, 1], [{ op: "get" }, notFound, 2, 3])
    for (const { longest, blocked } of [
      check(exactClocks, history),
      checkFrontier(exactClocks, history, 100),
    ]) {
      expect(longest.map(({ operation }) => operation)).toEqual(history.slice(0, 1))
      expect(blocked).toBe(history[1])
    }
  })

  it("a write in doubt may take effect late, or never, but not before its call", () => {
    const get: EntryInput = { op: "get" }
    const late = historyOf([put("a"), undefined, 0, never], [get, notFound, 1, 2], [get, got("a"), 5, 6])
    expect(check(exactClocks, late).verdict).toBe("linearizable")
    expect(check(exactClocks, late.slice(0, 2)).verdict).toBe("linearizable")
    const undone = historyOf([put("a"), undefined, 0, never], [get, got("a"), 1, 2], [get, notFound, 5, 6])
    expect(check(exactClocks, undone).verdict).toBe("violation")
    const early = historyOf([get, got("a"), 0, 1], [put("a"), undefined, 2, never])
    expect(check(exactClocks, early).verdict).toBe("violation")
  })

  it("a write in doubt takes effect at most once", () => {
    const get: EntryInput = { op: "get" }
    const twice = historyOf(
      [update("a"), undefined, 0, never],
      [get, got("a"), 1, 2],
      [update("b"), ok, 3, 4],
      [get, got("a"), 5, 6],
    )
    expect(check(exactClocks, twice).verdict).toBe("violation")
  })

  it("a definite error is no operation: its effect is an error", () => {
    const recorder = new HistoryRecorder<EntryInput, EntryOutput>()
    recorder.dropped(recorder.called(0, "k", put("a")))
    recorder.returned(recorder.called(1, "k", { op: "get" }), got("a"))
    expect(check(exactClocks, recorder.history()).verdict).toBe("violation")
  })

  it("a call at the same place as a return counts as concurrent", () => {
    const touching = historyOf([{ op: "get" }, got("a"), 0, 1], [put("a"), ok, 1, 2])
    expect(check(exactClocks, touching).verdict).toBe("linearizable")
  })

  it("keys are independent", () => {
    const [a, b] = historyOf([put("a"), ok, 0, 1], [{ op: "get" }, notFound, 2, 3])
    expect(check(exactClocks, [a!, { ...b!, key: "other" }]).verdict).toBe("linearizable")
  })
})

describe("expiry", () => {
  const get: EntryInput = { op: "get" }
  it("is seen after its time, not before, and either way within the clocks' error", () => {
    const at = (calledAt: number, output: EntryOutput) =>
      historyOf([put("a", 100), ok, 0, 1], [get, output, calledAt, calledAt + 1])
    const model = entryModel(10)
    expect(check(model, at(50, got("a"))).verdict).toBe("linearizable")
    expect(check(model, at(50, notFound)).verdict).toBe("violation")
    expect(check(model, at(95, got("a"))).verdict).toBe("linearizable")
    expect(check(model, at(95, notFound)).verdict).toBe("linearizable")
    expect(check(model, at(120, got("a"))).verdict).toBe("violation")
    expect(check(model, at(120, notFound)).verdict).toBe("linearizable")
    expect(check(entryModel(never), at(5_000, got("a"))).verdict).toBe("linearizable")
  })

  it("comes to what an operator's loss brought back", () => {
    const lost: EntryEvent = { op: "lost", states: [holding("a", 40)] }
    const event = { process: -1, key: "k", input: lost, output: ok, calledMs: 0, returnedMs: never }
    const seen = historyOf([get, got("a"), 10, 11], [get, notFound, 50, 51])
    const history = [{ ...event, calledAt: 0, returnedAt: 1 }, ...seen]
    expect(byFrontier(exactClocks, history).verdict).toBe("linearizable")
    expect(byFrontier(exactClocks, history.slice(1)).verdict).toBe("violation")
  })

  it("does not come back", () => {
    const back = historyOf([put("a", 100), ok, 0, 1], [get, notFound, 95, 96], [get, got("a"), 97, 98])
    expect(check(entryModel(10), back).verdict).toBe("violation")
  })
})
