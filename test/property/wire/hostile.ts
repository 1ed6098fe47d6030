/**
 * Inputs for decoders, and bytes that tell when a decoder looks where it must not.
 *
 * Random bytes alone hardly get past a decoder's first check, so most inputs are good messages with some bytes changed,
 * cut out, put in or cut off.
 */
import * as fc from "fast-check"

export const inputsPerProperty = 10_000
/** fast-check's own seed, so that a run repeats; a failure prints the path to its smallest input. */
export const parameters = { numRuns: inputsPerProperty, seed: 20261122 } as const

type Mutation =
  | { readonly kind: "change"; readonly at: number; readonly byte: number }
  | { readonly kind: "remove"; readonly at: number; readonly count: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly at: number }

/** Type bytes of MessagePack that announce much, and neighbours of its ranges. */
const nasty = fc.oneof(
  fc.constantFrom(0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xe0, 0xff),
  fc.integer({ min: 0xc0, max: 0xdf }),
)
const byte = fc.oneof(nasty, fc.integer({ min: 0, max: 255 }))
/** Where a mutation strikes, as a share of the length: beginnings hold the structure, so they are struck more often. */
const place = fc.oneof(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 0, max: 0.2, noNaN: true }),
)

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("change" as const), at: place, byte }) },
  fc.record({ kind: fc.constant("remove" as const), at: place, count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    kind: fc.constant("insert" as const),
    at: place,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 9 }),
  }),
  fc.record({ kind: fc.constant("truncate" as const), at: place }),
)

function mutate(bytes: Uint8Array, { at, ...change }: Mutation): Uint8Array {
  const index = Math.floor(at * bytes.length)
  switch (change.kind) {
    case "change": {
      const changed = bytes.slice()
      if (index < changed.length) changed[index] = change.byte
      return changed
    }
    case "remove":
      return joined(bytes.subarray(0, index), bytes.subarray(index + change.count))
    case "insert":
      return joined(bytes.subarray(0, index), change.bytes, bytes.subarray(index))
    case "truncate":
      return bytes.slice(0, index)
  }
}

/** Good messages, good messages changed, and bytes of which little can be said. */
export function hostile(messages: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 1, arbitrary: messages },
    {
      weight: 5,
      arbitrary: fc
        .tuple(messages, fc.array(mutation, { minLength: 1, maxLength: 4 }))
        .map(([bytes, changes]) => changes.reduce(mutate, bytes)),
    },
    { weight: 1, arbitrary: fc.array(byte, { maxLength: 64 }).map((bytes) => Uint8Array.from(bytes)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  )
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export const margin = 24

/** Places `input` between `margin` bytes of poison on each side. */
export function surrounded(input: Uint8Array, poison: number): Uint8Array {
  const bytes = new Uint8Array(input.length + 2 * margin).fill(poison)
  bytes.set(input, margin)
  return bytes
}

/**
 * Bytes that throw when anything outside of [start, end) is read, by index or by a copy.
 * Writing is refused anywhere: a decoder only reads.
 */
export function guarded(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const check = (from: number, to: number) => {
    if (from < start || to > end || from > to)
      throw new Error(`read [${from}, ${to}) outside of [${start}, ${end})`)
  }
  return new Proxy(bytes, {
    get(target, key) {
      if (typeof key === "string" && /^-?\d+$/.test(key)) {
        check(Number(key), Number(key) + 1)
        return target[Number(key)]
      }
      if (key === "slice" || key === "subarray") {
        return (from: number, to: number) => {
          check(from, to)
          return target.slice(from, to)
        }
      }
      if (key === "length") return target.length
      throw new Error(`a decoder uses ${String(key)}`)
    },
    set() {
      throw new Error("a decoder writes into its input")
    },
  })
}
