/** What callers get out of replies: copied, since a reply is good only as long as its frame. Another shape throws. */
import { decodeDocument, decodeListPiece, type ListPiece, type Reply, replyKind } from "../wire/reply.ts"
import type { ValueMap } from "../wire/writer.ts"

export function nothingOf(reply: Reply): void {
  expect(reply, replyKind.done)
}

export function contentOf(reply: Reply): Uint8Array {
  expect(reply, replyKind.content)
  return reply.bytes.slice(reply.contentStart, reply.contentEnd)
}

export function integerOf(reply: Reply): number {
  expect(reply, replyKind.integer)
  return reply.integer
}

export function documentOf(reply: Reply): ValueMap {
  const document = reply.kind === replyKind.document ? decodeDocument(reply) : undefined
  if (document === undefined) throw new TypeError("a document was expected")
  return document
}

export function listOf(reply: Reply): ListPiece {
  const piece = reply.kind === replyKind.list ? decodeListPiece(reply) : undefined
  if (piece === undefined) throw new TypeError("a list was expected")
  return piece
}

function expect(reply: Reply, kind: number): void {
  if (reply.kind !== kind) throw new TypeError(`a reply of kind ${kind} was expected, not ${reply.kind}`)
}
