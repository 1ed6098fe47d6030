/** Replies: the decoder against a general library on every input, and the writer against two libraries. */
import { decode, encode } from "@msgpack/msgpack"
import * as fc from "fast-check"
import { Packr } from "msgpackr"
import { describe, expect, it } from "vitest"
import { errorTable } from "../../../src/wire/errors.ts"
import { decodeDocument, decodeListPiece, decodeReply, Reply, replyKind } from "../../../src/wire/reply.ts"
import { ReplyWriter } from "../../../src/wire/reply-writer.ts"
import { guarded, hostile, margin, parameters, surrounded } from "./hostile.ts"
import { encoded, reply, wellFormedText } from "./messages.ts"
import { writeReply } from "./write.ts"

const inputs = hostile(encoded(reply))
const library = new TextDecoder()

/** Decodes all that a reply holds, both steps. @returns its array, or undefined where it is refused */
function whole(bytes: Uint8Array, start: number, end: number): unknown[] | undefined {
  const into = new Reply()
  if (decodeReply(bytes, start, end, into) !== 0) return undefined
  const slice = (from: number, to: number) => bytes.slice(from, to)
  const content = into.contentStart < 0 ? [] : [slice(into.contentStart, into.contentEnd)]
  switch (into.kind) {
    case replyKind.done:
      return [0, into.requestId]
    case replyKind.content:
      return [0, into.requestId, ...content]
    case replyKind.integer:
      return [0, into.requestId, into.integer]
    case replyKind.document: {
      const document = decodeDocument(into)
      return document === undefined ? undefined : [0, into.requestId, document]
    }
    case replyKind.list: {
      const piece = decodeListPiece(into)
      if (piece === undefined) return undefined
      return [0, into.requestId, piece.aliases, piece.cursor?.slot ?? null, piece.cursor?.after ?? null]
    }
    case replyKind.error: {
      const name = library.decode(slice(into.nameStart, into.nameEnd))
      const message = library.decode(slice(into.messageStart, into.messageEnd))
      return [into.code, into.requestId, name, message, into.retryable, ...content]
    }
  }
}

describe("reply decoder", () => {
  it("reads what a general library reads, or refuses", () => {
    let accepted = 0
    fc.assert(
      fc.property(inputs, (input) => {
        const read = whole(surrounded(input, 0x91), margin, margin + input.length)
        if (read === undefined) return
        accepted++
        expect(normal(read)).toEqual(normal(decode(input)))
      }),
      parameters,
    )
    expect(accepted).toBeGreaterThan(1000)
  })

  it("accepts every good reply", () => {
    fc.assert(
      fc.property(reply, (message) => {
        const bytes = encode(message)
        expect(whole(bytes, 0, bytes.length)).toEqual(message)
      }),
      parameters,
    )
  })

  it("reads nothing outside of its range, and the surroundings change nothing", () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const end = margin + input.length
        const read = whole(guarded(surrounded(input, 0xff), margin, end), margin, end)
        expect(whole(surrounded(input, 0x01), margin, end)).toEqual(read)
      }),
      parameters,
    )
  })
})

describe("reply writer", () => {
  const packr = new Packr({ useRecords: false })

  it("writes the bytes that both libraries write", () => {
    const writer = new ReplyWriter(16)
    fc.assert(
      fc.property(reply, (message) => {
        writer.clear()
        const expected = writeReply(writer, message)
        const body = writer.bytes.slice(4, writer.position)
        expect(new DataView(writer.bytes.buffer).getUint32(0, true)).toBe(body.length)
        expect(body).toEqual(encode(expected))
        // msgpackr writes integers above 32 bits as floats, and floats and maps by its own taste.
        const documented =
          typeof message[2] === "object" && !(message[2] instanceof Uint8Array) && message.length === 3
        if (!documented && !message.some((item) => typeof item === "number" && item >= 2 ** 32)) {
          expect(body).toEqual(new Uint8Array(packr.pack(expected)))
        }
      }),
      parameters,
    )
  })

  it("writes one frame behind another", () => {
    const writer = new ReplyWriter(16)
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 8 }), (messages) => {
        writer.clear()
        const expected = messages.map((message) => writeReply(writer, message))
        let at = 0
        for (const message of expected) {
          const length = new DataView(writer.bytes.buffer).getUint32(at, true)
          expect(decode(writer.bytes.slice(at + 4, at + 4 + length))).toEqual(message)
          at += 4 + length
        }
        expect(at).toBe(writer.position)
      }),
      { ...parameters, numRuns: 2000 },
    )
  })

  it("writes an error's own message where there is one", () => {
    fc.assert(
      fc.property(fc.constantFrom(...errorTable), wellFormedText, (entry, message) => {
        const writer = new ReplyWriter()
        writer.errorReply(entry.code, 9, message)
        writer.errorReply(entry.code, 9)
        const [first, second] = framesOf(writer)
        expect(first).toEqual([entry.code, 9, entry.name, message, entry.retryable])
        expect(second).toEqual([entry.code, 9, entry.name, entry.message, entry.retryable])
      }),
    )
  })
})

function framesOf(writer: ReplyWriter): unknown[] {
  const frames: unknown[] = []
  for (let at = 0; at < writer.position;) {
    const length = new DataView(writer.bytes.buffer).getUint32(at, true)
    frames.push(decode(writer.bytes.slice(at + 4, at + 4 + length)))
    at += 4 + length
  }
  return frames
}

/** Both kinds of byte strings are one to the protocol; a name that the decoder gives as text may have come as bytes. */
function normal(value: unknown): unknown {
  if (typeof value === "string") return [...new TextEncoder().encode(value)]
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(normal)
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normal(item)]))
}
