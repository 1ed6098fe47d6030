/**
 * Buffers whose end is known. A collector comes to them when it wants to, and in a process with much that is alive that is late; who knows that
 * nobody looks at one any more gives it back at once, by detaching it.
 */

/** Smaller ones cost more to detach than they keep. */
const bytesMin = 1024

/** Whether the bytes have a buffer of their own. */
function isWhole({ buffer, byteLength }: Uint8Array): boolean {
  return byteLength >= bytesMin && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer
}

/** @returns the buffers to transfer with a message: nothing of these bytes stays here, and nothing is copied */
export function handedOver(bytes: readonly Uint8Array[]): ArrayBuffer[] {
  return bytes.filter(isWhole).map(({ buffer }) => buffer as ArrayBuffer)
}

/** Gives the memory back. The bytes are empty afterwards. */
export function release(bytes: Uint8Array): void {
  if (isWhole(bytes)) (bytes.buffer as ArrayBuffer).transfer(0)
}
