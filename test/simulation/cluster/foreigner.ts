/**
 * A process of another release: it speaks later versions of the protocol, with or without the present one among them, as a
 * client or as a node. Where none is common it is refused, by an error that it can read; what it says without waiting for that
 * has no effect (the write would show in the histories). Where one is common, the node speaks that.
 *
 * There is one version so far (`wireVersionMin` is `wireVersionMax`), so an earlier one cannot be spoken.
 */
import { operation } from "../../../src/core/entry/operation.ts"
import type { Prng } from "../../../src/core/lib/prng.ts"
import { frameBytesMax } from "../../../src/core/lib/limits.ts"
import { code } from "../../../src/wire/errors.ts"
import { FrameReader, frameState } from "../../../src/wire/frame.ts"
import {
  decodeFirstFrame,
  negotiateVersion,
  versionRefusal,
  wireVersionMax,
  writeHello,
} from "../../../src/wire/hello.ts"
import { decodeReply, Reply, replyKind } from "../../../src/wire/reply.ts"
import { RequestWriter } from "../../../src/wire/request-writer.ts"
import { Writer } from "../../../src/wire/writer.ts"
import { bytesOf } from "../data/message.ts"
import type { Host, Input, Logic } from "../machine.ts"
import type { StreamHandle } from "../streams.ts"
import type { Checks, Coverage } from "../violation.ts"
import { helloOf } from "./sluggard.ts"

const later = [
  [wireVersionMax + 1, wireVersionMax + 1],
  [wireVersionMax + 1, wireVersionMax + 3],
  [wireVersionMax, wireVersionMax + 1],
] as const
const timeLeftMs = 10_000

export class Foreigner<Contents> implements Logic {
  private readonly host: Host<Contents>
  private readonly prng: Prng
  private readonly addresses: readonly string[]
  private readonly checks: Checks
  private readonly coverage: Coverage
  private end: StreamHandle | undefined
  private reader = new FrameReader(frameBytesMax)
  private versions: readonly [number, number] = later[0]
  private isNode = false
  private frames = 0

  constructor(
    host: Host<Contents>,
    prng: Prng,
    addresses: readonly string[],
    checks: Checks,
    coverage: Coverage,
  ) {
    this.host = host
    this.prng = prng
    this.addresses = addresses
    this.checks = checks
    this.coverage = coverage
  }

  handle(input: Input): void {
    if (input.kind === "tick" && this.prng.chance(1, 40)) this.dial()
    if (input.kind !== "stream" || input.end !== this.end) return
    const { event } = input
    if (event.what === "opened") this.greet(input.end)
    else if (event.what === "closed") this.end = undefined
    else if (event.what === "bytes") this.receive(event.bytes)
  }

  private dial(): void {
    const { host, prng } = this
    if (this.end !== undefined) host.close(this.end)
    this.reader = new FrameReader(frameBytesMax)
    this.frames = 0
    this.versions = prng.pick(later)
    this.isNode = prng.chance(1, 3)
    this.end = host.dial(prng.pick(this.addresses))
  }

  private get isUnderstood(): boolean {
    return negotiateVersion(...this.versions) !== 0
  }

  private greet(end: StreamHandle): void {
    const writer = new Writer(256)
    const node = { nodeId: "1-1-1-1", storageId: "foreign", boot: 1 }
    const hello = helloOf(...this.versions)
    writeHello(writer, this.isNode ? { ...hello, role: "node", node } : hello)
    this.host.write(end, writer.bytes.subarray(0, writer.position), "hello")
    if (this.isNode) return
    const request = new RequestWriter(256)
    if (this.isUnderstood) request.plainRequest(operation.ping, 1, 0, timeLeftMs)
    else {
      const [client, none] = [bytesOf("foreign-client-0"), new Uint8Array(0)]
      const [alias, content] = [bytesOf("key0"), bytesOf("foreign")]
      request.writeRequest(operation.update, 1, 0, timeLeftMs, client, 1, 1, alias, content, none, 0)
    }
    this.host.write(end, request.bytes.subarray(0, request.position), "request")
  }

  private receive(bytes: Uint8Array): void {
    const { reader } = this
    reader.push(bytes)
    while (reader.next() === frameState.whole) {
      if (this.frames++ === 0) this.answered(reader.bytes, reader.start, reader.end)
      else this.replied(reader.bytes, reader.start, reader.end)
    }
    reader.hold()
  }

  private answered(bytes: Uint8Array, start: number, end: number): void {
    const first = decodeFirstFrame(bytes, start, end)
    const { versions, isUnderstood } = this
    // A node without the secret has not been believed, whatever it speaks.
    if (this.isNode && isUnderstood) return
    const isRefused =
      first.kind === "refusal" &&
      first.code === code.unsupported_version &&
      first.message === versionRefusal(...versions)
    const isGreeted =
      first.kind === "hello" && negotiateVersion(first.hello.versionMin, first.hello.versionMax) !== 0
    this.checks.that("I20", isUnderstood ? isGreeted : isRefused, () => {
      return `whoever speaks versions ${versions.join(" to ")} is answered ${JSON.stringify(first)}`
    })
    this.coverage.count(isUnderstood ? "common version spoken" : "refusal: unsupported_version")
  }

  private replied(bytes: Uint8Array, start: number, end: number): void {
    const reply = new Reply()
    const isPong = decodeReply(bytes, start, end, reply) === 0 && reply.kind === replyKind.done
    this.checks.that("I20", this.isUnderstood && isPong, () => {
      return `whoever speaks versions ${this.versions.join(" to ")} is told more than a pong`
    })
  }
}
