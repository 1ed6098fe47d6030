/**
 * A node of a cluster as its driver sees it: `NodeInput` is what happens to it, `NodeHost` what it wants done. It has no
 * clock, no timer and no I/O of its own.
 *
 * The driver's contract, in order:
 * 1. One event at a time, each with clocks read for it (`now` of one turn of the event loop may be shared). Calls of the
 *    host are carried out in their order, after the event's call has returned or before; the node does not care, except
 *    that nothing may be handed in from within a call of the host.
 * 2. Before `request` there is room in the log for one record more; before `data` for as many bytes of records as the
 *    message holds; before `tick` and `loaded` for a record. Where there is none the event waits (and with it the socket).
 * 3. At the end of each turn: `endTurn`, which hands batches to the links; then the storage's `publish`.
 * 4. Before answers leave for a socket, read the clocks anew and ask `answersHold`. If it says no, a lease has ended since
 *    they were written: throw them away and close the connections that they were for.
 * 5. `persisted` when the log's durable position has moved; `metaPersisted` when the records of a token are on disk, in the
 *    order of their tokens. An error of either disk is fatal: stop the process, never retry.
 * 6. `tick` every 100 ms or oftener, never less often on purpose: every time-out rests on it.
 * 7. Messages may be lost, doubled, delayed and reordered; to an address that does not answer they are dropped.
 * 8. `stop` and `startOver` of the host end the process: nothing is handed in any more.
 *
 * Start: make the node, hand what storage recovers to `recovery()`, then `start` with what `meta.db` holds. The node
 * serves once the host's `view` was called and a lease has come; until then requests get `unstable_cluster`.
 */
import type { Request } from "../entry/request.ts"
import type { Now } from "../lib/clock.ts"
import type { DurableRecord, PeerMessage, Recovered } from "../member/event.ts"
import type { Order } from "../member/order.ts"
import type { Requester } from "../replication/prepared.ts"
import type { FlushedSlot, SlotPiece, TailPiece, TailWanted } from "../replication/transfer.ts"
import type { Address, StorageId, View } from "../view/view.ts"
import type { DataMessage } from "./data-message.ts"
import type { Output } from "./output.ts"

export interface NodeInput {
  start(recovered: Recovered, now: Now): void
  /** One get, get_expiry or write of a client on this node. `request` is good only during the call. */
  request(request: Request, requester: Requester, now: Now): void
  /** From a control link. */
  control(message: PeerMessage, now: Now): void
  /** From a bulk link. */
  data(message: DataMessage, now: Now): void
  /** The log is durable up to here. */
  persisted(position: number, now: Now): void
  metaPersisted(token: number, now: Now): void
  /** See `Output.load`. `failed`: the entry's bytes do not match their checksum. */
  loaded(alias: string, found: boolean, failed: boolean, now: Now): void
  /** Storage could not read something of this slot. @returns whether another replica can serve it instead */
  damaged(slot: number): boolean
  /** The answer to `readSlot`; undefined: it could not be read. */
  slotPiece(token: number, piece: SlotPiece | undefined, now: Now): void
  /** The answer to `readTail`; undefined: it could not be read. */
  tailPiece(token: number, piece: TailPiece | undefined, now: Now): void
  tick(now: Now): void
  endTurn(now: Now): void
  /** `stop`: clean stop, comes back later. `leave`: permanent removal, all replicas move away first. */
  stop(how: "stop" | "leave", now: Now): void
  /** An operator's wish; to be given to a voter. */
  order(order: Order, forMs: number, now: Now): void
  /** Whether all answers written so far may still leave. To be asked with clocks read anew. */
  answersHold(now: Now): boolean
  /** Storage believes that this entry (latin1) of a slot whose primary is here has expired. */
  expire(alias: string, now: Now): void
}

export interface NodeHost extends Output {
  /** By the control link. */
  send(address: Address, message: PeerMessage): void
  /** By the bulk link; what cannot be sent soon may be dropped. */
  sendData(address: Address, message: DataMessage): void
  /** Writes the records atomically, after those of earlier tokens, fsynced always; `metaPersisted` follows. */
  persistMeta(token: number, records: readonly DurableRecord[]): void
  /** `slotPiece` follows: entries of a state that holds at least all that was applied when the call was made. */
  readSlot(token: number, slot: number, after: Uint8Array | undefined, bytesMax: number): void
  /** `tailPiece` follows. */
  readTail(token: number, wanted: readonly TailWanted[], bytesMax: number): void
  /** See `Storage.settle`. */
  settle(position: number): void
  /** See `Storage.isTableAwaited`. */
  isTableAwaited(): boolean
  /** See `Storage.flushedSlot`. */
  flushedSlot(slot: number): FlushedSlot | undefined
  log(level: "info" | "warning" | "error", text: string): void
  /** Who asked went by an older view, and so to the wrong node: this is the epoch of the present one. */
  outdated(requester: Requester, epoch: number): void
  /** A view was adopted and is on disk. */
  view(view: View): void
  /** The process must end: `failed` with an error for the operator, `stopped` after a clean stop or removal. */
  stop(outcome: "stopped" | "failed", reason: string): void
  /** Discard the directory's identity and start again with a new storage id: nothing was stored yet. */
  startOver(reason: string): void
}

/** Who this node is; `address` is the one that it listens on and tells others. */
export interface NodeIdentity {
  readonly nodeId: string
  readonly storageId: StorageId
  readonly boot: number
  readonly address: Address
}
