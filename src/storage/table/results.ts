/**
 * A client's results, as a blob: `(f64 number, u32 code, u16 kind, u16 slot, u32 length, u32 checksum, bytes)` each.
 * Kinds: 0 without content, 1 content inline, 2 content in a row of its own (so that the row of a client stays small);
 * the checksum is that content's.
 */
import { bytesChecksum } from "../checksum.ts"

export interface ClientResult {
  readonly slot: number
  readonly code: number
  readonly content: Uint8Array | undefined
}

export const resultKind = { none: 0, inline: 1, apart: 2 } as const
const headerBytes = 24
const inlineBytesMax = 512

export function isApart(result: ClientResult): boolean {
  return result.content !== undefined && result.content.length > inlineBytesMax
}

export function encodeResults(results: ReadonlyMap<number, ClientResult>): Uint8Array {
  let length = 0
  for (const result of results.values())
    length += headerBytes + (result.content !== undefined && !isApart(result) ? result.content.length : 0)
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const [number, result] of results) {
    const { content } = result
    const kind =
      content === undefined ? resultKind.none : isApart(result) ? resultKind.apart : resultKind.inline
    view.setFloat64(at, number, true)
    view.setUint32(at + 8, result.code, true)
    view.setUint16(at + 12, kind, true)
    view.setUint16(at + 14, result.slot, true)
    view.setUint32(at + 16, content?.length ?? 0, true)
    view.setUint32(at + 20, content === undefined ? 0 : bytesChecksum(content), true)
    at += headerBytes
    if (kind !== resultKind.inline) continue
    bytes.set(content as Uint8Array, at)
    at += (content as Uint8Array).length
  }
  return bytes
}

/**
 * @param apart finds the content of a result that has a row of its own
 * @returns the results, or what is wrong
 */
export function decodeResults(
  bytes: Uint8Array,
  apart: (number: number) => Uint8Array | undefined,
): Map<number, ClientResult> | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const results = new Map<number, ClientResult>()
  let at = 0
  while (at < bytes.length) {
    if (at + headerBytes > bytes.length) return "results end too early"
    const number = view.getFloat64(at, true)
    const kind = view.getUint16(at + 12, true)
    const slot = view.getUint16(at + 14, true)
    const length = view.getUint32(at + 16, true)
    const checksum = view.getUint32(at + 20, true)
    const code = view.getUint32(at + 8, true)
    at += headerBytes
    let content: Uint8Array | undefined
    if (kind === resultKind.inline) {
      if (at + length > bytes.length) return "results end too early"
      content = bytes.slice(at, at + length)
      at += length
    } else if (kind === resultKind.apart) content = apart(number)
    if (kind !== resultKind.none && (content?.length !== length || bytesChecksum(content) !== checksum))
      return `result ${number} does not match its checksum`
    results.set(number, { slot, code, content })
  }
  return results
}
