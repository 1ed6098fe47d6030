import { describe, expect, it } from "vitest"
import { Grantor } from "../../../src/core/lease/grantor.ts"
import { Holder } from "../../../src/core/lease/holder.ts"

const leaseMs = 3_000
const at = (monotonicMs: number, wallMs = monotonicMs + 1e6) => ({ monotonicMs, wallMs })

describe("a voter", () => {
  it("reckons with a lease for 1.1 of its time, and after a restart with everybody's", () => {
    const grantor = Grantor.started(0, leaseMs)
    expect(grantor.owes("p", 3_299)).toBe(true)
    expect(grantor.owes("p", 3_300)).toBe(false)
    expect(grantor.grant("p", 5_000, leaseMs)).toBe(true)
    expect(grantor.owes("p", 8_299)).toBe(true)
    expect(grantor.owes("q", 8_299)).toBe(false)
    expect(grantor.owes("p", 8_300)).toBe(false)
  })

  it("grants nothing for 2.2 leases after a refusal, and then again", () => {
    const grantor = Grantor.started(0, leaseMs)
    grantor.refuse("p", 10_000, leaseMs)
    expect(grantor.grant("p", 16_599, leaseMs)).toBe(false)
    expect(grantor.grant("q", 16_599, leaseMs)).toBe(true)
    expect(grantor.grant("p", 16_600, leaseMs)).toBe(true)
  })

  it("grants nothing to whom it accepted to demote, as long as that is what it accepted last", () => {
    const grantor = Grantor.started(0, leaseMs)
    grantor.withhold(["p"])
    expect(grantor.grant("p", 1e9, leaseMs)).toBe(false)
    grantor.withhold([])
    expect(grantor.grant("p", 1e9, leaseMs)).toBe(true)
  })

  it("takes grants into the next epoch, refusals not, and reckons with all where voters changed", () => {
    const grantor = Grantor.started(0, leaseMs)
    grantor.grant("p", 10_000, leaseMs)
    grantor.refuse("p", 10_000, leaseMs)
    grantor.enterEpoch(false, 10_100, leaseMs)
    expect(grantor.owes("p", 13_000)).toBe(true)
    expect(grantor.owes("q", 13_000)).toBe(false)
    expect(grantor.grant("p", 10_200, leaseMs)).toBe(true)
    grantor.enterEpoch(true, 10_300, leaseMs)
    expect(grantor.owes("q", 13_599)).toBe(true)
    expect(grantor.owes("q", 13_600)).toBe(false)
  })
})

describe("a holder", () => {
  const voters = ["a", "b", "c"]

  it("counts its lease from before it asked, and needs a majority's", () => {
    const holder = Holder.started(at(0))
    const number = holder.ask(at(1_000), leaseMs)
    holder.onGrant("a", number)
    expect(holder.untilMs(voters)).toBe(-Infinity)
    holder.onGrant("b", number)
    expect(holder.untilMs(voters)).toBe(4_000)
    holder.onGrant("c", holder.ask(at(2_000), leaseMs))
    expect(holder.untilMs(voters)).toBe(4_000)
    holder.onGrant("a", holder.ask(at(2_500), leaseMs))
    expect(holder.untilMs(voters)).toBe(5_000)
    expect(holder.untilMs(["a", "d", "e"])).toBe(-Infinity)
  })

  it("is not taken back by an answer to an older question, nor helped by one that it never asked", () => {
    const holder = Holder.started(at(0))
    const first = holder.ask(at(1_000), leaseMs)
    const second = holder.ask(at(2_000), leaseMs)
    holder.onGrant("a", second)
    holder.onGrant("a", first)
    holder.onGrant("a", 99)
    expect(holder.untilMs(["a"])).toBe(5_000)
  })

  it("drops everything when the clocks part by more than half a second, also what is under way", () => {
    const holder = Holder.started(at(0))
    const number = holder.ask(at(100), leaseMs)
    holder.onGrant("a", number)
    expect(holder.dropIfClockJumped(at(200, 1e6 + 700))).toBe(false)
    expect(holder.untilMs(["a"])).toBe(3_100)
    expect(holder.dropIfClockJumped(at(300, 1e6 + 1_301))).toBe(true)
    expect(holder.untilMs(["a"])).toBe(-Infinity)
    holder.onGrant("a", number)
    expect(holder.untilMs(["a"])).toBe(-Infinity)
  })
})
