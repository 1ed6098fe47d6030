/**
 * The request decoder against an oracle: a general MessagePack library and the rules of the protocol stated once more, the
 * slow way. They must agree on every input, good, broken and random.
 */
import { decode, encode } from "@msgpack/msgpack"
import * as fc from "fast-check"
import { Packr } from "msgpackr"
import { describe, expect, it } from "vitest"
import { Request } from "../../../src/core/entry/request.ts"
import {
  aliasBytesMax,
  expiresAtMsMax,
  listPieceBytesMax,
  plannedNodesMax,
  reasonBytesMax,
  requestTimeoutMsMax,
} from "../../../src/core/lib/limits.ts"
import { code } from "../../../src/wire/errors.ts"
import { decodeRequest } from "../../../src/wire/request.ts"
import { RequestWriter } from "../../../src/wire/request-writer.ts"
import type { Value } from "../../../src/wire/writer.ts"
import { guarded, hostile, margin, parameters, surrounded } from "./hostile.ts"
import { encoded, request } from "./messages.ts"
import { shapes, writeRequest } from "./write.ts"

/** Low, so that some of the contents generated are above it. */
const contentLimit = 32

const byteStrings: ReadonlySet<string> = new Set([
  "client",
  "alias",
  "content",
  "comparand",
  "prefix",
  "after",
  "removed",
  "value",
])

interface Verdict {
  readonly code: number
  readonly fields?: Readonly<Record<string, number | Uint8Array>>
}

/** The library's reading of the bytes; integers as numbers where they are safe; undefined where it is no array. */
function parse(bytes: Uint8Array): unknown[] | undefined {
  try {
    const limits = { maxArrayLength: 4096, maxMapLength: 4096 }
    const value = decode(bytes, { useBigInt64: true, rawStrings: true, ...limits })
    if (!Array.isArray(value)) return undefined
    return value.map((item) => {
      if (typeof item !== "bigint") return item
      return Number.isSafeInteger(Number(item)) ? Number(item) : Number.NaN
    })
  } catch {
    return undefined
  }
}

const isCount = (value: unknown, max: number): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max

function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    return true
  } catch {
    return false
  }
}

function judge(message: readonly unknown[]): Verdict {
  const [opcode, requestId, epoch, timeLeft, ...rest] = message
  if (!isCount(opcode, 2 ** 32 - 1) || !isCount(requestId, 2 ** 32 - 1)) return { code: code.protocol_error }
  const names = shapes[opcode]
  if (names === undefined) return { code: code.unknown_operation }
  if (!isCount(epoch, 2 ** 53) || !isCount(timeLeft, 2 ** 53)) return { code: code.protocol_error }
  if (rest.length !== names.length) return { code: code.protocol_error }
  const fields: Record<string, number | Uint8Array> = { opcode, requestId, epoch, timeLeft }
  let fault = timeLeft > requestTimeoutMsMax ? code.invalid_argument : 0
  const blame = (wrong: boolean, errorCode: number) => {
    if (wrong && fault === 0) fault = errorCode
  }
  for (const [index, name] of names.entries()) {
    const item = rest[index]
    const wantsBytes = byteStrings.has(name)
    if (wantsBytes ? !(item instanceof Uint8Array) : !isCount(item, 2 ** 53))
      return { code: code.protocol_error }
    const bytes = wantsBytes ? (item as Uint8Array) : new Uint8Array(0)
    const count = wantsBytes ? 0 : (item as number)
    fields[name] = wantsBytes ? bytes : count
    if (name === "client") blame(bytes.length !== 16, code.invalid_argument)
    if (name === "floor") {
      const number = fields["number"] as number
      blame(number === 0 || count > number, code.invalid_argument)
    }
    if (name === "alias") {
      blame(bytes.length < 1 || bytes.length > aliasBytesMax || !isText(bytes), code.invalid_argument)
    }
    if (name === "prefix" || name === "after") blame(bytes.length > aliasBytesMax, code.invalid_argument)
    if (name === "content" || name === "comparand") blame(bytes.length > contentLimit, code.entry_too_large)
    if (name === "expires") blame(count > expiresAtMsMax, code.invalid_argument)
    if (name === "slot") blame(count > 65535, code.invalid_argument)
    if (name === "added") blame(count > plannedNodesMax, code.invalid_argument)
    if (name === "force") blame(count > 1, code.invalid_argument)
    if (name === "removed" || name === "value")
      blame(bytes.length > reasonBytesMax || !isText(bytes), code.invalid_argument)
    if (name === "bytesMax") fields["bytesMax"] = Math.min(count, listPieceBytesMax)
  }
  return fault === 0 ? { code: 0, fields } : { code: fault }
}

