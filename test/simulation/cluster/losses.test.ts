/** What an accepted loss allows a history to hold, and what not. */
import { describe, expect, it } from "vitest"
import { check } from "../../linearizability/check.ts"
import { HistoryRecorder } from "../../linearizability/history.ts"
import { entryModel } from "../../linearizability/models/entry.ts"
import type { EntryInput, EntryOutput } from "../../linearizability/models/entry-state.ts"
import { Losses } from "./losses.ts"

const timeoutMs = 1_000

class Story {
  nowMs = 0
  readonly losses = new Losses()
  private readonly recorder = new HistoryRecorder<EntryInput, EntryOutput>()

  call(input: EntryInput): (output: EntryOutput) => void {
    const index = this.recorder.called(1, "key", input, this.nowMs)
    return (output) => this.recorder.returned(index, output, this.nowMs)
  }

  did(input: EntryInput, output: EntryOutput): void {
    this.call(input)(output)
  }

  saw(content: string | undefined): void {
    this.did({ op: "get" }, content === undefined ? gone : { error: "none", content })
  }

  /** The only slot begins anew. */
  lose(): void {
    this.losses.ordered(this.recorder.mark())
    this.losses.befell([0], this.recorder.mark(), this.nowMs)
  }

  get verdict(): string {
    const seen = this.recorder.history()
    const events = [...this.losses.events(seen, 1), ...this.losses.effects(seen, 1, timeoutMs)]
    return check(entryModel(0), [...seen, ...events]).verdict
  }
}

const gone = { error: "alias_not_found" } as const
const done = { error: "none" } as const
const update = (content: string) => ({ op: "update", content, expiresAtMs: 0 }) as const

describe("behind an accepted loss", () => {
  it.each([undefined, "1", "2"])("an entry is what it was at some time before: %s", (content) => {
    const story = new Story()
    story.did(update("1"), done)
    story.did(update("2"), done)
    story.lose()
    story.saw(content)
    expect(story.verdict).toBe("linearizable")
    story.saw("3")
    expect(story.verdict).toBe("violation")
  })

  it("what was under way may have been seen, be lost, and take effect again", () => {
    const story = new Story()
    const answer = story.call(update("1"))
    story.saw("1")
    story.lose()
    story.saw(undefined)
    story.did(update("2"), done)
    story.saw("1")
    expect(story.verdict).toBe("linearizable")
    story.did(update("3"), done)
    story.saw("1")
    answer(done)
    expect(story.verdict, "but once only").toBe("violation")
  })

  it("what was under way takes effect once in what goes on", () => {
    const story = new Story()
    const answer = story.call(update("1"))
    story.lose()
    story.saw(undefined)
    story.saw("1")
    expect(story.verdict).toBe("linearizable")
    story.did(update("2"), done)
    story.saw("1")
    answer(done)
    expect(story.verdict).toBe("violation")
  })

  it.each([
    ["takes effect again while it is repeated", 999, "linearizable"],
    ["takes effect once, when it had been given up", 1_001, "violation"],
  ])("what nobody was told of %s", (_, agoMs, verdict) => {
    const story = new Story()
    story.call(update("1"))
    story.saw("1")
    story.nowMs = agoMs
    story.lose()
    story.saw(undefined)
    story.did(update("2"), done)
    story.saw("1")
    expect(story.verdict).toBe(verdict)
  })

  it("nothing is lost before it", () => {
    const story = new Story()
    story.did(update("1"), done)
    story.saw(undefined)
    story.lose()
    expect(story.verdict).toBe("violation")
  })

  it("what began after it takes effect once", () => {
    const story = new Story()
    story.lose()
    const answer = story.call(update("1"))
    story.saw("1")
    story.did(update("2"), done)
    answer(done)
    story.saw("1")
    expect(story.verdict).toBe("violation")
  })

  it("what had been answered before takes effect no more", () => {
    const story = new Story()
    story.did({ op: "put", content: "1", expiresAtMs: 0 }, done)
    story.lose()
    story.did({ op: "remove" }, done)
    story.saw("1")
    expect(story.verdict).toBe("violation")
  })
})
