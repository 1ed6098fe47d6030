/**
 * Messages between nodes, described once: a codec is both directions of one shape, put together from smaller ones, so that
 * what is written and what is read cannot drift apart. These messages are few (heartbeats, votes, views); what is many, the
 * records of a batch, travels as one byte string that nobody takes apart on the way.
 *
 * Reading is total. A failure is the reader's sticky flag: every codec then gives some value of its shape without reading
 * on, and who asked looks at the flag once, at the end. A list's announced length is never allocated, and each of its
 * elements takes at least a byte, so a lying length ends with the frame.
 */
import { isUtf8 } from "../utf8.ts"
import { textOf } from "../value.ts"
import type { MessageReader } from "../reader.ts"
import type { Writer } from "../writer.ts"

export interface Codec<T> {
  write(writer: Writer, value: T): void
  /** Anything of the shape where the reader has failed. */
  read(reader: MessageReader): T
}

const float = new DataView(new ArrayBuffer(8))

/** A whole number from 0 to 2^53 - 1, or a lower bound's. */
export function whole(max: number = Number.MAX_SAFE_INTEGER): Codec<number> {
  return {
    write: (writer, value) => writer.unsigned(value),
    read: (reader) => Math.max(0, reader.readUnsigned(max)),
  }
}

/** A number that need not be whole, finite, at least `min`. */
export function finite(min: number): Codec<number> {
  return {
    write: (writer, value) => writer.number(value),
    read: (reader) => {
      const value = readNumber(reader)
      if (!(value >= min && value < Infinity)) reader.failed = true
      return reader.failed ? min : value
    },
  }
}

function readNumber(reader: MessageReader): number {
  if (reader.peek() !== 0xcb) return reader.readInteger()
  if (!reader.readRaw(9)) return Number.NaN
  for (let i = 0; i < 8; i++) float.setUint8(i, reader.bytes[reader.rangeStart + 1 + i] as number)
  return float.getFloat64(0)
}

export const flag: Codec<boolean> = {
  write: (writer, value) => writer.boolean(value),
  read: (reader) => reader.readBoolean() === 1,
}

/** A text of at most so many bytes, UTF-8. */
export function text(bytesMax: number, bytesMin = 0): Codec<string> {
  return {
    write: (writer, value) => writer.string(value),
    read: (reader) => {
      if (!reader.readBytes(bytesMin, bytesMax)) reader.failed = true
      const { bytes, rangeStart, rangeEnd } = reader
      if (reader.failed || !isUtf8(bytes, rangeStart, rangeEnd)) {
        reader.failed = true
        return ""
      }
      return textOf(bytes, rangeStart, rangeEnd)
    },
  }
}

const recurringKept = 64

/**
 * The same few texts come with every message: one that was read of late is not decoded again, and is the same string.
 * @param codec `text` of at most `bytesMax`
 */
export function recurring(codec: Codec<string>, bytesMax: number): Codec<string> {
  const encoded = Array.from({ length: recurringKept }, () => new Uint8Array(0))
  const texts = new Array<string>(recurringKept).fill("")
  return {
    write: codec.write,
    read: (reader) => {
      const { position } = reader
      if (!reader.readBytes(0, bytesMax)) reader.failed = true
      if (reader.failed) return ""
      const { bytes, rangeStart, rangeEnd } = reader
      const place = placeOf(bytes, rangeStart, rangeEnd)
      if (isSame(encoded[place] as Uint8Array, bytes, rangeStart, rangeEnd)) return texts[place] as string
      reader.position = position
      const text = codec.read(reader)
      if (reader.failed) return text
      encoded[place] = bytes.slice(rangeStart, rangeEnd)
      texts[place] = text
      return text
    },
  }
}

/** Ids and addresses differ towards their ends. */
function placeOf(bytes: Uint8Array, start: number, end: number): number {
  let sum = end - start
  for (let at = Math.max(start, end - 8); at < end; at++) sum = (sum * 31 + (bytes[at] as number)) | 0
  return sum & (recurringKept - 1)
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false
  for (let at = start; at < end; at++) if (known[at - start] !== bytes[at]) return false
  return true
}

/** One of a list of words, by its place: the list only grows. */
export function word<W extends string>(words: readonly [W, ...W[]]): Codec<W> {
  return {
    write: (writer, value) => writer.unsigned(words.indexOf(value)),
    read: (reader) => words[Math.max(0, reader.readUnsigned(words.length - 1))] as W,
  }
}

/** What may be undefined, as nil. */
export function optional<T>(codec: Codec<T>): Codec<T | undefined> {
  return {
    write: (writer, value) => {
      if (value === undefined) writer.nil()
      else codec.write(writer, value)
    },
    read: (reader) => (reader.readNil() ? undefined : codec.read(reader)),
  }
}

