/**
 * A client that asks and does not read: it says hello, asks for one entry after the other, and leaves all answers in its
 * connection until the node closes it, or until it has enough. What a node keeps for it is bounded, and so is for how long.
 */
import type { Prng } from "../../../src/core/lib/prng.ts"
import { operation } from "../../../src/core/entry/operation.ts"
import { type Hello, wireVersionMax, wireVersionMin, writeHello } from "../../../src/wire/hello.ts"
import { RequestWriter } from "../../../src/wire/request-writer.ts"
import { Writer } from "../../../src/wire/writer.ts"
import { bytesOf } from "../data/message.ts"
import type { Host, Input, Logic } from "../machine.ts"
import type { StreamHandle } from "../streams.ts"

/** Longer than a node keeps answers that nobody reads. */
const patienceTicks = 600
const timeLeftMs = 20_000

export class Sluggard<Contents> implements Logic {
  private readonly host: Host<Contents>
  private readonly prng: Prng
  private readonly addresses: readonly string[]
  private readonly aliases: readonly string[]
  private end: StreamHandle | undefined
  private isOpen = false
  private ticks = 0
  private lastId = 0

  constructor(host: Host<Contents>, prng: Prng, addresses: readonly string[], aliases: readonly string[]) {
    this.host = host
    this.prng = prng
    this.addresses = addresses
    this.aliases = aliases
  }

  handle(input: Input): void {
    if (input.kind === "tick") this.tick()
    if (input.kind !== "stream" || input.end !== this.end) return
    const { what } = input.event
    if (what === "closed") this.end = undefined
    if (what !== "opened") return
    this.isOpen = true
    const hello = new Writer(256)
    writeHello(hello, helloOf(wireVersionMin, wireVersionMax))
    this.host.hold(input.end)
    this.say(hello.bytes, hello.position)
  }

  private tick(): void {
    const { host, prng } = this
    if (this.end === undefined) {
      this.ticks = 0
      this.isOpen = false
      if (prng.chance(1, 50)) this.end = host.dial(prng.pick(this.addresses))
      return
    }
    if (++this.ticks > patienceTicks) {
      host.close(this.end)
      this.end = undefined
    } else if (this.isOpen && prng.chance(1, 10)) {
      const request = new RequestWriter(256)
      request.aliasRequest(operation.get, ++this.lastId, 0, timeLeftMs, bytesOf(prng.pick(this.aliases)))
      this.say(request.bytes, request.position)
    }
  }

  /** What does not go out at once is not said; a node that reads no more is left. */
  private say(bytes: Uint8Array, length: number): void {
    const { end, host } = this
    if (end === undefined || host.write(end, bytes.subarray(0, length), "request") === length) return
    host.close(end)
    this.end = undefined
  }
}

export function helloOf(versionMin: number, versionMax: number): Hello {
  return {
    versionMin,
    versionMax,
    role: "client",
    softwareVersion: "simulated",
    clusterId: null,
    node: null,
    auth: null,
    clockMs: 0,
  }
}
