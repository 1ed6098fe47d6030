import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { formatExpiry, parseDelta, parseDuration, parseExpiry } from "../../../src/command/time.ts"
import { expiresAtMsMax } from "../../../src/core/lib/limits.ts"

const expiry = (text: string) => {
  const parsed = parseExpiry(text)
  return parsed.ok ? parsed.value : undefined
}
const delta = (text: string) => {
  const parsed = parseDelta(text)
  return parsed.ok ? parsed.value : undefined
}

describe("an expiry", () => {
  it("is RFC 3339, seconds, or never", () => {
    const table: readonly [string, number][] = [
      ["never", 0],
      ["0", 0],
      ["1", 1000],
      ["1.5", 1500],
      ["1893456000", 1_893_456_000_000],
      ["2030-01-01T00:00:00Z", 1_893_456_000_000],
      ["2030-01-01t00:00:00z", 1_893_456_000_000],
      ["2030-01-01T00:00:00.1239Z", 1_893_456_000_123],
      ["2030-01-01T00:00:00.5Z", 1_893_456_000_500],
      ["2030-01-01T01:30:00+01:30", 1_893_456_000_000],
      ["2029-12-31T19:00:00-05:00", 1_893_456_000_000],
      ["2028-02-29T00:00:00Z", Date.UTC(2028, 1, 29)],
      ["2030-06-30T23:59:60Z", Date.UTC(2030, 6, 1)],
      ["9999-12-31T23:59:59.999Z", expiresAtMsMax],
      // What has passed is 1, since 0 is never.
      ["1970-01-01T00:00:00Z", 1],
      ["1960-01-01T00:00:00Z", 1],
      ["0001-01-01T00:00:00Z", 1],
    ]
    for (const [text, ms] of table) expect(expiry(text), text).toBe(ms)
  })

  it("is nothing else", () => {
    const table = [
      "",
      "now",
      "Never",
      "-1",
      "1e3",
      "+5",
      "0x10",
      "1.2345",
      "9999999999999",
      "2030-01-01",
      "2030-01-01T00:00:00",
      "2030-01-01T00:00Z",
      "2030-02-30T00:00:00Z",
      "2029-02-29T00:00:00Z",
      "2030-13-01T00:00:00Z",
      "2030-00-01T00:00:00Z",
      "2030-01-00T00:00:00Z",
      "2030-01-01T24:00:00Z",
      "2030-01-01T00:60:00Z",
      "2030-01-01T00:00:61Z",
      "2030-01-01T00:00:00+24:00",
      "2030-01-01T00:00:00+00:60",
      "2030-01-01T00:00:00.Z",
      "9999-12-31T23:59:59-01:00",
      " 1",
      "1 ",
    ]
    for (const text of table) expect(expiry(text), text).toBeUndefined()
  })

  it("is printed so that it can be read again", () => {
    expect(formatExpiry(0)).toBe("never")
    expect(formatExpiry(1_893_456_000_123)).toBe("2030-01-01T00:00:00.123Z")
    fc.assert(
      fc.property(fc.integer({ min: 1, max: expiresAtMsMax }), (ms) => {
        expect(expiry(formatExpiry(ms))).toBe(ms)
      }),
      { seed: 4, numRuns: 500 },
    )
  })
})

describe("a duration", () => {
  it("is a number with a unit, or of seconds", () => {
    for (const [text, ms] of [
      ["20s", 20_000],
      ["20", 20_000],
      ["500ms", 500],
      ["2m", 120_000],
      ["1.5s", 1500],
    ] as const) {
      expect(parseDuration(text), text).toEqual({ ok: true, value: ms })
    }
    for (const text of ["", "s", "-1s", "1h", "1 s", "1.2345s", "9999999999s", "NaN"])
      expect(parseDuration(text).ok, text).toBe(false)
  })
})

describe("a delta", () => {
  it("is seconds with at most three decimals", () => {
    for (const [text, ms] of [
      ["0", 0],
      ["60", 60_000],
      ["0.001", 1],
      ["1.5", 1500],
    ] as const) {
      expect(delta(text), text).toBe(ms)
    }
    for (const text of ["", "-1", "1.", ".5", "1.0005", "1h", "NaN", "999999999999"])
      expect(delta(text), text).toBeUndefined()
  })
})
