/** Connections of the simulated world give what TCP gives, and no more. */
import { describe, expect, it } from "vitest"
import type { Host, Input, Logic, Machine } from "./machine.ts"
import type { LinkQuality } from "./network.ts"
import type { StreamHandle } from "./streams.ts"
import { Trace } from "./trace.ts"
import { World } from "./world.ts"

const bad: LinkQuality = {
  delayMsMin: 1,
  delayMsMax: 300,
  lossPerMille: 300,
  duplicatePerMille: 300,
  latePerMille: 100,
  lateMsMax: 60_000,
  reorders: true,
}

/** Machine 0 dials machine 1 and writes; both note what they hear. */
class Talker implements Logic {
  readonly heard: string[] = []
  end: StreamHandle | undefined
  /** Of the last write. */
  taken = 0
  private readonly host: Host<null>
  private readonly dials: boolean

  constructor(host: Host<null>, dials: boolean) {
    this.host = host
    this.dials = dials
  }

  handle(input: Input): void {
    if (input.kind === "start" && this.dials) this.end = this.host.dial("n1:2836")
    if (input.kind === "command" && this.end !== undefined) {
      if (input.command === "close") this.host.close(this.end)
      else if (input.command === "hold") this.host.hold(this.end)
      else if (input.command === "release") this.host.release(this.end)
      else this.taken = this.host.write(this.end, Buffer.from(input.command), "request")
    }
    if (input.kind !== "stream") return
    const { event } = input
    if (event.what === "accepted") this.end = input.end
    this.heard.push(event.what === "bytes" ? Buffer.from(event.bytes).toString() : event.what)
  }
}

function pair(seed: number, network: LinkQuality, bufferBytes?: number) {
  const observer = { sending() {}, durable() {}, stepped() {}, dying() {}, resumed() {} }
  const options = {
    seed,
    network,
    disk: { latencyMsMin: 0, latencyMsMax: 0 },
    tickMs: 100,
    wallErrorMs: 0,
    ...(bufferBytes === undefined ? {} : { bufferBytes }),
  }
  const world = new World<null>(
    options,
    (machine, host) => new Talker(host, machine.index === 0),
    observer,
    new Trace(),
    () => null,
  )
  const [a, b] = [world.addMachine(null), world.addMachine(null)]
  world.start(b)
  world.start(a)
  const logicOf = (machine: Machine<null>) => machine.logic as Talker
  return { world, a, b, logicOf }
}

describe("a connection", () => {
  it("brings all, once and in order, over a network that loses, doubles and reorders", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { world, a, b, logicOf } = pair(seed, bad)
      const texts = Array.from({ length: 50 }, (_, i) => `<${i}>`)
      for (const text of texts) world.command(a, text)
      world.run(120_000)
      expect(logicOf(a).heard).toEqual(["opened"])
      expect(logicOf(b).heard.join("")).toBe(`accepted${texts.join("")}`)
    }
  })

  it("says good-bye for a process that was killed, and after what it had written", () => {
    const { world, a, b, logicOf } = pair(1, bad)
    world.run(10_000)
    world.command(a, "last words")
    world.kill(a, false, undefined)
    world.run(60_000)
    expect(logicOf(b).heard).toEqual(["accepted", "last words", "closed"])
  })

  it("says nothing for a machine without power, and is not known there afterwards", () => {
    const { world, a, b, logicOf } = pair(1, bad)
    world.run(10_000)
    world.kill(a, true, undefined)
    world.run(20_000)
    expect(logicOf(b).heard).toEqual(["accepted"])
    world.command(b, "hello?")
    world.run(30_000)
    expect(logicOf(b).heard).toEqual(["accepted"])
    world.start(a)
    world.run(60_000)
    // That it dials anew and that nobody knows the old connection arrive in either order.
    expect(logicOf(b).heard.toSorted()).toEqual(["accepted", "accepted", "closed"])
  })

  it("is refused where no process runs", () => {
    const { world, a, b, logicOf } = pair(1, bad)
    world.kill(b, false, undefined)
    world.run(60_000)
    expect(logicOf(a).heard).toEqual(["closed"])
  })

  it("breaks in the middle of what is under way", () => {
    const slow: LinkQuality = { ...bad, lossPerMille: 0, latePerMille: 0, delayMsMin: 100, delayMsMax: 100 }
    const { world, a, b, logicOf } = pair(1, slow)
    world.run(1_000)
    world.command(a, "0123456789")
    world.command(a, "behind it")
    expect(world.streams.breakAll(a)).toBe(1)
    world.run(5_000)
    expect(logicOf(b).heard).toEqual(["accepted", "01234", "closed"])
    expect(logicOf(a).heard).toEqual(["opened", "closed"])
  })

  it("closes from either side, and brings nothing afterwards", () => {
    const { world, a, b, logicOf } = pair(3, bad)
    world.run(10_000)
    world.command(a, "close")
    world.run(20_000)
    world.command(b, "too late")
    world.run(30_000)
    expect(logicOf(a).heard).toEqual(["opened"])
    expect(logicOf(b).heard).toEqual(["accepted", "closed"])
  })

  it("takes what there is room for, and tells when half of it is free again", () => {
    const { world, a, b, logicOf } = pair(5, bad, 8)
    world.run(10_000)
    world.command(b, "hold")
    world.command(a, "12345")
    expect(logicOf(a).taken).toBe(5)
    world.command(a, "67890")
    expect(logicOf(a).taken).toBe(3)
    world.run(60_000)
    world.command(a, "more")
    expect(logicOf(a).taken).toBe(0)
    expect(logicOf(b).heard).toEqual(["accepted"])
    expect(logicOf(a).heard).toEqual(["opened"])
    world.command(b, "release")
    world.run(90_000)
    expect(logicOf(b).heard).toEqual(["accepted", "12345", "678"])
    expect(logicOf(a).heard).toEqual(["opened", "drained"])
  })

  it("brings what was not read before the good-bye behind it", () => {
    const { world, a, b, logicOf } = pair(5, bad)
    world.run(10_000)
    expect(world.streams.holdAll(b)).toBe(true)
    expect(world.streams.holdAll(b)).toBe(false)
    world.command(a, "unread")
    world.kill(a, false, undefined)
    world.run(60_000)
    expect(logicOf(b).heard).toEqual(["accepted"])
    world.streams.releaseAll(b)
    expect(logicOf(b).heard).toEqual(["accepted", "unread", "closed"])
  })

  it("throws away what was not read when it is reset", () => {
    const { world, a, b, logicOf } = pair(5, bad)
    world.run(10_000)
    world.streams.holdAll(b)
    world.command(a, "unread")
    world.run(20_000)
    world.streams.breakAll(a)
    world.run(60_000)
    world.streams.releaseAll(b)
    expect(logicOf(b).heard).toEqual(["accepted", "closed"])
  })
})
