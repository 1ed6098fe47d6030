/**
 * The aliases that begin with a prefix. The cluster hands them out in pieces, slot after slot, so the order of iteration is
 * the slots'; `sorted` collects them all and gives them in the order of their bytes.
 *
 * It is no snapshot: an entry that exists all the time is listed exactly once, one that is created or removed meanwhile may
 * or may not be.
 */
import type { ListPiece } from "../wire/reply.ts"
import { qdbError } from "./error.ts"

export interface AliasListOptions {
  /** Of each piece, not of the whole list. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

const none = new Uint8Array(0)
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

export class AliasList implements AsyncIterable<string> {
  private readonly fetchPiece: (slot: number, after: Uint8Array) => Promise<ListPiece>

  constructor(fetchPiece: (slot: number, after: Uint8Array) => Promise<ListPiece>) {
    this.fetchPiece = fetchPiece
  }

  async *[Symbol.asyncIterator](): AsyncIterator<string> {
    for await (const aliases of this.pieces()) for (const alias of aliases) yield decoder.decode(alias)
  }

  /** @returns all of them, in the order of their bytes */
  async sorted(): Promise<string[]> {
    const all: Uint8Array[] = []
    for await (const aliases of this.pieces()) for (const alias of aliases) all.push(alias)
    return all.sort(compareBytes).map((a) => decoder.decode(a))
  }

  /** The aliases of one answer at a time. */
  async *pieces(): AsyncGenerator<readonly Uint8Array[]> {
    const cursor = new ListCursor()
    for (;;) {
      const piece = await this.fetchPiece(cursor.slot, cursor.after)
      yield piece.aliases
      if (!cursor.advance(piece)) return
    }
  }
}

/** Where a list goes on. */
export class ListCursor {
  slot = 0
  after: Uint8Array = none

  /** @returns whether there is more behind this piece. @throws QdbError where it does not go on: it would never end */
  advance({ cursor }: ListPiece): boolean {
    if (cursor === undefined) return false
    const { slot, after } = cursor
    if (slot < this.slot || (slot === this.slot && compareBytes(after, this.after) <= 0))
      throw qdbError("protocol_error", { message: "A list does not go on behind its cursor." })
    this.slot = slot
    this.after = after
    return true
  }
}

/** Order of bytes, which is that of code points for UTF-8. The default order of strings is another. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
