/**
 * Times as people write them on a command line, to and from milliseconds. `Date` is used as the calendar only, never as a
 * clock.
 *
 * RFC 3339 is checked by its own grammar before `Date` sees it: `Date.parse` takes many other things, gives a time without
 * an offset the meaning of local time, and lets `2026-02-30` be the second of March.
 */
import { expiresAtMsMax } from "../core/lib/limits.ts"

export type Parsed<A> =
  { readonly ok: true; readonly value: A } | { readonly ok: false; readonly wrong: string }

const wrong = (text: string) => ({ ok: false, wrong: text }) as const

const dateTime =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/
const withoutOffset = /^\d{4}-\d{2}-\d{2}([Tt]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$/
const seconds = /^(\d{1,12})(?:\.(\d{1,3}))?$/

/** What the wire says for an entry that never expires. */
export const never = 0

/**
 * @param text an RFC 3339 time, seconds since the epoch (0, as in quasardb, is never), or `never`
 * @returns milliseconds since the epoch, 0 = never
 */
export function parseExpiry(text: string): Parsed<number> {
  if (text === "never") return { ok: true, value: never }
  if (seconds.test(text)) return bounded(secondsToMs(text) as number)
  const match = dateTime.exec(text)
  if (match === null) {
    if (withoutOffset.test(text))
      return wrong("needs a time of day and an offset, as in 2030-01-01T00:00:00Z")
    return wrong("is not a time: write 2030-01-01T00:00:00Z, seconds since the epoch, or never")
  }
  const ms = msOfDateTime(match)
  if (ms === undefined) return wrong("is not a day and time of the calendar")
  // The epoch itself and all before it have passed; 0 would say never.
  return bounded(Math.max(ms, 1))
}

/** @returns milliseconds since the epoch, or undefined if there is no such day or time */
function msOfDateTime(match: RegExpExecArray): number | undefined {
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const [, , , , , , , fraction = "", sign, offsetHour = "0", offsetMinute = "0"] = match
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  // A leap second, which no clock of a computer shows, is the second after it.
  if (!isDay || hour > 23 || minute > 59 || second > 60) return undefined
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined
  const offsetMs = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000 * (sign === "-" ? -1 : 1)
  const fractionMs = Number(fraction.slice(0, 3).padEnd(3, "0"))
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + fractionMs - offsetMs
}

/** @returns milliseconds; the text has seconds, with three decimals at most, and no sign */
export function parseDelta(text: string): Parsed<number> {
  const ms = secondsToMs(text)
  if (ms === undefined) return wrong("is not a number of seconds: digits, with three decimals at most")
  return bounded(ms)
}

/** @returns milliseconds of `20s`, `500ms`, `2m`, or a number of seconds */
export function parseDuration(text: string): Parsed<number> {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m)?$/.exec(text)
  if (match === null) return wrong("is not a time: write 20s, 500ms or 2m")
  const units = { ms: 1, s: 1000, m: 60_000 } as const
  return bounded(Math.round(Number(match[1]) * units[(match[2] ?? "s") as keyof typeof units]))
}

function secondsToMs(text: string): number | undefined {
  const match = seconds.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * 1000 + Number((match[2] ?? "").padEnd(3, "0"))
}

function bounded(ms: number): Parsed<number> {
  return ms <= expiresAtMsMax ? { ok: true, value: ms } : wrong("is later than the year 9999")
}

/** @returns RFC 3339 in UTC with milliseconds, or `never` */
export function formatExpiry(expiresAtMs: number): string {
  return expiresAtMs === never ? "never" : new Date(expiresAtMs).toISOString()
}