/** What the decoder under test found, in the oracle's words. */
function found(into: Request): Record<string, number | Uint8Array> {
  const { bytes } = into
  const fields: Record<string, number | Uint8Array> = {
    opcode: into.opcode,
    requestId: into.requestId,
    epoch: into.epoch,
    timeLeft: into.timeLeftMs,
  }
  for (const name of shapes[into.opcode] ?? []) {
    if (name === "client") fields[name] = bytes.slice(into.clientStart, into.clientStart + 16)
    if (name === "number") fields[name] = into.number
    if (name === "floor") fields[name] = into.floor
    if (name === "added" || name === "force") fields[name] = into.quantity
    if (name === "value") fields[name] = bytes.slice(into.contentStart, into.contentEnd)
    if (name === "alias" || name === "prefix" || name === "removed")
      fields[name] = bytes.slice(into.aliasStart, into.aliasEnd)
    if (name === "content") fields[name] = bytes.slice(into.contentStart, into.contentEnd)
    if (name === "comparand") fields[name] = bytes.slice(into.comparandStart, into.comparandEnd)
    if (name === "expires") fields[name] = into.expiresMs
    if (name === "slot") fields[name] = into.cursorSlot
    if (name === "after") fields[name] = bytes.slice(into.cursorStart, into.cursorEnd)
    if (name === "bytesMax") fields[name] = into.bytesMax
  }
  return fields
}

/** Messages of the right shape with one value that may not be allowed there. */
const bent = fc
  .tuple(request, fc.nat(), fc.nat(), fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 20 }))
  .map(([message, place, choice, bytes]) => {
    const index = place % message.length
    const numbers = [
      0,
      1,
      65536,
      requestTimeoutMsMax + 1,
      expiresAtMsMax + 1,
      -1,
      0.5,
      2 ** 32,
      Number.MAX_SAFE_INTEGER,
    ]
    const strings = [
      new Uint8Array(0),
      new Uint8Array(aliasBytesMax + 1),
      Uint8Array.from(bytes),
      new Uint8Array(15),
    ]
    const choices: readonly Value[] = message[index] instanceof Uint8Array ? strings : numbers
    return message.with(index, choices[choice % choices.length] as Value)
  })

const inputs = hostile(encoded(fc.oneof(request, bent)))
const cleanInputs = fc.oneof({ weight: 4, arbitrary: inputs }, encoded(bent))

describe("request decoder", () => {
  it("agrees with a general library and the rules on every input", () => {
    const into = new Request()
    const seen = new Map<number, number>()
    fc.assert(
      fc.property(cleanInputs, (input) => {
        const bytes = surrounded(input, 0x81)
        const result = decodeRequest(bytes, margin, margin + input.length, into, contentLimit)
        seen.set(result, (seen.get(result) ?? 0) + 1)
        const message = parse(input)
        if (message === undefined) {
          // What is behind the head of an unknown operation is not looked at.
          expect([code.protocol_error, code.unknown_operation]).toContain(result)
          return
        }
        const verdict = judge(message)
        expect(result).toBe(verdict.code)
        if (verdict.fields !== undefined) expect(found(into)).toEqual(verdict.fields)
      }),
      parameters,
    )
    // Else the generator has lost its teeth, and the property says nothing.
    for (const each of [
      0,
      code.protocol_error,
      code.unknown_operation,
      code.invalid_argument,
      code.entry_too_large,
    ]) {
      expect(seen.get(each) ?? 0).toBeGreaterThan(50)
    }
  })

  it("reads nothing outside of its range, and the surroundings change nothing", () => {
    const into = new Request()
    const other = new Request()
    fc.assert(
      fc.property(inputs, (input) => {
        const end = margin + input.length
        const first = surrounded(input, 0xff)
        const result = decodeRequest(guarded(first, margin, end), margin, end, into, contentLimit)
        const again = decodeRequest(surrounded(input, 0x01), margin, end, other, contentLimit)
        expect(again).toBe(result)
        into.bytes = other.bytes
        expect(other).toEqual(into)
        for (const [name, at] of Object.entries(other)) {
          if (/(Start|End)$/.test(name)) {
            expect(at).toBeGreaterThanOrEqual(name.startsWith("frame") ? 0 : margin)
            expect(at).toBeLessThanOrEqual(end)
          }
        }
      }),
      parameters,
    )
  })

  it("knows the request id of a broken request once its head is there", () => {
    const into = new Request()
    fc.assert(
      fc.property(request, fc.nat(), (message, cut) => {
        const bytes = encode(message)
        const headBytes = 1 + encode(message[0]).length + encode(message[1]).length
        const length = headBytes + (cut % (bytes.length - headBytes))
        expect(decodeRequest(bytes, 0, length, into)).toBe(code.protocol_error)
        expect([into.opcode, into.requestId]).toEqual(message.slice(0, 2))
      }),
      parameters,
    )
  })

  it("takes any encoding of an integer, and str for bin", () => {
    const into = new Request()
    fc.assert(
      fc.property(request, fc.infiniteStream(fc.nat(7)), (message, choices) => {
        const bytes = encodeOddly(message, choices)
        const result = decodeRequest(bytes, 0, bytes.length, into, 2 ** 20)
        expect(result).toBe(0)
        const verdict = judge(parse(encode(message)) as unknown[])
        if (verdict.fields !== undefined) expect(found(into)).toEqual(verdict.fields)
      }),
      parameters,
    )
  })
})

