/**
 * What the node wants done (`NodeHost`), done: answers into the sessions that asked, messages into links, records and reads
 * to the storage. Nothing is handed back to the node from within a call.
 */
import type { DurableRecord, PeerMessage } from "../../core/member/event.ts"
import type { DataMessage } from "../../core/node/data-message.ts"
import type { NodeHost } from "../../core/node/host.ts"
import type { FlushedSlot, TailWanted } from "../../core/replication/transfer.ts"
import type { View } from "../../core/view/view.ts"
import type { Storage } from "../../storage/storage.ts"
import { encodeRecord } from "../../wire/peer/record.ts"
import { Answers } from "../net/answers.ts"
import type { Cluster } from "./cluster.ts"
import type { Driver } from "./driver.ts"

export interface HostEvents {
  readonly onView: (view: View) => void
  readonly onStop: (outcome: "stopped" | "failed", reason: string) => void
  readonly onStartOver: (reason: string) => void
}

export class Host extends Answers implements NodeHost {
  private readonly driver: Driver
  private readonly storage: Storage
  private readonly cluster: Cluster
  private readonly events: HostEvents

  constructor(driver: Driver, storage: Storage, cluster: Cluster, events: HostEvents) {
    super(
      storage.memory,
      (slot, alias) => storage.load(slot, alias),
      (session) => driver.markDirty(session),
    )
    this.driver = driver
    this.storage = storage
    this.cluster = cluster
    this.events = events
  }

  send(address: string, message: PeerMessage): void {
    this.cluster.links.send(address, message, this.driver.clock.monotonicMs)
  }

  sendData(address: string, message: DataMessage): void {
    this.cluster.links.sendData(address, message, this.driver.clock.monotonicMs)
  }

  persistMeta(token: number, records: readonly DurableRecord[]): void {
    const encoded = records.map((record) => ({ key: record.key, value: encodeRecord(record) }))
    this.storage.meta.write(token, encoded)
  }

  readSlot(token: number, slot: number, after: Uint8Array | undefined, bytesMax: number): void {
    this.storage.readSlot(slot, after, bytesMax).then(
      (piece) => this.driver.slotPiece(token, piece),
      (error: Error) => {
        this.log("error", `reading slot ${slot} for a replica failed: ${error.message}`)
        this.driver.slotPiece(token, undefined)
      },
    )
  }

  readTail(token: number, wanted: readonly TailWanted[], bytesMax: number): void {
    this.storage.readTail(wanted, bytesMax).then(
      (piece) => this.driver.tailPiece(token, piece),
      (error: Error) => {
        this.log("error", `reading the log for a replica failed: ${error.message}`)
        this.driver.tailPiece(token, undefined)
      },
    )
  }

  settle(position: number): void {
    this.storage.settle(position)
  }

  isTableAwaited(): boolean {
    return this.storage.isTableAwaited
  }

  flushedSlot(slot: number): FlushedSlot | undefined {
    return this.storage.flushedSlot(slot)
  }

  log(level: "info" | "warning" | "error", text: string): void {
    this.cluster.log(level, text)
  }

  view(view: View): void {
    this.events.onView(view)
  }

  stop(outcome: "stopped" | "failed", reason: string): void {
    this.events.onStop(outcome, reason)
  }

  startOver(reason: string): void {
    this.events.onStartOver(reason)
  }
}
