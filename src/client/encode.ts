/** What callers hand in, checked and as bytes. Everything refused here is `invalid_argument`, before anything is sent. */
import {
  aliasBytesMax,
  contentBytesMax,
  expiresAtMsMax,
  frameBytesMax,
  reasonBytesMax,
} from "../core/lib/limits.ts"
import { invalidArgument, qdbError } from "./error.ts"

/** Bytes as they are; strings as UTF-8. */
export type Bytes = Uint8Array | string

/** A time, or milliseconds since the epoch. */
export type Time = Date | number

const encoder = new TextEncoder()

function encode(value: Bytes, what: string): Uint8Array {
  if (typeof value !== "string") return value
  // The encoder would put a replacement character where half of a surrogate pair is missing, and store something else.
  if (!value.isWellFormed()) throw invalidArgument(`The ${what} is a string that is not well-formed.`)
  return encoder.encode(value)
}

export function encodeAlias(alias: Bytes): Uint8Array {
  const bytes = encode(alias, "alias")
  if (bytes.length === 0) throw invalidArgument("The alias is empty.")
  if (bytes.length > aliasBytesMax) throw invalidArgument(`The alias is longer than ${aliasBytesMax} bytes.`)
  return bytes
}

export function encodePrefix(prefix: Bytes): Uint8Array {
  const bytes = encode(prefix, "prefix")
  if (bytes.length > aliasBytesMax) throw invalidArgument(`The prefix is longer than ${aliasBytesMax} bytes.`)
  return bytes
}

export function encodeContent(content: Bytes, what: "content" | "comparand" = "content"): Uint8Array {
  const bytes = encode(content, what)
  if (bytes.length > contentBytesMax)
    throw tooLarge(`The ${what} has ${bytes.length} bytes; ${contentBytesMax} is the most.`)
  return bytes
}

/** The reason of an order, names of nodes, or a setting: a line of text. */
export function encodeLine(line: string, what: string): Uint8Array {
  const bytes = encode(line, what)
  if (bytes.length === 0) throw invalidArgument(`The ${what} is empty.`)
  if (bytes.length > reasonBytesMax)
    throw invalidArgument(`The ${what} is longer than ${reasonBytesMax} bytes.`)
  return bytes
}

/** Content and comparand travel in one frame. */
export function checkTogether(content: Uint8Array, comparand: Uint8Array): void {
  if (content.length + comparand.length > frameBytesMax - 2 * aliasBytesMax) {
    throw tooLarge("The content and the comparand together are larger than a message may be.")
  }
}

function tooLarge(message: string): Error {
  return qdbError("entry_too_large", { message, definite: true })
}

/** @returns milliseconds since the epoch, 0 = never; what lies at or before the epoch has passed, and is 1 */
export function encodeTime(time: Time | "never" | undefined): number {
  if (time === undefined || time === "never") return 0
  const ms = typeof time === "number" ? time : time.getTime()
  if (Number.isNaN(ms) || ms > expiresAtMsMax)
    throw invalidArgument("The expiry is no time before the year 10000.")
  return Math.max(1, Math.floor(ms))
}

export function encodeDelta(ms: number): number {
  if (!(ms >= 0 && ms <= expiresAtMsMax))
    throw invalidArgument("The time from now is no positive number of milliseconds.")
  return Math.floor(ms)
}
