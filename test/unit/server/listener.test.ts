/** What sessions hold, and who has to wait for it. */
import type { Socket } from "bun"
import { expect, it } from "vitest"
import { frameBytesMax, sessionsOutputBytesMax } from "../../../src/core/lib/limits.ts"
import { Listener, type ListenerNode } from "../../../src/server/net/listener.ts"
import { pause, type Session } from "../../../src/server/net/session.ts"
import { wireVersionMax, writeHello } from "../../../src/wire/hello.ts"
import { Writer } from "../../../src/wire/writer.ts"

function helloOfClient(): Uint8Array {
  const hello = new Writer(256)
  writeHello(hello, {
    versionMin: wireVersionMax,
    versionMax: wireVersionMax,
    role: "client",
    softwareVersion: "test",
    clusterId: null,
    node: null,
    auth: null,
    clockMs: 0,
  })
  return hello.bytes.slice(0, hello.position)
}

/** Frames of one byte each: what they say is the node's affair, and this one answers whatever it is. */
const someRequests = Uint8Array.of(1, 0, 0, 0, 7, 1, 0, 0, 0, 7)

/** A listener and a node that answers each frame at the end of the turn. */
function setUp() {
  const listener = new Listener({
    hostname: "",
    port: 0,
    sessionsMax: 10,
    idleTimeoutMs: 1_000,
    softwareVersion: "test",
    onNotice: () => undefined,
  })
  const dirty: Session[] = []
  let taken = 0
  const clock = { monotonicMs: 0, wallMs: 0, read: () => clock }
  const node: ListenerNode = {
    clock,
    storage: { identity: { nodeId: "1-1-1-1", storageId: "s".repeat(16), boot: 1 } },
    view: undefined,
    greet: () => expect.unreachable("no node comes"),
    take: (session) => {
      taken++
      session.out.errorReply(1, 0, "whatever it was")
      if (!session.dirty) dirty.push(session)
      session.dirty = true
    },
    hasRoom: () => true,
    hasRoomForRecords: () => true,
    waitsForRoom: () => false,
    markDirty: (session) => void dirty.push(session),
    forget: () => undefined,
    schedule: () => undefined,
  }
  const events = listener.attach(node)

  function endTurn(): void {
    for (const session of dirty.splice(0)) {
      session.dirty = false
      session.send(0)
      listener.resume(session)
    }
  }

  /** A client that has said hello and reads as much of its answers as `reads` says. */
  function connected() {
    const calls: string[] = []
    const client = { calls, reads: Infinity, socket: undefined as unknown as Socket<Session> }
    client.socket = {
      remoteAddress: "test",
      setNoDelay: () => undefined,
      pause: () => calls.push("pause"),
      resume: () => calls.push("resume"),
      terminate: () => calls.push("terminate"),
      end: () => calls.push("end"),
      write: (_bytes: Uint8Array, _start: number, length: number) => Math.min(length, client.reads),
    } as unknown as Socket<Session>
    events.open(client.socket)
    events.data(client.socket, helloOfClient())
    endTurn()
    return client
  }

  /** Strangers' frames that never end, until more than half of what all sessions may hold is held. */
  function fill(): void {
    const header = Uint8Array.of(0, 0, 0, 0)
    new DataView(header.buffer).setUint32(0, frameBytesMax, true)
    while (listener.heldBytes <= sessionsOutputBytesMax / 2) {
      const { socket } = connected()
      events.data(socket, header)
      events.data(socket, new Uint8Array(frameBytesMax - 1))
    }
  }

  return { listener, events, connected, fill, endTurn, taken: () => taken }
}

it("does not hold back who reads their answers, however much others hold", () => {
  const { events, connected, fill, endTurn, taken } = setUp()
  fill()
  const client = connected()
  for (let turn = 1; turn <= 3; turn++) {
    events.data(client.socket, someRequests.slice())
    endTurn()
    expect(taken()).toBe(2 * turn)
  }
  expect(client.calls).toEqual([])
})

it("holds back who leaves answers unread while others hold much, until they are read", () => {
  const { events, connected, fill, endTurn, taken } = setUp()
  fill()
  const client = connected()
  client.reads = 3
  events.data(client.socket, someRequests.slice())
  endTurn()
  expect(taken()).toBe(2)
  events.data(client.socket, someRequests.slice())
  expect(taken()).toBe(2)
  expect(client.socket.data.paused).toBe(pause.output)
  expect(client.calls).toContain("pause")
  expect(client.calls).not.toContain("resume")
  client.reads = Infinity
  events.drain(client.socket)
  endTurn()
  expect(taken()).toBe(4)
  expect(client.calls.at(-1)).toBe("resume")
})

it("lets answers lie unread while there is enough for all", () => {
  const { events, connected, endTurn, taken } = setUp()
  const client = connected()
  client.reads = 3
  for (let turn = 1; turn <= 3; turn++) {
    events.data(client.socket, someRequests.slice())
    endTurn()
    expect(taken()).toBe(2 * turn)
  }
  expect(client.calls).toEqual([])
})
