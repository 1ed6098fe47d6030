import { describe, expect, it } from "vitest"
import { Rest, restMsMax } from "../../../src/storage/table/rest.ts"

describe("the flusher's rest", () => {
  it("is over before the first round", () => {
    const rest = new Rest()
    expect([rest.isOver(0), rest.leftMs(0)]).toEqual([true, 0])
  })

  it("is four times as long as the round was", () => {
    const rest = new Rest()
    rest.after(1_000, 1_010)
    expect([rest.isOver(1_049), rest.leftMs(1_049)]).toEqual([false, 1])
    expect([rest.isOver(1_050), rest.leftMs(1_050)]).toEqual([true, 0])
  })

  it("is no longer than its bound after a long round", () => {
    const rest = new Rest()
    rest.after(0, 60_000)
    expect(rest.leftMs(60_000)).toBe(restMsMax)
  })
})
