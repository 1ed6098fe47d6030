/** The links of a node, one per address and channel: made when something is to be sent, gone when idle for long. */
import { linkBulkBytesMax, linkControlBytesMax } from "../../core/lib/limits.ts"
import type { PeerMessage } from "../../core/member/event.ts"
import type { DataMessage } from "../../core/node/data-message.ts"
import { writeControl, writeData } from "../../wire/peer/frame.ts"
import type { Writer } from "../../wire/writer.ts"
import { type Channel, Link, type LinkOptions } from "./link.ts"

export type LinksOptions = Omit<LinkOptions, "address" | "channel" | "queueBytesMax" | "onTraffic">

export class Links {
  readonly traffic = { bytesIn: 0, bytesOut: 0, dropped: 0 }
  private readonly options: LinksOptions
  private readonly byKey = new Map<string, Link>()
  private readonly dirty = new Set<Link>()
  private readonly onDirty: () => void
  private closed = false

  /** @param onDirty something waits for `flush` */
  constructor(options: LinksOptions, onDirty: () => void) {
    this.options = options
    this.onDirty = onDirty
  }

  send(address: string, message: PeerMessage, nowMs: number): void {
    this.add(address, "control", (writer) => writeControl(writer, message), nowMs)
  }

  /** Acknowledgements go with the heartbeats: where there is no room for records they must still come through. */
  sendData(address: string, message: DataMessage, nowMs: number): void {
    const { kind } = message.body
    const channel = kind === "appended" || kind === "taken" ? "control" : "bulk"
    this.add(address, channel, (writer) => writeData(writer, message), nowMs)
  }

  get isDirty(): boolean {
    return this.dirty.size > 0
  }

  /** Throws away what waits on the bulk links, as if the network had lost it. */
  forget(nowMs: number): void {
    for (const link of this.byKey.values()) if (link.options.channel === "bulk") link.forget(nowMs)
  }

  private add(address: string, channel: Channel, write: (writer: Writer) => void, nowMs: number): void {
    if (this.closed) return
    const link = this.linkTo(address, channel, nowMs)
    if (!link.add(write, nowMs)) {
      this.traffic.dropped++
      return
    }
    if (this.dirty.size === 0) this.onDirty()
    this.dirty.add(link)
  }

  private linkTo(address: string, channel: Channel, nowMs: number): Link {
    const key = `${channel} ${address}`
    const known = this.byKey.get(key)
    if (known !== undefined) return known
    const queueBytesMax = channel === "control" ? linkControlBytesMax : linkBulkBytesMax
    const onTraffic = (bytesIn: number, bytesOut: number) => {
      this.traffic.bytesIn += bytesIn
      this.traffic.bytesOut += bytesOut
    }
    const link = new Link({ ...this.options, address, channel, queueBytesMax, onTraffic }, nowMs)
    this.byKey.set(key, link)
    return link
  }

  /** At the end of a turn: one write per link. */
  flush(nowMs: number): void {
    for (const link of this.dirty) link.flush(nowMs)
    this.dirty.clear()
  }

  tick(nowMs: number): void {
    for (const [key, link] of this.byKey) if (!link.tick(nowMs)) this.byKey.delete(key)
  }

  /** Sends what is queued, as far as the system takes it, and closes. */
  close(nowMs: number): void {
    this.flush(nowMs)
    this.closed = true
    for (const link of this.byKey.values()) link.close()
    this.byKey.clear()
  }
}
