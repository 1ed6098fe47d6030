/**
 * Peers that mean harm, or are broken: what each kind of connection does from its opening on. They know the protocol well
 * enough to get as far into the server as a stranger can.
 */
import type { Socket } from "bun"
import { operation } from "../../../src/core/entry/operation.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import { frameBytesMax } from "../../../src/core/lib/limits.ts"
import { Writer } from "../../../src/wire/writer.ts"
import { qdbProtocol } from "../load/qdb.ts"

/** Holds a content of `largeBytes`, for those who ask and do not read. */
export const largeAlias = "asked for and never read"
export const largeBytes = 256 * 1024

export interface Behaviour {
  readonly name: string
  /** Connections that are open at once, and how many are opened in a second at most. */
  readonly count: number
  readonly perSecond: number
  /** What a connection does once it is open. */
  open(socket: Socket<unknown>, prng: Prng): void
  /** What it does in each later second of its life. */
  tick?(socket: Socket<unknown>, prng: Prng): void
}

const hello = () => qdbProtocol.greeting() as Uint8Array

function header(length: number): Uint8Array {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(length, 0)
  return bytes
}

function get(requestId: number, alias: string): Uint8Array {
  const writer = new Writer()
  const frame = writer.beginFrame()
  writer.value([operation.get, requestId, 0, 60_000, Buffer.from(alias)])
  writer.endFrame(frame)
  return writer.copy()
}

const someRequest = get(1, "an alias that takes its time")
const megabyte = new Uint8Array(1024 * 1024)
/** Four megabytes of replies are what a session may leave unread. */
const getsUnread = 40

export const behaviours: ReadonlyArray<Behaviour> = [
  {
    name: "announces the longest frame and sends it a megabyte a second",
    count: 50,
    perSecond: 50,
    open: (socket) => void (socket.write(hello()), socket.write(header(frameBytesMax))),
    tick: (socket) => void socket.write(megabyte),
  },
  {
    name: "announces the longest frame and says no more than a byte a second",
    count: 100,
    perSecond: 50,
    open: (socket) => void (socket.write(hello()), socket.write(header(frameBytesMax))),
    tick: (socket) => void socket.write(Uint8Array.of(0)),
  },
  {
    name: "announces four gigabytes",
    count: 20,
    perSecond: 50,
    open: (socket) => void (socket.write(hello()), socket.write(header(0xffffffff))),
  },
  {
    name: "says its hello at a byte a second",
    count: 100,
    perSecond: 50,
    open: (socket) => void socket.write(hello().subarray(0, 1)),
    tick: (socket) => void socket.write(Uint8Array.of(0)),
  },
  {
    name: "says a request at a byte a second",
    count: 100,
    perSecond: 50,
    open: (socket) => void (socket.write(hello()), socket.write(someRequest.subarray(0, 4))),
    tick: (socket) => void socket.write(someRequest.subarray(4, 5)),
  },
  {
    name: "asks for much and reads nothing",
    count: 20,
    perSecond: 20,
    open: (socket) => {
      socket.pause()
      socket.write(hello())
      for (let id = 1; id <= getsUnread; id++) socket.write(get(id, largeAlias))
    },
  },
  {
    name: "is reset in the middle of a frame",
    count: 20,
    perSecond: 50,
    open: (socket, prng) => {
      socket.write(hello())
      socket.write(someRequest.subarray(0, prng.between(1, someRequest.length - 1)))
      socket.terminate()
    },
  },
  {
    name: "sends garbage",
    count: 20,
    perSecond: 50,
    open: (socket, prng) => {
      if (prng.chance(3, 4)) socket.write(hello())
      const garbage = new Uint8Array(prng.between(1, 300))
      prng.scribble(garbage)
      // Most with a length that fits, so that the decoder sees the rest.
      if (prng.chance(3, 4)) socket.write(header(garbage.length))
      socket.write(garbage)
      socket.end()
    },
  },
  {
    name: "speaks versions that nobody has",
    count: 20,
    perSecond: 50,
    open: (socket) => {
      const bytes = Buffer.from(hello())
      // The pair of versions lies behind the length, the array's header and "qdb".
      bytes[10] = 7
      bytes[11] = 9
      socket.write(bytes)
    },
  },
  {
    name: "connects and leaves, a thousand times a second",
    count: 1_000,
    perSecond: 1_000,
    open: (socket, prng) => void (prng.chance(1, 2) ? socket.terminate() : socket.end()),
  },
]
