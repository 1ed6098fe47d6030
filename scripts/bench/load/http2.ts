/**
 * HTTP/2 (RFC 9113) as much as unary gRPC calls of a constant shape need: frames that are laid out once, and headers that
 * are always sent as literals, so that the bytes of a call do not depend on those before it (RFC 7541 allows that).
 *
 * Windows: what a call sends is a few hundred bytes, and the next call waits for an answer, by when the server has
 * widened its window again, so ours is never used up. The server's is opened as wide as it goes at the start.
 */
export const frameHeaderBytes = 9

export const frameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const

export const flag = { endStream: 1, acknowledge: 1, endHeaders: 4, padded: 8 } as const

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
const windowMax = 0x7fffffff
const windowDefault = 65_535
const settingInitialWindow = 4

/** What a client says first; the server's settings are acknowledged before they come, since none of them matters here. */
export function clientPreface(): Uint8Array {
  const settings = Buffer.alloc(6)
  settings.writeUInt16BE(settingInitialWindow, 0)
  settings.writeUInt32BE(windowMax, 2)
  const widened = Buffer.alloc(4)
  widened.writeUInt32BE(windowMax - windowDefault, 0)
  return Buffer.concat([
    Buffer.from(preface),
    frame(frameType.settings, 0, 0, settings),
    frame(frameType.settings, flag.acknowledge, 0),
    frame(frameType.windowUpdate, 0, 0, widened),
  ])
}

/** One whole frame. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length)
  bytes.writeUIntBE(payload.length, 0, 3)
  bytes[3] = type
  bytes[4] = flags
  bytes.writeUInt32BE(stream, 5)
  bytes.set(payload, frameHeaderBytes)
  return bytes
}

/** The headers of a gRPC call, each a literal without indexing and with a name of its own. */
export function callHeaders(path: string, authority: string): Buffer {
  const fields: ReadonlyArray<readonly [string, string]> = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", authority],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ]
  return Buffer.concat(fields.map(([name, value]) => Buffer.concat([Buffer.of(0), text(name), text(value)])))
}

/** A string literal, not Huffman coded. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value)
  if (bytes.length >= 127) throw new Error("a header of one length byte")
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}
