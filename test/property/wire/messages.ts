/** Good messages of every kind, as the values that a general MessagePack library encodes. */
import { encode } from "@msgpack/msgpack"
import * as fc from "fast-check"
import { operation } from "../../../src/core/entry/operation.ts"
import {
  aliasBytesMax,
  expiresAtMsMax,
  plannedNodesMax,
  requestTimeoutMsMax,
} from "../../../src/core/lib/limits.ts"
import type { Value, ValueMap } from "../../../src/wire/writer.ts"

/** Integers in whose encodings the library has a choice come up as often as small ones. */
export function unsigned(max: number): fc.Arbitrary<number> {
  const edges = [
    0,
    1,
    127,
    128,
    255,
    256,
    65535,
    65536,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 40 + 1,
    max - 1,
    max,
  ]
  return fc.oneof(
    fc.constantFrom(...edges.filter((edge) => edge <= max)),
    fc.maxSafeNat().map((n) => n % (max + 1)),
  )
}

const text = new TextEncoder()
export const alias = fc
  .string({ unit: "binary", minLength: 1, maxLength: 40 })
  .map((characters) => text.encode(characters))
  .filter((bytes) => bytes.length <= aliasBytesMax)
/** Lengths around the widths of `bin`'s header. */
export const content = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(255, 256, 300).map((length) => new Uint8Array(length).fill(length & 0xff)),
  },
)
export const uint32 = unsigned(2 ** 32 - 1)
export const safeInteger = unsigned(Number.MAX_SAFE_INTEGER)
export const expiry = unsigned(expiresAtMsMax)
export const client = fc.uint8Array({ minLength: 16, maxLength: 16 })

const head = (opcode: number) =>
  fc.tuple(fc.constant(opcode), uint32, safeInteger, unsigned(requestTimeoutMsMax))
const numbered = safeInteger.chain((n) => {
  const number = Math.max(n, 1)
  return fc.tuple(client, fc.constant(number), unsigned(number))
})
const write = (opcode: number, ...rest: fc.Arbitrary<Value>[]) =>
  fc.tuple(head(opcode), numbered, alias, fc.tuple(...rest)).map((parts): Value[] => parts.flatMap(spread))
const plain = (opcode: number, ...rest: fc.Arbitrary<Value>[]) =>
  fc.tuple(head(opcode), fc.tuple(...rest)).map((parts): Value[] => parts.flatMap(spread))

function spread(part: Value | readonly Value[]): readonly Value[] {
  return part instanceof Uint8Array || !Array.isArray(part) ? [part as Value] : part
}

/** Every request there is, as its array. */
export const request: fc.Arbitrary<Value[]> = fc.oneof(
  plain(operation.ping),
  plain(operation.get, alias),
  write(operation.put, content, expiry),
  write(operation.update, content, expiry),
  write(operation.remove),
  write(operation.get_update, content, expiry),
  write(operation.get_remove),
  write(operation.cas, content, content, expiry),
  write(operation.remove_if, content),
  write(operation.expires_at, expiry),
  write(operation.expires_from_now, expiry),
  plain(operation.get_expiry, alias),
  plain(
    operation.prefix_get,
    fc.uint8Array({ maxLength: 8 }),
    unsigned(65535),
    fc.uint8Array({ maxLength: 8 }),
    unsigned(2 ** 20),
  ),
  plain(
    operation.slots_list,
    fc.uint8Array({ maxLength: 8 }),
    unsigned(65535),
    fc.uint8Array({ maxLength: 8 }),
    unsigned(2 ** 20),
  ),
  plain(operation.node_status),
  plain(operation.node_config),
  plain(operation.node_topology),
  plain(operation.stop_node, alias),
  plain(operation.cluster_status),
  plain(operation.cluster_plan, unsigned(plannedNodesMax), fc.oneof(alias, fc.constant(new Uint8Array(0)))),
  plain(operation.cluster_remove_node, alias, unsigned(1)),
  plain(operation.cluster_recover, alias),
  plain(operation.cluster_set, alias, alias),
)

export const wellFormedText = fc.string({ unit: "binary", maxLength: 40 })

/** Any value that a document may hold. Integers are safe ones; floats are not integers. */
export const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    safeInteger,
    fc.maxSafeInteger(),
    fc.double({ noInteger: true, noNaN: true }),
    wellFormedText,
    content,
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(wellFormedText, tie("value"), { maxKeys: 20 }),
  ),
})).value

export const document: fc.Arbitrary<ValueMap> = fc.dictionary(wellFormedText, value, { maxKeys: 6 })

/** Every reply there is, as its array. */
export const reply: fc.Arbitrary<Value[]> = fc.oneof(
  uint32.map((id): Value[] => [0, id]),
  fc.tuple(fc.constant(0), uint32, content),
  fc.tuple(fc.constant(0), uint32, safeInteger),
  fc.tuple(fc.constant(0), uint32, fc.array(alias, { maxLength: 20 }), unsigned(65535), alias),
  fc.tuple(fc.constant(0), uint32, fc.array(alias, { maxLength: 20 }), fc.constant(null), fc.constant(null)),
  fc.tuple(fc.constant(0), uint32, document),
  fc.tuple(fc.integer({ min: 1, max: 40 }), uint32, wellFormedText, wellFormedText, fc.boolean()),
  fc.tuple(fc.integer({ min: 1, max: 40 }), uint32, wellFormedText, wellFormedText, fc.boolean(), content),
)

const shortText = fc.string({ minLength: 1, maxLength: 20 })
export const hello: fc.Arbitrary<Value[]> = fc
  .tuple(
    fc.constant("qdb"),
    fc.tuple(unsigned(65535), unsigned(65535)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]),
    fc.constantFrom("client", "node"),
    shortText,
    fc.option(shortText),
    fc.tuple(shortText, shortText, safeInteger),
    fc.option(fc.uint8Array({ maxLength: 32 })),
    expiry,
    fc.array(value, { maxLength: 2 }),
  )
  .map((fields): Value[] => [...fields.slice(0, 8), ...(fields[8] as Value[])] as Value[])

export const encoded = (values: fc.Arbitrary<Value>): fc.Arbitrary<Uint8Array> =>
  values.map((value) => encode(value, { ignoreUndefined: true }))
