/** The native latin1 decoder of `Buffer`, which Bun, Node and Deno all have: a `Map` key that is exact for any bytes. */

/** @returns bytes[start, end) as a string of code units below 256 */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.prototype.latin1Slice.call(bytes, start, end)
}
