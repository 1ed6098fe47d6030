/** When a link to another node is given up. */
import type { Socket, TCPSocketListener } from "bun"
import { afterEach, describe, expect, it } from "vitest"
import { linkControlSilentMs, linkDialMs, linkPingMs, tickMs } from "../../../src/core/lib/limits.ts"
import { Link } from "../../../src/server/link/link.ts"
import { wireVersionMax, wireVersionMin, writeHello } from "../../../src/wire/hello.ts"
import { writePing } from "../../../src/wire/peer/frame.ts"
import { Writer } from "../../../src/wire/writer.ts"

const node = { nodeId: "0-0-0-1", storageId: "00000000-0000-0000-0000-000000000001", boot: 1 }

let listener: TCPSocketListener | undefined
afterEach(() => listener?.stop(true))

/** A node that greets, if it does, and then never says a word. @returns its port, and when somebody has connected */
function mute(greets: boolean): { port: number; isMet: Promise<void> } {
  const hello = new Writer()
  writeHello(hello, {
    versionMin: wireVersionMin,
    versionMax: wireVersionMax,
    role: "node",
    softwareVersion: "test",
    clusterId: null,
    node,
    auth: null,
    clockMs: 0,
  })
  let met = (): void => undefined
  const isMet = new Promise<void>((resolve) => (met = resolve))
  const open = (socket: Socket) => {
    if (greets) socket.write(hello.bytes, 0, hello.position)
    met()
  }
  listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { open, data: () => undefined } })
  return { port: listener.port, isMet }
}

function dial(port: number): { link: Link; notices: string[]; isOpen: Promise<void> } {
  const notices: string[] = []
  let opened = (): void => undefined
  const isOpen = new Promise<void>((resolve) => (opened = resolve))
  const onNotice = (_level: string, text: string) => {
    notices.push(text)
    if (text.endsWith("is open")) opened()
  }
  const link = new Link(
    {
      address: `127.0.0.1:${port}`,
      channel: "control",
      queueBytesMax: 1024,
      softwareVersion: "test",
      identity: node,
      clusterId: () => null,
      secret: undefined,
      random: () => 0,
      onNotice,
      onTraffic: () => undefined,
    },
    performance.now(),
  )
  link.add((writer) => writePing(writer, 0), performance.now())
  return { link, notices, isOpen }
}

describe("a link", () => {
  it("whose other end is silent is given up, but not for the time in which this node read nothing", async () => {
    const { link, isOpen } = dial(mute(true).port)
    await isOpen
    let now = performance.now() + linkPingMs
    link.tick(now) // late by itself: this node was busy
    expect(link.isOpen).toBe(true)
    // It has pinged. A long turn of the event loop: the answer may lie in the socket.
    now += 20_000
    link.tick(now)
    expect(link.isOpen).toBe(true)
    let ticks = 0
    while (link.isOpen && ticks < 100) {
      link.tick((now += tickMs))
      ticks++
    }
    expect(ticks * tickMs).toBeGreaterThan(linkControlSilentMs - 4 * tickMs)
    expect(ticks * tickMs).toBeLessThanOrEqual(linkControlSilentMs + tickMs)
    link.close()
  })

  it("that is not greeted in time is given up, with the same exception", async () => {
    const { port, isMet } = mute(false)
    const { link, notices } = dial(port)
    await isMet
    let now = performance.now()
    link.tick((now += 20_000))
    expect(notices).toEqual([])
    for (let ticks = 0; ticks * tickMs <= linkDialMs; ticks++) link.tick((now += tickMs))
    expect(notices.join()).toContain("no answer in time")
    link.close()
  })
})