/** At most `max` values; not frozen, which would make each look at one slow (`freezeView`). */
export function list<T>(codec: Codec<T>, max: number): Codec<readonly T[]> {
  return {
    write: (writer, values) => {
      writer.arrayHeader(values.length)
      for (const value of values) codec.write(writer, value)
    },
    read: (reader) => {
      const count = reader.readArrayHeader()
      if (count > max) reader.failed = true
      const values: T[] = []
      for (let i = 0; i < count && !reader.failed; i++) values.push(codec.read(reader))
      return values
    },
  }
}

type Fields<T> = { readonly [K in keyof T]-?: Codec<T[K]> }

/** An object with these fields, as an array in their order, frozen. */
export function struct<T extends object>(fields: Fields<T>): Codec<T> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][]
  return {
    write: (writer, value) => {
      writer.arrayHeader(entries.length)
      writeFields(writer, entries, value)
    },
    read: (reader) => {
      if (reader.readArrayHeader() !== entries.length) reader.failed = true
      return readFields(reader, entries, {}) as T
    },
  }
}

/** A struct with one field more, which is not there where it is undefined: how a shape grows without a new version. */
export function extended<T extends object, K extends keyof T>(
  fields: Fields<Omit<T, K>>,
  key: K,
  codec: Codec<NonNullable<T[K]>>,
): Codec<T> {
  const entries = Object.entries(fields) as [string, Codec<unknown>][]
  return {
    write: (writer, value) => {
      const more = value[key]
      writer.arrayHeader(entries.length + (more === undefined ? 0 : 1))
      writeFields(writer, entries, value)
      if (more !== undefined) codec.write(writer, more as NonNullable<T[K]>)
    },
    read: (reader) => {
      const more = reader.readArrayHeader() - entries.length
      if (more !== 0 && more !== 1) reader.failed = true
      const found: Record<string, unknown> = {}
      for (const [name, field] of entries) found[name] = field.read(reader)
      found[key as string] = more === 1 ? codec.read(reader) : undefined
      return Object.freeze(found) as T
    },
  }
}

/** The kinds of a union: each with its number, which is never used for another, and its fields besides `kind`. */
type Kinds<T extends { readonly kind: string }> = {
  readonly [K in T["kind"]]: readonly [
    number: number,
    fields: Fields<Omit<Extract<T, { kind: K }>, "kind">> | ByHand<Extract<T, { kind: K }>>,
  ]
}

/** The fields of a kind in one piece: so many values, which it writes and reads by itself. */
interface ByHand<T> extends Codec<T> {
  readonly [handwritten]: true
  readonly length: number
}
const handwritten = Symbol("handwritten")

export function byHand<T>(fields: Omit<ByHand<T>, typeof handwritten>): ByHand<T> {
  return { ...fields, [handwritten]: true }
}

/** An object told by its `kind`, as an array of the kind's number and the fields in their order. */
export function union<T extends { readonly kind: string }>(kinds: Kinds<T>): Codec<T> {
  const byName = new Map<string, Kind>()
  const byNumber = new Map<number, Kind>()
  for (const [name, [number, fields]] of Object.entries(kinds) as [string, Kinds<T>[T["kind"]]][]) {
    const kind = { number, fields: handwritten in fields ? fields : fieldsOf(name, fields) } as Kind
    byName.set(name, kind)
    byNumber.set(number, kind)
  }
  const [first] = byName.values()
  return {
    write: (writer, value) => {
      const kind = byName.get(value.kind) as Kind
      writer.arrayHeader(1 + kind.fields.length)
      writer.unsigned(kind.number)
      kind.fields.write(writer, value)
    },
    read: (reader) => {
      const count = reader.readArrayHeader()
      const found = byNumber.get(reader.readUnsigned(0xff))
      if (found === undefined || count !== 1 + found.fields.length) reader.failed = true
      return (found ?? (first as Kind)).fields.read(reader) as T
    },
  }
}

interface Kind {
  readonly number: number
  readonly fields: Omit<ByHand<unknown>, typeof handwritten>
}

function fieldsOf(kind: string, fields: object): Kind["fields"] {
  const entries = Object.entries(fields) as Entries
  return {
    length: entries.length,
    write: (writer, value) => writeFields(writer, entries, value as object),
    read: (reader) => readFields(reader, entries, { kind }),
  }
}

type Entries = readonly [string, Codec<unknown>][]

function writeFields(writer: Writer, entries: Entries, value: object): void {
  for (const [name, codec] of entries) codec.write(writer, (value as Record<string, unknown>)[name])
}

function readFields(reader: MessageReader, entries: Entries, into: Record<string, unknown>): object {
  for (const [name, codec] of entries) into[name] = codec.read(reader)
  return Object.freeze(into)
}