describe("request writer", () => {
  const packr = new Packr({ useRecords: false })
  const into = new Request()

  it("writes the bytes that both libraries write, and the decoder reads them back", () => {
    const writer = new RequestWriter(16)
    fc.assert(
      fc.property(request, (message) => {
        writer.clear()
        writeRequest(writer, message)
        const body = writer.bytes.slice(4, writer.position)
        expect(new DataView(writer.bytes.buffer).getUint32(0, true)).toBe(body.length)
        expect(body).toEqual(encode(message))
        // msgpackr writes integers above 32 bits as floats.
        if (!message.some((item) => typeof item === "number" && item >= 2 ** 32)) {
          expect(body).toEqual(new Uint8Array(packr.pack(message)))
        }
        expect(decodeRequest(body, 0, body.length, into, 2 ** 20)).toBe(0)
        const verdict = judge(parse(body) as unknown[])
        if (verdict.fields !== undefined) expect(found(into)).toEqual(verdict.fields)
      }),
      parameters,
    )
  })
})

/** A message with widths and types that no library would choose, but that mean the same. */
function encodeOddly(message: readonly Value[], choices: Iterable<number>): Uint8Array {
  const out: number[] = [0xdd, 0, 0, 0, message.length]
  const choice = choices[Symbol.iterator]()
  for (const item of message) {
    const pick = choice.next().value as number
    if (typeof item === "number") out.push(...oddInteger(item, pick))
    else out.push(...oddBytes(item as Uint8Array, pick))
  }
  return Uint8Array.from(out)
}

function oddInteger(value: number, pick: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(9))
  const wide = (type: number) => {
    view.setUint8(0, type)
    return new Uint8Array(view.buffer)
  }
  if (pick === 0) view.setFloat64(1, value)
  else view.setBigUint64(1, BigInt(value))
  if (pick === 0) return wide(0xcb)
  if (pick === 1) return wide(0xd3)
  if (pick === 2 && value < 2 ** 31)
    return Uint8Array.of(0xd2, value >>> 24, value >>> 16, value >>> 8, value)
  if (pick === 3 && value < 2 ** 15) return Uint8Array.of(0xd1, value >>> 8, value)
  if (pick === 4 && value < 2 ** 24) {
    view.setFloat32(1, value)
    return wide(0xca).slice(0, 5)
  }
  if (pick === 5 && value < 2 ** 32)
    return Uint8Array.of(0xce, value >>> 24, value >>> 16, value >>> 8, value)
  if (pick === 6 && value < 2 ** 7) return Uint8Array.of(0xd0, value)
  return wide(0xcf)
}

function oddBytes(bytes: Uint8Array, pick: number): number[] {
  const { length } = bytes
  const widths = [
    [0xc6, 4],
    [0xdb, 4],
    [0xc5, 2],
    [0xda, 2],
    [0xc4, 1],
    [0xd9, 1],
  ] as const
  const [type, width] = widths[pick % widths.length] as readonly [number, number]
  if (width === 1 && length > 255) return oddBytes(bytes, 0)
  const size = [length >>> 24, length >>> 16, length >>> 8, length]
    .slice(4 - width)
    .map((part) => part & 0xff)
  return [type, ...size, ...bytes]
}
