/**
 * A batch: the requests that one connection has in flight, as bytes that are laid out once and then only filled in with
 * aliases and contents. Both protocols have requests of constant length here, so a generator in JavaScript spends its
 * time in the sockets and not in encoding; without that it would measure itself.
 *
 * An alias is 16 bytes, `bch:` and the alias number in twelve digits. A content begins with the same twelve digits, so
 * that a reply which belongs to another alias is noticed: speed with wrong answers is no figure.
 */
export const aliasPrefix = "bch:"
export const aliasDigits = 12
export const aliasBytes = aliasPrefix.length + aliasDigits

export type LoadOperation = "put" | "get"

export interface Batch {
  /** All requests of the batch, as one write. */
  readonly bytes: Uint8Array
  readonly size: number
  /** Sets the alias (and the content, in a put) of one request. */
  setAlias(index: number, aliasNumber: number): void
  /** Called once all are set, before the bytes are sent. */
  seal(): void
  /**
   * Reads whole replies from `chunk[from, to)` and remembers how many of this batch are answered.
   * @returns where the first byte lies that was not used
   * @throws an error when a reply is an error, malformed, or not the alias's content
   */
  read(chunk: Uint8Array, from: number, to: number): number
  /** Replies of this batch read so far. */
  readonly answered: number
  /** What the protocol itself has to answer to what was read; sent at once. */
  takeControl?(): Uint8Array | undefined
}

export interface LoadProtocol {
  readonly name: "qdb" | "redis" | "etcd"
  /** Whether the server may say something when nothing was asked, of the connection itself. */
  readonly speaksUnasked?: boolean
  /** Sent when a connection opens, or nothing. */
  greeting(): Uint8Array | undefined
  /**
   * Reads the answer to the greeting.
   * @returns where it ends, or -1 while it is incomplete
   * @throws an error when it is a refusal
   */
  readGreeting(chunk: Uint8Array, from: number, to: number): number
  batch(operation: LoadOperation, size: number, contentBytes: number): Batch
}

/** The digits of 0 to 9999, four bytes each: two look-ups write eight digits. */
const fours = new Uint8Array(40_000)
for (let value = 0; value < 10_000; value++) fours.set(Buffer.from(String(value).padStart(4, "0")), value * 4)

/** Writes `value` (below 10^12) in twelve digits. */
export function writeDigits(into: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 100_000_000)
  const low = value - high * 100_000_000
  const middle = (low / 10_000) | 0
  writeFour(into, at, high)
  writeFour(into, at + 4, middle)
  writeFour(into, at + 8, low - middle * 10_000)
}

function writeFour(into: Uint8Array, at: number, value: number): void {
  const from = value * 4
  into[at] = fours[from] as number
  into[at + 1] = fours[from + 1] as number
  into[at + 2] = fours[from + 2] as number
  into[at + 3] = fours[from + 3] as number
}

/** @returns whether both places hold the same twelve digits */
export function sameDigits(a: Uint8Array, atA: number, b: Uint8Array, atB: number): boolean {
  for (let offset = aliasDigits - 1; offset >= 0; offset--) {
    if (a[atA + offset] !== b[atB + offset]) return false
  }
  return true
}

/** Filler of a content, behind its digits: printable, so that a recorded connection can be read. */
export function filler(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => 97 + (index % 26))
}
