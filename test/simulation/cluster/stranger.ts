/**
 * A process without the cluster's secret that hears what passes between nodes, and speaks to them in the name of members:
 * it says that backups hold what they have not got, and repeats what it has overheard. Where the secret is asked for, none
 * of it may reach a node (I26); where it is not, that is the end of what was promised.
 */
import type { Prng } from "../../../src/core/lib/prng.ts"
import type { PeerMessage } from "../../../src/core/member/event.ts"
import type { DataMessage } from "../../../src/core/node/data-message.ts"
import { type Hello, type NodeIdentity, writeHello } from "../../../src/wire/hello.ts"
import { writeControl, writeData, writeProof } from "../../../src/wire/peer/frame.ts"
import { Writer } from "../../../src/wire/writer.ts"
import type { Host, Input, Logic } from "../machine.ts"
import type { StreamHandle } from "../streams.ts"

/** What it was last told of the cluster's talk. */
export interface Overheard {
  append: DataMessage | undefined
  control: PeerMessage | undefined
  /** Of the sender of `control`. */
  nodeId: string
}

/** How it tries: it proves nothing, it proves something else, or it does not wait to be asked. */
const ways = ["nothing", "other", "atOnce"] as const

export class Stranger<Contents> implements Logic {
  private readonly host: Host<Contents>
  private readonly prng: Prng
  private readonly addresses: readonly string[]
  private readonly overheard: Overheard
  private way: (typeof ways)[number] = "nothing"
  private end: StreamHandle | undefined
  private speech: Uint8Array = new Uint8Array(0)

  constructor(host: Host<Contents>, prng: Prng, addresses: readonly string[], overheard: Overheard) {
    this.host = host
    this.prng = prng
    this.addresses = addresses
    this.overheard = overheard
  }

  handle(input: Input): void {
    if (input.kind === "tick") this.tick()
    if (input.kind !== "stream" || input.end !== this.end) return
    const { event } = input
    if (event.what === "opened") this.greet(input.end)
    else if (event.what === "closed") this.end = undefined
    else if (event.what === "bytes" && this.way !== "atOnce") this.speak(input.end)
  }

  private tick(): void {
    if (!this.prng.chance(1, 10)) return
    if (this.end !== undefined) this.host.close(this.end)
    this.way = this.prng.pick(ways)
    this.end = this.host.dial(this.prng.pick(this.addresses))
  }

  private greet(end: StreamHandle): void {
    const { overheard, prng } = this
    const lie = prng.chance(2, 3) ? forgedFrom(overheard.append) : undefined
    const from = lie?.from ?? overheard.control?.from
    if (from === undefined) return
    const identity = { nodeId: overheard.nodeId, storageId: from.storageId, boot: from.boot }
    const writer = new Writer(256)
    if (lie !== undefined) writeData(writer, lie)
    else if (overheard.control !== undefined) writeControl(writer, overheard.control)
    this.speech = writer.bytes.slice(0, writer.position)
    const greeting = new Writer(256)
    writeHello(greeting, helloOf(identity, this.way === "nothing" ? null : this.noise()))
    this.host.write(end, greeting.bytes.subarray(0, greeting.position), "hello")
    if (this.way === "atOnce") this.speak(end)
  }

  private speak(end: StreamHandle): void {
    const writer = new Writer(64)
    if (this.way === "other") writeProof(writer, this.noise())
    this.host.write(end, writer.bytes.subarray(0, writer.position), "proof")
    this.host.write(end, this.speech, "lie")
  }

  private noise(): Uint8Array {
    return Uint8Array.from({ length: 32 }, () => this.prng.below(256))
  }
}

/** The backup that this was sent to has it all, if one believes this. */
function forgedFrom(append: DataMessage | undefined): DataMessage | undefined {
  if (append?.body.kind !== "append") return undefined
  const { clusterId, from, to, epoch, body } = append
  const acknowledged = body.segments.map(({ slot, slotEpoch, previousSequence, commitSequence, count }) => ({
    slot,
    slotEpoch,
    sequence: previousSequence + count,
    committedSequence: commitSequence,
  }))
  return {
    clusterId,
    // In whose boot is a guess: the first.
    from: { storageId: to, boot: 1 },
    to: from.storageId,
    epoch,
    body: { kind: "appended", number: body.number, acknowledged, refused: [] },
  }
}

function helloOf(node: NodeIdentity, auth: Uint8Array | null): Hello {
  return {
    versionMin: 1,
    versionMax: 1,
    role: "node",
    softwareVersion: "stranger",
    clusterId: null,
    node,
    auth,
    clockMs: 0,
  }
}
