/** Lists that are wrong are told from those that are right. */
import { describe, expect, it } from "vitest"
import { HistoryRecorder } from "../../linearizability/history.ts"
import {
  absent,
  type EntryEvent,
  type EntryInput,
  type EntryOutput,
  holding,
} from "../../linearizability/models/entry-state.ts"
import { grown, shrunk } from "../data/growth.ts"
import { Scans } from "./scans.ts"

type Step = readonly [key: string, input: EntryEvent, answer: "ok" | "?"] | readonly string[]

const stored = (content: string): EntryInput => ({ op: "update", content, expiresAtMs: 0 })

/** Steps one after another; a list of aliases is a list that was made then. @returns what is wrong with it */
function judged(...steps: readonly Step[]): string | undefined {
  const recorder = new HistoryRecorder<EntryEvent, EntryOutput>()
  const scans = new Scans()
  for (const step of steps) {
    if (typeof step[1] === "object") {
      const [key, input, answer] = step as readonly [string, EntryEvent, string]
      const index = recorder.called(1, key, input)
      if (answer === "ok") recorder.returned(index, { error: "none" })
    } else {
      const scan = scans.began("", recorder.mark())
      scan.aliases.push(...(step as readonly string[]))
      scan.endedAt = recorder.mark()
    }
  }
  return scans.judge(recorder.history()).find(({ wrong }) => wrong !== undefined)?.wrong
}

describe("a list against the history", () => {
  it("holds what is there, once, and nothing else", () => {
    expect(judged(["a", stored("1"), "ok"], ["a"])).toBeUndefined()
    expect(judged(["a", stored("1"), "ok"], [])).toContain("lacks a")
    expect(judged(["a", stored("1"), "ok"], ["a", "a"])).toContain("twice")
    expect(judged(["a", stored("1"), "ok"], ["a", "b"])).toContain("holds b")
    expect(judged(["a", stored("1"), "ok"], ["a", { op: "remove" }, "ok"], ["a"])).toContain("holds a")
    expect(judged(["a", stored("1"), "ok"], ["a", { op: "remove" }, "ok"], [])).toBeUndefined()
  })

  it("may or may not hold what nobody can be sure of", () => {
    for (const list of [[], ["a"]]) {
      expect(judged(["a", stored("1"), "?"], list)).toBeUndefined()
      expect(judged(["a", stored("1"), "ok"], ["a", { op: "remove" }, "?"], list)).toBeUndefined()
      expect(
        judged(["a", stored("1"), "ok"], ["a", { op: "expires_at", expiresAtMs: 5 }, "ok"], list),
      ).toBeUndefined()
    }
    expect(judged(["a", { op: "remove" }, "?"], ["a", stored("1"), "ok"], [])).toBeUndefined()
  })

  it("may hold again what was removed, where an operator goes on with an older copy", () => {
    const removed = [
      ["a", stored("1"), "ok"],
      ["a", { op: "remove" }, "ok"],
    ] as const
    const older = { op: "lost", states: [absent, holding("1", 0)] } as const
    for (const list of [[], ["a"]]) expect(judged(...removed, ["a", older, "ok"], list)).toBeUndefined()
    const empty = { op: "lost", states: [absent] } as const
    expect(judged(...removed, ["a", empty, "ok"], ["a"])).toContain("holds a")
  })
})

it("contents that were made longer come back, and torn ones do not", () => {
  for (const content of ["1.2", "12.345", "0:7.1"]) {
    const stored = grown(content, 600)
    expect(shrunk(stored)).toBe(content)
    expect(grown(content, 0)).toBe(content)
    if (stored.length < content.length + 3) continue
    expect(shrunk(`${stored.slice(0, -1)}!`)).toContain("torn")
  }
})
